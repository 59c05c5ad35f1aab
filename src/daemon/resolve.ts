/** Which stack a command is about, when it needs no more of it than its name. */

import { sep } from 'node:path'
import type { Engine, StackSummary } from '../engine/index.ts'
import { SpecError, UsageError } from '../errors.ts'
import { LOAD_BYTES_MAX } from '../limits.ts'
import { didYouMean } from '../planner/index.ts'
import { stackName } from './check-request.ts'
import { knownName, rememberName } from './known-names.ts'
import { loadDesired } from './load.ts'
import type { StackInput } from './protocol.ts'
import { InvalidStack } from './wire-error.ts'

/**
 * In this order: `-p`, COMPOSE_PROJECT_NAME, the stack files; and when there is none, or it has
 * errors, the known stack whose files or directory are meant.
 * @throws {UsageError} NO_STACK when nothing fits; also for a name that is given, when neither a
 * known stack has it nor a file says what it may become.
 * @throws {SpecError} of files that have errors, when no known stack fits.
 */
export async function resolveStack(engine: Engine, input: StackInput): Promise<string> {
  const { instance } = input
  const name = givenName(input)
  if (name !== undefined) {
    if (!(await isKnown(engine, name))) await expectFile(engine, input, name)
    return name
  }
  const remembered = knownName(input)
  if (remembered !== undefined) return remembered
  // Only the name is asked for, so that warnings are nobody's concern.
  const loaded = loadDesired({ ...input, strict: false }, LOAD_BYTES_MAX)
  rememberName(input, loaded)
  if (loaded.kind === 'loaded') return loaded.desired.stack
  const known = await engine.stacks()
  const isMeant = ({ name }: StackSummary): boolean =>
    instance === undefined || name.endsWith(`-${instance}`)
  const found = findKnown(known, input).filter(isMeant)
  if (found.length === 1 && found[0] !== undefined) return found[0].name
  if (loaded.kind === 'invalid' && !isMissing(loaded.error)) {
    throw new InvalidStack(loaded.error, loaded.rendered)
  }
  throw noStack({ known, found, cwd: input.cwd })
}

/** What `-p` and `--instance` say; undefined without `-p`. */
export function givenName({ projectName, env, instance }: StackInput): string | undefined {
  const given = projectName ?? (env['COMPOSE_PROJECT_NAME'] || undefined)
  if (given === undefined) return undefined
  const name = stackName(given, 'project name')
  return instance === undefined ? name : `${name}-${instance}`
}

/** Whether anything of a stack of that name is here; its volumes outlive `down`. */
export async function isKnown(engine: Engine, name: string): Promise<boolean> {
  // First what is known without looking: every `exec -p` comes by.
  if (engine.observeContainers(name).containers.length > 0) return true
  const stacks = await engine.stacks()
  if (stacks.some((stack) => stack.name === name)) return true
  const volumes = await engine.volumes()
  return volumes.some((volume) => volume.stacks.includes(name))
}

/** `; did you mean "shop"?`, or what there is; '' when there is nothing. */
export async function nearestStack(engine: Engine, name: string): Promise<string> {
  const known = await engine.stacks()
  const meant = didYouMean(
    name,
    known.map((stack) => stack.name),
  )
  if (meant !== undefined) return `; did you mean "${meant}"?`
  return known.length > 0 ? `; known stacks: ${names(known)}` : ''
}

/** A stack that is not up yet has at least its file: as with Compose, there is nothing of it then. */
async function expectFile(engine: Engine, input: StackInput, name: string): Promise<void> {
  const loaded = loadDesired({ ...input, strict: false }, LOAD_BYTES_MAX)
  if (loaded.kind !== 'invalid') return
  if (!isMissing(loaded.error)) throw new InvalidStack(loaded.error, loaded.rendered)
  const seen = `there is none, and no stack file here${await nearestStack(engine, name)}`
  throw new UsageError(`Cannot find a stack "${name}": ${seen}`, {
    code: 'NO_STACK',
    hint: 'see: tsstack ls; or name its file with -f FILE',
  })
}

/**
 * Known stacks of the files that were named; without any, of the directory or the nearest above it.
 */
export function findKnown(
  known: readonly StackSummary[],
  { cwd, files = [] }: Pick<StackInput, 'cwd' | 'files'>,
): readonly StackSummary[] {
  const first = files[0]
  if (first !== undefined) {
    const path = first.startsWith('/') ? first : `${cwd}${sep}${first.replace(/^\.\//, '')}`
    return known.filter(({ source }) => source?.files[0] === path)
  }
  const around = known.filter(
    ({ source }) => source !== undefined && contains(source.directory, cwd),
  )
  const deepest = Math.max(...around.map(({ source }) => source?.directory.length ?? 0))
  return around.filter(({ source }) => source?.directory.length === deepest)
}

function contains(directory: string, path: string): boolean {
  return (
    path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep)
  )
}

/** No file at all is what this room has a better answer to. */
function isMissing(error: SpecError): boolean {
  return error.diagnostics.some(({ rule }) => rule === 'no-file')
}

function noStack(seen: {
  readonly known: readonly StackSummary[]
  readonly found: readonly StackSummary[]
  readonly cwd: string
}): UsageError {
  if (seen.found.length > 1) {
    return new UsageError(`Cannot tell which stack is meant: ${names(seen.found)} come from here`, {
      code: 'NO_STACK',
      hint: 'name it with -p NAME',
    })
  }
  const others = seen.known.length > 0 ? `; known stacks: ${names(seen.known)}` : ''
  return new UsageError(
    `Cannot find a stack: no compose.yaml or stack.yaml in "${seen.cwd}" or above it${others}`,
    { code: 'NO_STACK', hint: 'go to the project directory, or use -f FILE or -p NAME' },
  )
}

function names(list: readonly StackSummary[]): string {
  return list.map(({ name }) => name).join(', ')
}
