/** `RUN --mount=…`: what the command sees besides its image. */

import { didYouMean } from '../../planner/index.ts'
import { Problem } from './problem.ts'
import type { Word } from './words.ts'

/** @see Dockerfile reference, "RUN --mount" */
export type Mount = {
  /** Absolute, or relative to the working directory. */
  readonly target: string
  readonly readOnly: boolean
} & (
  | {
      readonly kind: 'bind'
      /** Stage, named context or image; '' is the context. */
      readonly from: string
      readonly source: string
    }
  | {
      readonly kind: 'cache'
      readonly id: string
      readonly sharing: 'shared' | 'private' | 'locked'
      readonly from: string
      readonly source: string
      readonly owner: Owner
    }
  | { readonly kind: 'tmpfs'; readonly sizeBytes: number | undefined }
  | {
      readonly kind: 'secret' | 'ssh'
      readonly id: string
      readonly required: boolean
      /** Name of the environment variable that holds the secret. */
      readonly env: string | undefined
      readonly owner: Owner
    }
)

export interface Owner {
  readonly mode: number | undefined
  readonly uid: number
  readonly gid: number
}

type Kind = Mount['kind']

const KEYS: Readonly<Record<string, readonly Kind[]>> = {
  type: ['bind', 'cache', 'tmpfs', 'secret', 'ssh'],
  target: ['bind', 'cache', 'tmpfs', 'secret', 'ssh'],
  source: ['bind', 'cache', 'secret'],
  from: ['bind', 'cache'],
  readonly: ['bind', 'cache'],
  readwrite: ['bind', 'cache'],
  id: ['cache', 'secret', 'ssh'],
  sharing: ['cache'],
  required: ['secret', 'ssh'],
  env: ['secret'],
  size: ['tmpfs'],
  mode: ['cache', 'secret', 'ssh'],
  uid: ['cache', 'secret', 'ssh'],
  gid: ['cache', 'secret', 'ssh'],
}
const ALIASES: Readonly<Record<string, string>> = {
  dst: 'target',
  destination: 'target',
  src: 'source',
  ro: 'readonly',
  rw: 'readwrite',
}

/** `expand` replaces variables in values. Throws `Problem`. */
export function parseMount(word: Word, expand: (text: string) => string): Mount {
  const fields = new Fields(word, expand)
  const kind = fields.choice('type', ['bind', 'cache', 'tmpfs', 'secret', 'ssh'], 'bind')
  fields.check(kind)
  switch (kind) {
    case 'bind':
      return {
        kind,
        ...pathsOf(fields),
        target: fields.needed('target'),
        readOnly: fields.isReadOnly(true),
      }
    case 'cache':
      return cacheOf(fields)
    case 'tmpfs':
      return { kind, target: fields.needed('target'), readOnly: false, sizeBytes: fields.size() }
    case 'secret':
    case 'ssh':
      return secretOf(fields, kind)
  }
}

function pathsOf(fields: Fields): { readonly from: string; readonly source: string } {
  return { from: fields.get('from') ?? '', source: fields.get('source') ?? '/' }
}

function cacheOf(fields: Fields): Mount {
  const target = fields.needed('target')
  return {
    kind: 'cache',
    target,
    ...pathsOf(fields),
    readOnly: fields.isReadOnly(false),
    id: fields.get('id') ?? target,
    sharing: fields.choice('sharing', ['shared', 'private', 'locked'], 'shared'),
    owner: fields.owner(),
  }
}

function secretOf(fields: Fields, kind: 'secret' | 'ssh'): Mount {
  const given = fields.get('id') ?? fields.get('source')
  const target = fields.get('target')
  const env = fields.get('env')
  const id = given ?? (kind === 'ssh' ? 'default' : target?.split('/').at(-1))
  if (id === undefined || id === '') {
    throw fields.problem('Cannot mount a secret: it has no id', 'write --mount=type=secret,id=NAME')
  }
  const place = kind === 'ssh' ? '/run/buildkit/ssh_agent.0' : `/run/secrets/${id}`
  return {
    kind,
    id,
    // A secret that is only a variable is no file.
    target: target ?? (env === undefined ? place : ''),
    readOnly: true,
    required: fields.flag('required') ?? false,
    env,
    owner: fields.owner(),
  }
}

