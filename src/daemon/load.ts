/** Stack files into a desired state: in the supervisor, or for large files in the command line. */

import { SpecError } from '../errors.ts'
import { asInstance, desire } from '../planner/index.ts'
import type { DesiredState } from '../planner/index.ts'
import { loadStack, renderDiagnostics } from '../spec/index.ts'
import type { Loader, LoadRequest, Stack } from '../spec/index.ts'
import { FileLoader } from './file-loader.ts'
import type { StackInput } from './protocol.ts'
import type { Seen } from './watch/fingerprint.ts'
import { InvalidStack } from './wire-error.ts'

export type Loaded = LoadResult & {
  /** Every path that was looked at, and what it was like: see watch/changes.ts. */
  readonly seen: Seen
}

type LoadResult =
  | {
      readonly kind: 'loaded'
      readonly stack: Stack
      readonly desired: DesiredState
      /** Variables of the caller and of the project's `.env`. */
      readonly environment: Readonly<Record<string, string | undefined>>
      /** As a person reads them; '' when there are none. */
      readonly warnings: string
    }
  | {
      readonly kind: 'invalid'
      readonly error: SpecError
      /** Its diagnostics as a person reads them. */
      readonly rendered: string
    }
  /** More bytes than `bytesMax`. */
  | { readonly kind: 'too-large' }

/**
 * Reads, checks and normalises the stack that `input` means. `bytesMax` bounds all files together.
 */
export function loadDesired(input: StackInput, bytesMax: number = Infinity): Loaded {
  const loader = new FileLoader(input, bytesMax)
  return { ...load(input, loader), seen: loader.seen }
}

function load(input: StackInput, loader: FileLoader): LoadResult {
  const request = loadRequest(input, loader)
  const { color } = input
  try {
    const loaded = loadStack(request)
    const { stack, diagnostics, sources, projectDirectory, files } = loaded
    const { environment, includedValues, inactiveServices } = loaded
    const { scale, allResources } = input
    const source = { directory: projectDirectory, files }
    const wishes = { environment, includedValues, scale, inactiveServices, allResources }
    const named = desire(stack, source, wishes)
    for (const path of contentFilesOf(named)) loader.kindOf(path)
    const desired = input.instance === undefined ? named : asInstance(named, input.instance)
    const warnings = renderDiagnostics(diagnostics, sources, { color })
    return { kind: 'loaded', stack, desired, environment, warnings }
  } catch (error) {
    // The loader's own refusal may come back as a diagnostic of the spec room.
    if (loader.isTooLarge) return { kind: 'too-large' }
    if (!(error instanceof SpecError)) throw error
    const sources = loader.sources(error.diagnostics)
    return {
      kind: 'invalid',
      error,
      rendered: renderDiagnostics(error.diagnostics, sources, { color }),
    }
  }
}

/** Files that are read when a container is made, and whose content is a part of what it is. */
function contentFilesOf({ containers }: DesiredState): ReadonlySet<string> {
  const paths = containers.flatMap(({ spec: { mounts, seccomp } }) => [
    ...mounts.flatMap((mount) =>
      mount.kind === 'file' && mount.from.kind === 'file' ? [mount.from.path] : [],
    ),
    ...(typeof seccomp === 'string' ? [] : [seccomp.file]),
  ])
  return new Set(paths)
}

/** What the user said, in the words of the spec room. */
export function loadRequest(input: StackInput, loader: Loader): LoadRequest {
  const { cwd, env, files, projectName, projectDirectory, envFiles, profiles } = input
  const { services, strict, instance, allResources } = input
  const project = { files, projectName, instance, projectDirectory, envFiles, profiles, services }
  return { cwd, env, loader, ...project, strict, allResources }
}

/** {@link loadDesired} for one who has no other way: everything is read, however large. */
export function readStack(input: StackInput): {
  readonly desired: DesiredState
  readonly warnings: string
} {
  const loaded = loadDesired(input)
  if (loaded.kind === 'loaded') return loaded
  if (loaded.kind === 'invalid') throw new InvalidStack(loaded.error, loaded.rendered)
  throw new Error('unreachable: nothing is too large without a bound')
}
