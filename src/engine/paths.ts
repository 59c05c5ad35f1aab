/** Where things of one state root live; every path that the engine uses is spelt here. */

import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { EngineError, errorText } from '../errors.ts'
import type { EngineOptions, Paths } from './types.ts'

/** Makes both directories, 0700, and checks that they are ours alone. Throws STATE_DIRECTORY. */
export function openPaths(options: EngineOptions): Paths {
  const state = resolve(options.stateDirectory)
  const run = resolve(options.runDirectory)
  for (const directory of [state, run]) makePrivateDirectory(directory)
  for (const name of ['stacks', 'volumes']) makePrivateDirectory(join(state, name))
  for (const name of ['containers', 'root']) makePrivateDirectory(join(run, name))
  return { state, run, rootId: rootIdOf(state) }
}

/**
 * 8 hex digits from the state directory's path: two state roots never share a kernel object's name.
 */
export function rootIdOf(state: string): string {
  return createHash('sha256').update(resolve(state)).digest('hex').slice(0, 8)
}

export const stacksDirectory = (paths: Paths): string => join(paths.state, 'stacks')
/**
 * In the place of a stack's name: what was made by a command of its own. No stack has this name.
 */
export const STANDALONE = '-'
export const stackDirectory = (paths: Paths, stack: string): string =>
  stack === STANDALONE ? join(paths.state, 'standalone') : join(stacksDirectory(paths), stack)
export const stackFile = (paths: Paths, stack: string): string =>
  join(stackDirectory(paths, stack), 'stack.json')
export const networksDirectory = (paths: Paths, stack: string): string =>
  join(stackDirectory(paths, stack), 'networks')
export const leasesFile = (paths: Paths, stack: string): string =>
  join(stackDirectory(paths, stack), 'leases.json')
export const leaseChangesFile = (paths: Paths, stack: string): string =>
  join(stackDirectory(paths, stack), 'leases.jsonl')
export const containersDirectory = (paths: Paths, stack: string): string =>
  join(stackDirectory(paths, stack), 'containers')
/** One directory for each container that has processes, or had some when the supervisor died. */
export const runDirectories = (paths: Paths): string => join(paths.run, 'containers')
export const volumesDirectory = (paths: Paths): string => join(paths.state, 'volumes')
/**
 * An empty directory on which each container's child, in its own mount namespace, puts its root.
 */
export const rootMountPoint = (paths: Paths): string => join(paths.run, 'root')

/** Where one container keeps what outlives its processes, and what does not. */
export interface ContainerPaths {
  readonly directory: string
  readonly record: string
  /** What has changed since the record was written. */
  readonly journal: string
  readonly upper: string
  readonly work: string
  readonly log: string
  readonly run: string
  /** The monitor's account of the running attempt: `records/attempt.ts`. */
  readonly status: string
  /** Its end-of-file tells that the monitor is gone. */
  readonly fifo: string
  readonly attempt: string
}

/** Paths of the container `name` of `stack`. */
export function containerPaths(paths: Paths, stack: string, name: string): ContainerPaths {
  const directory = `${containersDirectory(paths, stack)}/${name}`
  const run = `${runDirectories(paths)}/${name}`
  // Spelt by hand: they are asked for so often that path.join was felt.
  return {
    directory,
    record: `${directory}/container.json`,
    journal: `${directory}/changes.jsonl`,
    upper: `${directory}/upper`,
    work: `${directory}/work`,
    log: `${directory}/log`,
    run,
    status: `${run}/status`,
    fifo: `${run}/fifo`,
    attempt: `${run}/attempt.json`,
  }
}

/** cgroup path of a container, below the root of each hierarchy or below its `cgroup_parent`. */
export const containerCgroup = (paths: Paths, stack: string, name: string): string =>
  `${stackCgroup(paths, stack)}/${name}`

/** cgroup path that holds the containers of a stack. */
export const stackCgroup = (paths: Paths, stack: string): string => `${rootGroup(paths)}/${stack}`

/** cgroup path of everything of the state root. */
export const rootGroup = (paths: Paths): string => `tsstack/${paths.rootId}`

/** cgroup path of supervisor, monitors and movers. */
export const systemCgroup = (paths: Paths): string => `tsstack/${paths.rootId}/_system`

function makePrivateDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new EngineError('STATE_DIRECTORY', `Cannot create directory "${path}": ${text(cause)}`, {
      hint: 'make its file system writable, or choose another place with TSSTACK_ROOT',
      cause,
    })
  }
  const stat = lstatSync(path)
  if (!stat.isDirectory()) throw refused(path, 'it is not a directory')
  if (stat.uid !== process.geteuid?.()) throw refused(path, `it belongs to uid ${stat.uid}`)
  if ((stat.mode & 0o077) !== 0)
    throw refused(path, `others may enter it (mode ${octal(stat.mode)})`)
}

function refused(path: string, why: string): EngineError {
  return new EngineError('STATE_DIRECTORY', `Cannot use directory "${path}": ${why}`, {
    hint: `remove it, or run: chown root:root "${path}" && chmod 700 "${path}"`,
  })
}

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0')
const text = (cause: unknown): string => errorText(cause)
