/** Front door of the daemon room: what the command line needs to talk to the supervisor. */

import type { ImageWish } from '../image/index.ts'
import type { AppArmor, importVolume as ImportVolume } from '../engine/index.ts'
import type { DesiredBuild, DesiredState } from '../planner/index.ts'
import type { BuildPrune, BuildPruned } from './building/prune.ts'
import type { BuildRun, BuiltService } from './building/run.ts'
import type { buildsWanted } from './building/wanted.ts'
import type { archiveOf as ArchiveOf } from './develop/archive.ts'
import type { Developing, DevelopFollower } from './develop/follower.ts'
import type { Audit } from './audit.ts'
import type { WishOptions } from './images/wishes.ts'
import type { PlacedProblems, placeProblems as PlaceProblems } from './place-problems.ts'
import type { Places } from './places.ts'
import type { StackInput } from './protocol.ts'
import type { Explanation, MissingValue } from '../spec/index.ts'
import type { ConfigRequest, ConfigText, DiagnosticsFormat, Findings } from './read-config.ts'

export { openRequest, replaceSupervisor as endSupervisor, Session } from './client.ts'
export { readRootlessView, type RootlessFact, rootlessFacts } from './rootless/facts.ts'
export type { Answer, Busy, ConnectOptions } from './client.ts'
export type {
  AppArmor,
  ContainerDetails,
  EngineEvent,
  ExecRequest,
  KernelObject,
  NetworkCommand,
  NetworkReading,
  KernelFact,
  Outcome,
  ProcessReading,
  Revision,
  StackSummary,
  TerminalSize,
  UsageSample,
} from '../engine/index.ts'
export type { BuildEvent } from '../build/index.ts'
export type { BuildRun, BuiltService } from './building/run.ts'
export type { Develop } from './develop/follower.ts'
export type { BuildFlags } from './building/request.ts'
export type { VolumeCommand, VolumeReading } from '../engine/index.ts'
export type { DiagnosticsFormat } from './read-config.ts'
export { isOutside, placesOf } from './places.ts'
export type { Places } from './places.ts'
export { unpackBlocks } from './log-lines.ts'
export type { PackedBlock } from './log-lines.ts'
export type * from './protocol.ts'
export { BUILD, VERSION } from './version.ts'
export { InvalidStack, RemoteError, RenderedError } from './wire-error.ts'

/** Follows files for `develop.watch` in this process. Loads chokidar. */
export async function developing(
  how: Developing,
): Promise<Pick<DevelopFollower, 'follow' | 'close'> & { readonly archiveOf: typeof ArchiveOf }> {
  const [{ DevelopFollower: Follower }, { archiveOf }] = await Promise.all([
    import('./develop/follower.ts'),
    import('./develop/archive.ts'),
  ])
  const follower = new Follower(how)
  return {
    follow: (rules) => follower.follow(rules),
    close: () => follower.close(),
    archiveOf,
  }
}

/** Reads stack files in this process. Loads the spec room, which few commands need. */
export async function readStack(
  input: StackInput,
): Promise<{ readonly desired: DesiredState; readonly warnings: string }> {
  const { readStack: read } = await import('./load.ts')
  return read(input)
}

/** Finds what is in the way of a plan in its files, in this process. Loads the spec room. */
export async function placeProblems(
  ...found: Parameters<typeof PlaceProblems>
): Promise<PlacedProblems> {
  const { placeProblems: place } = await import('./place-problems.ts')
  return place(...found)
}

/** Builds images in this process. Loads the rooms of images and builds. */
export async function buildServices(run: BuildRun): Promise<readonly BuiltService[]> {
  const { buildServices: work } = await import('./building/run.ts')
  return work(run)
}

/** Throws away what builds have kept. */
export async function pruneBuilds(what: BuildPrune): Promise<BuildPruned> {
  const { pruneBuilds: work } = await import('./building/prune.ts')
  return work(what)
}

/** Looks for mistakes in what would be built. */
export async function checkServices(run: BuildRun): Promise<void> {
  const { checkServices: work } = await import('./building/run.ts')
  return work(run)
}

/** What of a stack would be built. */
export async function wantedBuilds(
  ...wanted: Parameters<typeof buildsWanted>
): Promise<readonly DesiredBuild[]> {
  const { buildsWanted: find } = await import('./building/wanted.ts')
  return find(...wanted)
}