/** The `key=value` of one mount. */
class Fields {
  readonly #word: Word
  readonly #values = new Map<string, string>()

  constructor(word: Word, expand: (text: string) => string) {
    this.#word = word
    for (const field of commaSeparated(word.text)) {
      const at = field.indexOf('=')
      const written = (at === -1 ? field : field.slice(0, at)).toLowerCase()
      const key = ALIASES[written] ?? written
      if (!Object.hasOwn(KEYS, key)) throw this.#unknown(written)
      const isSwitch = ['readonly', 'readwrite', 'required'].includes(key)
      if (at === -1 && !isSwitch) {
        throw this.problem(
          `Cannot use "${field}" of the mount: it has no value`,
          `write ${key}=VALUE`,
        )
      }
      this.#values.set(key, at === -1 ? 'true' : expand(field.slice(at + 1)))
    }
  }

  check(kind: Kind): void {
    for (const key of this.#values.keys()) {
      if (KEYS[key]?.includes(kind)) continue
      throw this.problem(`Cannot use "${key}" for a mount of type ${kind}`, 'remove it')
    }
  }

  get(key: string): string | undefined {
    return this.#values.get(key)
  }

  needed(key: string): string {
    const value = this.get(key)
    if (value !== undefined && value !== '') return value
    throw this.problem(`Cannot use the mount: it has no ${key}`, `add ${key}=/some/path`)
  }

  choice<Name extends string>(key: string, names: readonly Name[], fallback: Name): Name {
    const value = this.get(key)?.toLowerCase() ?? fallback
    const found = names.find((name) => name === value)
    if (found !== undefined) return found
    throw this.problem(`Cannot use ${key}=${value} of the mount`, `it can be ${names.join(', ')}`)
  }

  flag(key: string): boolean | undefined {
    const value = this.get(key)?.toLowerCase()
    if (value === undefined) return undefined
    if (['1', 't', 'true'].includes(value)) return true
    if (['0', 'f', 'false'].includes(value)) return false
    throw this.problem(`Cannot use ${key}=${value} of the mount`, 'write true or false')
  }

  isReadOnly(fallback: boolean): boolean {
    const writable = this.flag('readwrite')
    return this.flag('readonly') ?? (writable === undefined ? fallback : !writable)
  }

  owner(): Owner {
    return {
      mode: this.#number('mode', 8),
      uid: this.#number('uid', 10) ?? 0,
      gid: this.#number('gid', 10) ?? 0,
    }
  }

  /** Bytes, with `k`, `m` and `g` as Docker has them. */
  size(): number | undefined {
    const value = this.get('size')
    if (value === undefined) return undefined
    const { n, unit = '' } =
      /^(?<n>\d+(?:\.\d+)?) ?(?<unit>[kmgt]?)i?b?$/iu.exec(value)?.groups ?? {}
    if (n !== undefined)
      return Math.floor(Number(n) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' '))
    throw this.problem(`Cannot use size=${value} of the mount`, 'write it like 64m or 1g')
  }

  problem(message: string, hint: string): Problem {
    return new Problem(message, { span: this.#word, hint })
  }

  #number(key: 'mode' | 'uid' | 'gid', base: 8 | 10): number | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    const isNumber = base === 8 ? /^[0-7]{1,6}$/.test(value) : /^\d{1,10}$/.test(value)
    const number = Number.parseInt(value, base)
    // As in `user:`: what is larger turns negative somewhere.
    if (isNumber && number <= 2_147_483_647) return number
    throw this.problem(`Cannot use ${key}=${value} of the mount`, 'write a number')
  }

  #unknown(key: string): Problem {
    const guess = didYouMean(key, [...Object.keys(KEYS), ...Object.keys(ALIASES)])
    const hint =
      guess === undefined ? `it can have ${Object.keys(KEYS).join(', ')}` : `did you mean ${guess}?`
    return this.problem(`Cannot use "${key}" of the mount: it is unknown`, hint)
  }
}

/** Fields of one line of CSV: a quoted one may hold commas. @see RFC 4180 */
function commaSeparated(text: string): readonly string[] {
  const fields = text.match(/(?:"(?:[^"]|"")*"|[^,])+/gu) ?? []
  return fields.map((field) =>
    field.startsWith('"') && field.endsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field,
  )
}
