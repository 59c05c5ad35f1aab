/**
 * The CDI files of this machine: what vendors say a container needs for their devices.
 * @see https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
 */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError, errorText } from '../../errors.ts'
import { CDI_FILE_BYTES_MAX } from '../../limits.ts'

/** The later one counts where both describe a device. */
const CDI_DIRECTORIES: readonly string[] = ['/etc/cdi', '/var/run/cdi']

export interface CdiEdits {
  readonly env?: readonly string[]
  readonly deviceNodes?: readonly CdiNode[]
  readonly mounts?: readonly CdiMount[]
  readonly hooks?: readonly CdiHook[]
  readonly additionalGids?: readonly number[]
}

export interface CdiHook {
  readonly hookName: string
  readonly path: string
  /** With the name of the program. */
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  /** Seconds. */
  readonly timeout?: number
}

export interface CdiNode {
  readonly path: string
  readonly hostPath?: string
  readonly type?: string
  readonly major?: number
  readonly minor?: number
  readonly fileMode?: number
  readonly permissions?: string
  readonly uid?: number
  readonly gid?: number
}

export interface CdiMount {
  readonly hostPath: string
  readonly containerPath: string
  readonly type?: string
  readonly options?: readonly string[]
}

export interface CdiFile {
  readonly path: string
  /** `vendor.com/class`. */
  readonly kind: string
  readonly devices: ReadonlyMap<string, CdiEdits>
  /** For any device of the file. */
  readonly common: CdiEdits
}

/** Every file that can be read, those of higher priority last; and what is wrong with the rest. */
export async function readCdi(
  directories: readonly string[] = CDI_DIRECTORIES,
): Promise<{ readonly files: readonly CdiFile[]; readonly problems: readonly string[] }> {
  const files: CdiFile[] = []
  const problems: string[] = []
  for (const path of directories.flatMap(filesIn)) {
    try {
      files.push(asFile(path, await parse(path)))
    } catch (error) {
      problems.push(`"${path}": ${errorText(error)}`)
    }
  }
  return { files, problems }
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.(?:json|ya?ml)$/.test(name))
      .sort()
      .map((name) => join(directory, name))
  } catch {
    return []
  }
}

async function parse(path: string): Promise<unknown> {
  const stat = statSync(path)
  if (!stat.isFile()) throw new Error('it is not a regular file')
  if (stat.size > CDI_FILE_BYTES_MAX) throw new Error(`it has ${stat.size} bytes`)
  const text = readFileSync(path, 'utf8')
  if (path.endsWith('.json')) return JSON.parse(text)
  const { parse: parseYaml } = await import('yaml')
  return parseYaml(text, { maxAliasCount: 100 })
}

function asFile(path: string, content: unknown): CdiFile {
  if (!isRecord(content)) throw new Error('it is no map')
  const { cdiVersion, kind, devices, containerEdits = {} } = content
  if (typeof cdiVersion !== 'string') throw new Error('it has no cdiVersion')
  if (typeof kind !== 'string' || !/^[\w.-]+\/[\w.-]+$/.test(kind)) {
    throw new Error('its kind is not written as vendor.com/class')
  }
  const list = Array.isArray(devices) ? devices.filter(isRecord) : []
  const named = list.map((device): [string, CdiEdits] => [
    String(device['name']),
    editsOf(device['containerEdits']),
  ])
  return { path, kind, devices: new Map(named), common: editsOf(containerEdits) }
}

/** Paths are the only thing that could not be what it says: they are checked where they are used. */
function editsOf(value: unknown): CdiEdits {
  if (!isRecord(value)) return {}
  for (const key of ['env', 'deviceNodes', 'mounts', 'hooks', 'additionalGids']) {
    const list = value[key] ?? []
    if (!Array.isArray(list)) throw new Error(`containerEdits.${key} is no list`)
  }
  const { hooks = [] } = value as CdiEdits
  for (const hook of hooks) checkHook(hook)
  for (const key of ['netDevices', 'intelRdt']) {
    if (value[key] !== undefined) throw new Error(`tsstack does not do containerEdits.${key}`)
  }
  return value
}

/** It is run as root: nothing of it is guessed. */
function checkHook(hook: unknown): void {
  const { hookName, path, args = [], env = [], timeout = 1 } = isRecord(hook) ? hook : {}
  if (typeof hookName !== 'string') throw new Error('a hook has no hookName')
  if (typeof path !== 'string' || !path.startsWith('/')) {
    throw new Error(`the path of a ${hookName} hook is not absolute`)
  }
  if (![args, env].every((list) => Array.isArray(list) && list.every(isString))) {
    throw new Error(`args and env of hook "${path}" have to be lists of texts`)
  }
  if (typeof timeout !== 'number' || !(timeout > 0)) {
    throw new Error(`the timeout of hook "${path}" is no number of seconds`)
  }
}

const isString = (value: unknown): boolean => typeof value === 'string'

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The file and the edits of `vendor.com/class=name`. Throws LAUNCH when there is none. */
export function findDevice(
  container: string,
  name: string,
  { files, problems }: Awaited<ReturnType<typeof readCdi>>,
): { readonly file: CdiFile; readonly edits: CdiEdits } {
  const at = name.indexOf('=')
  const [kind, device] = [name.slice(0, at), name.slice(at + 1)]
  const matches = (file: CdiFile): boolean =>
    kind.startsWith('*/') ? file.kind.endsWith(kind.slice(1)) : file.kind === kind
  const file = files.findLast((one) => matches(one) && one.devices.has(device))
  const edits = file?.devices.get(device)
  if (file && edits) return { file, edits }
  const known = files.flatMap((one) => [...one.devices.keys()].map((own) => `${one.kind}=${own}`))
  const seen = known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`
  throw new EngineError(
    'LAUNCH',
    `Cannot give device "${name}" to "${container}": no CDI file describes it; ${seen}` +
      problems.map((problem) => `; Cannot read ${problem}`).join(''),
    { hint: 'install the CDI file of its vendor below /etc/cdi or /var/run/cdi' },
  )
}