/** `config`: the stack as it is after merging. */
export async function readConfig(input: StackInput, options: ConfigRequest): Promise<ConfigText> {
  const { readConfig: read } = await import('./read-config.ts')
  return read(input, options)
}

/** `config --resolve-image-digests`. Loads the room of images, and asks registries. */
export async function readPinnedConfig(
  input: StackInput,
  options: ConfigRequest,
  env: NodeJS.ProcessEnv,
): Promise<ConfigText> {
  const { readPinnedConfig: read } = await import('./read-config.ts')
  return read(input, options, env)
}

/** `config --diagnostics`: what is wrong, as data. */
export async function checkConfig(
  input: StackInput,
  options: ConfigRequest,
  format: DiagnosticsFormat,
): Promise<Findings> {
  const { checkConfig: check } = await import('./read-config.ts')
  return check(input, options, format)
}

/** `audit`: what services may do. */
export async function auditStack(input: StackInput, services: readonly string[]): Promise<Audit> {
  const { auditStack: work } = await import('./audit.ts')
  return work(input, services)
}

/** `explain`: a value of the stack, and where it came from. */
export async function explain(
  input: StackInput,
  path: string,
): Promise<Explanation | MissingValue> {
  const { explain: work } = await import('./read-config.ts')
  return work(input, path)
}

/**
 * Becomes the supervisor, for a service manager, in the place of one that a command has started.
 * Comes back only when that fails to load.
 */
export async function becomeSupervisor(places: Places): Promise<void> {
  if (process.geteuid?.() !== 0) {
    const { stayRootless } = await import('./rootless/stay.ts')
    return stayRootless(places)
  }
  const { supervisorFile } = await import('./start.ts')
  const { state, run } = places
  process.argv.splice(1, Infinity, supervisorFile(), '--state', state, '--run', run, '--stay')
  await import(supervisorFile())
}

/** Images of a stack's services, read in this process. */
export async function stackImages(
  input: StackInput,
  options: WishOptions,
): Promise<readonly ImageWish[]> {
  const { wishesOf } = await import('./images/wishes.ts')
  const { checkServices, serviceNames } = await import('../planner/index.ts')
  const { desired } = await readStack(input)
  checkServices(desired.stack, options.services, serviceNames(desired))
  return wishesOf(desired, options).map(({ wish }) => wish)
}

/** The directory of what a container has changed, in the form of an upper layer of overlayfs. */
export async function containerUpper(
  { state, engineRun }: Places,
  stack: string,
  name: string,
): Promise<string> {
  const { containerPaths, rootIdOf } = await import('../engine/index.ts')
  const paths = { state, run: engineRun, rootId: rootIdOf(state) }
  return containerPaths(paths, stack, name).upper
}

/** What is in the kernel by our names. Loads the room of the engine. */
export async function tracing(): Promise<
  Pick<typeof import('../engine/index.ts'), 'findTraces' | 'removeTraces' | 'rootIdOf'>
> {
  return import('../engine/index.ts')
}

/** What AppArmor does for containers here. Loads the room of the engine. */
export async function appArmor(): Promise<AppArmor> {
  const { readAppArmor } = await import('../engine/index.ts')
  return readAppArmor()
}

/**
 * Whether the kernel takes the rules that published ports need: it may have nf_tables, and not
 * enough of it. Undefined where this cannot be tried, without root. Loads the room of the engine.
 */
export async function takesFirewall(): Promise<boolean | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  const { offersNftables } = await import('../engine/index.ts')
  return offersNftables()
}

/** This machine's end of `cp`. Loads the rooms of the engine and of images. */
export function copying(): Promise<typeof import('./copy-here.ts')> {
  return import('./copy-here.ts')
}

/** Takes over a volume of another engine; false when there is one of that name. */
export async function importVolume(
  { state, engineRun }: Places,
  volume: Parameters<typeof ImportVolume>[1],
): Promise<boolean> {
  const { importVolume: work } = await import('../engine/index.ts')
  return work({ stateDirectory: state, runDirectory: engineRun }, volume)
}

/** Does this command over again in the namespaces of a user's supervisor; its exit status. */
export async function runWithin(supervisor: number): Promise<number> {
  const { runWithin: work } = await import('./rootless/within.ts')
  return work(supervisor)
}
