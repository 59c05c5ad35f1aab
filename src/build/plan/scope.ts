/** Which variables an instruction sees, and with what values. */

import { expandWord, expandWords, type ExpandOptions } from '../dockerfile/expand.ts'
import type { ArgDeclaration } from '../dockerfile/instruction.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'

/** Given without a declaration, for RUN alone, and in no history. @see "Predefined ARGs" */
const PROXIES: readonly string[] = ['HTTP', 'HTTPS', 'FTP', 'NO', 'ALL'].flatMap((name) => [
  `${name}_PROXY`,
  `${name.toLowerCase()}_proxy`,
])

/** What `FROM` sees: arguments before the first stage, and those of the platform. */
export class GlobalScope {
  readonly #given: Readonly<Record<string, string>>
  readonly #platform: Readonly<Record<string, string>>
  readonly #values = new Map<string, string>()
  readonly #used = new Set<string>()

  constructor(
    given: Readonly<Record<string, string>>,
    platform: { readonly os: string; readonly architecture: string; readonly variant?: string },
  ) {
    this.#given = given
    this.#platform = platformArgs(platform)
  }

  /** @throws {Problem} */
  declare({ name, value }: ArgDeclaration, escape: string): void {
    const given = this.given(name.text)
    const expanded = value && this.expand(value, escape)
    const result = given ?? expanded ?? this.#platform[name.text]
    if (result !== undefined) this.#values.set(name.text, result)
  }

  /** `text` with global variables. @throws {Problem} */
  expand(word: Word, escape: string): string {
    return expandAt(word, { get: (name) => this.get(name), escape })
  }

  get(name: string): string | undefined {
    return this.#values.get(name) ?? this.platformArg(name)
  }

  /** The value of a `--build-arg`, which then counts as used. */
  given(name: string): string | undefined {
    if (!Object.hasOwn(this.#given, name)) return undefined
    this.#used.add(name)
    return this.#given[name]
  }

  declared(name: string): string | undefined {
    return this.#values.get(name)
  }

  platformArg(name: string): string | undefined {
    return (
      this.given(name) ?? (Object.hasOwn(this.#platform, name) ? this.#platform[name] : undefined)
    )
  }

  /** Proxies of the caller, for RUN. */
  proxies(): Readonly<Record<string, string>> {
    const entries = PROXIES.flatMap((name) => {
      const value = this.given(name)
      return value === undefined ? [] : [[name, value] as const]
    })
    return Object.fromEntries(entries)
  }

  /** Arguments that were given and that nothing asked for. */
  unused(): readonly string[] {
    return Object.keys(this.#given).filter(
      (name) => !this.#used.has(name) && !PROXIES.includes(name) && !name.startsWith('BUILDKIT_'),
    )
  }
}

/** What the instructions of one stage see. `ENV` hides `ARG`, whatever comes first. */
export class StageScope {
  readonly env: Map<string, string>
  readonly args: Map<string, string>
  readonly #global: GlobalScope

  constructor(
    global: GlobalScope,
    inherited: { readonly env: readonly string[]; readonly args: ReadonlyMap<string, string> },
  ) {
    this.#global = global
    this.env = new Map(inherited.env.map((entry) => splitEntry(entry)))
    this.args = new Map(inherited.args)
  }

  get(name: string): string | undefined {
    return this.env.get(name) ?? this.args.get(name)
  }

  /** The name counts from here on: given, or with its default, or as declared before any stage. */
  declare(name: string, value: string | undefined): void {
    const global = this.#global
    const result = global.given(name) ?? value ?? global.declared(name) ?? global.platformArg(name)
    if (result !== undefined) this.args.set(name, result)
  }

  /** @throws {Problem} placed in the instruction. */
  expand(word: Word, escape: string): string {
    return expandAt(word, { get: (name) => this.get(name), escape })
  }

  /** @throws {Problem} placed in the instruction. */
  expandAll(word: Word, escape: string): readonly string[] {
    return placed(word, () => expandWords(word.text, { get: (name) => this.get(name), escape }))
  }

  /** What a RUN gets: declared arguments, and above them the environment. */
  runEnvironment(): ReadonlyMap<string, string> {
    return new Map([...this.args, ...this.env])
  }
}

function splitEntry(entry: string): readonly [string, string] {
  const at = entry.indexOf('=')
  return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
}

function expandAt(word: Word, options: ExpandOptions): string {
  return placed(word, () => expandWord(word.text, options))
}

/** A mistake inside a word stands so many characters further in the instruction. */
function placed<Result>(word: Word, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const { start = 0, end = word.text.length } = error.span ?? {}
    const span = { start: word.start + start, end: word.start + end }
    throw new Problem(error.message, { hint: error.hint, span })
  }
}

/** @see Dockerfile reference, "Automatic platform ARGs in the global scope" */
function platformArgs(platform: {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}): Readonly<Record<string, string>> {
  const { os, architecture, variant } = platform
  const text = [os, architecture, variant].filter(Boolean).join('/')
  const of = (prefix: string): Record<string, string> => ({
    [`${prefix}PLATFORM`]: text,
    [`${prefix}OS`]: os,
    [`${prefix}ARCH`]: architecture,
    [`${prefix}VARIANT`]: variant ?? '',
  })
  return { ...of('TARGET'), ...of('BUILD') }
}
