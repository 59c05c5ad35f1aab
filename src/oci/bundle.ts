/** Reads a bundle's config.json and says everything that is wrong with it. */

import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ZodType } from 'zod'
import { UsageError, errorText } from '../errors.ts'
import { OCI_CONFIG_BYTES_MAX } from '../limits.ts'
import { capabilityName, RLIMITS } from '../linux/index.ts'
import { mountProblems } from './mount-options.ts'
import type { RuntimeSpec, SpecProcess, SpecResources } from './spec.ts'

/** A bundle whose config can be run. */
export interface Bundle {
  /** Absolute. */
  readonly directory: string
  /** Absolute path of its root file system. */
  readonly root: string
  readonly spec: RuntimeSpec
}

/** Throws USAGE with all problems of the file at once. */
export async function readBundle(directory: string): Promise<Bundle> {
  const path = join(resolve(directory), 'config.json')
  // Only who creates a container needs it.
  const { runtimeSpec } = await import('./schema.ts')
  const parsed = runtimeSpec.safeParse(readJson(path))
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path: place, message }) => `${nameOf(place)}: ${message}`,
    )
    throw refused(path, problems)
  }
  const spec = withoutNulls(parsed.data) as RuntimeSpec
  const problems = [...problemsOf(spec)]
  if (problems.length > 0) throw refused(path, problems)
  const absolute = resolve(directory)
  return { directory: absolute, root: resolve(absolute, spec.root.path), spec }
}

/** A process alone, as `exec` is given one. Throws USAGE as well. */
export async function readProcess(path: string): Promise<SpecProcess> {
  const { specProcess } = await import('./schema.ts')
  const read = (await readPart(path, specProcess)) as SpecProcess
  const problems = [...processProblems(read)]
  if (problems.length > 0) throw refused(path, problems)
  return read
}

/** Resources alone, as `update` is given them; 0 is standard input. */
export async function readResources(path: string | 0): Promise<SpecResources> {
  const { specResources } = await import('./schema.ts')
  return (await readPart(path, specResources)) as SpecResources
}

async function readPart(path: string | 0, shape: ZodType): Promise<unknown> {
  const parsed = shape.safeParse(path === 0 ? readInput() : readJson(path))
  if (parsed.success) return withoutNulls(parsed.data)
  const problems = parsed.error.issues.map(
    ({ path: place, message }) => `${nameOf(place)}: ${message}`,
  )
  throw refused(path === 0 ? 'standard input' : path, problems)
}

function readInput(): unknown {
  try {
    return JSON.parse(readFileSync(0, 'utf8'))
  } catch (cause) {
    throw refused('standard input', [errorText(cause)])
  }
}

function readJson(path: string): unknown {
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw new Error('it is not a regular file')
    if (stat.size > OCI_CONFIG_BYTES_MAX) throw new Error(`it has ${stat.size} bytes`)
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw refused(path, [errorText(cause)])
  }
}

/** `mounts[2].options`. */
function nameOf(place: readonly PropertyKey[]): string {
  const words = place.map((part, index) =>
    typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
  )
  return words.length === 0 ? 'config.json' : words.join('')
}

/** Go's encoder writes null for what is not set. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null && inner !== undefined)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  )
}

/** What the shape alone cannot say. */
function* problemsOf(spec: RuntimeSpec): Generator<string> {
  if (spec.process) yield* processProblems(spec.process)
  for (const [index, mount] of (spec.mounts ?? []).entries()) {
    for (const problem of mountProblems(mount)) yield `mounts[${index}]: ${problem}`
  }
  yield* namespaceProblems(spec)
  const { seccomp, intelRdt = {} } = spec.linux ?? {}
  if ((seccomp?.listenerPath ?? '') !== '') {
    yield 'linux.seccomp.listenerPath: tsstack hands no system call to a listener; remove it'
  }
  if (Object.keys(intelRdt).length > 0) {
    yield 'linux.intelRdt: tsstack does not use resctrl; remove it'
  }
}

function* namespaceProblems({ linux = {}, hostname = '' }: RuntimeSpec): Generator<string> {
  const types = (linux.namespaces ?? []).map(({ type }) => type)
  for (const type of types.filter((one, at) => types.indexOf(one) !== at)) {
    yield `linux.namespaces: "${type}" is there twice`
  }
  if (hostname !== '' && !types.includes('uts')) {
    yield 'hostname: it needs a uts namespace; add one to linux.namespaces'
  }
  if (linux.timeOffsets && !types.includes('time')) {
    yield 'linux.timeOffsets: they need a time namespace; add one to linux.namespaces'
  }
}

function* processProblems(process: SpecProcess): Generator<string> {
  if ((process.args ?? [])[0] === '' || process.args?.length === 0) {
    yield 'process.args: it says not what to run'
  }
  for (const { type } of process.rlimits ?? []) {
    const name = type.replace('RLIMIT_', '').toLowerCase()
    if (!type.startsWith('RLIMIT_') || !(name in RLIMITS)) {
      yield `process.rlimits: "${type}" is no limit of this kernel`
    }
  }
  for (const [set, names] of Object.entries(process.capabilities ?? {})) {
    const unknown = names.filter((name) => !name.startsWith('CAP_') || !capabilityName(name))
    for (const name of unknown) yield `process.capabilities.${set}: "${name}" is no capability`
  }
}

function refused(path: string, problems: readonly string[]): UsageError {
  const [first = '', ...more] = problems
  const text = more.length === 0 ? first : `${problems.length} problems\n  ${problems.join('\n  ')}`
  return new UsageError(`Cannot run the bundle of "${path}": ${text}`)
}
