/** What is written down of each container: one directory below the root, for root alone. */

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { type Cgroup, startTime } from '../linux/index.ts'
import type { HookName, SpecHook, SpecResources } from './spec.ts'

/** What `state` prints. @see runtime.md, State */
export interface OciState {
  readonly ociVersion: string
  readonly id: string
  readonly status: Status
  /** Absent when it is stopped. */
  readonly pid?: number
  readonly bundle: string
  readonly annotations?: Readonly<Record<string, string>>
}

export type Status = 'creating' | 'created' | 'running' | 'stopped'

/** state.json of ours. */
export interface Container {
  readonly id: string
  readonly bundle: string
  readonly rootfs: string
  /** RFC 3339. */
  readonly created: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly hooks?: Readonly<Partial<Record<HookName, readonly SpecHook[]>>>
  /** Below the mount points of the hierarchies. */
  readonly cgroup: string
  /** Of systemd's; absent: the group is nobody's but ours. */
  readonly unit?: string
  /** Its process goes through what it is made of; only who makes it may send it on. */
  readonly isCreating?: true
  /** Absent before it has been made. */
  readonly pid?: number
  /** Tells the process from a later one of the same number. */
  readonly startTime?: number
  /** CLONE_NEW* of namespaces that are not the runtime's. */
  readonly namespaces: number
  /** What the notes of the launch program say, to name what failed. */
  readonly notes: readonly string[]
  /** As they are after `update`; absent: those of the config. */
  readonly resources?: SpecResources
  /** Absent: the config has no process, and nothing can be started. */
  readonly hasProcess: boolean
}

export const OCI_VERSION = '1.2.0'

/** Where groups are that no config has named. */
export const OWN_GROUPS = 'tsstack-oci'

/** Paths of one container. */
export interface Place {
  readonly directory: string
  readonly state: string
  /** Tells the child to go on. */
  readonly go: string
  /** Where the child reports. */
  readonly report: string
  /** An empty directory, covered by the root in the child's own namespace. */
  readonly mountPoint: string
}

/** Throws USAGE for an id that is no name. @see runc libcontainer/factory_linux.go, validateID */
export function placeOf(root: string, id: string | undefined): Place {
  if (id === undefined || !/^[\w+.-]{1,1024}$/.test(id) || id === '.' || id === '..') {
    throw new UsageError(
      `Cannot use the container id ${JSON.stringify(id ?? '')}: letters, digits and _ + - . are needed`,
    )
  }
  const directory = join(root, id)
  return {
    directory,
    state: join(directory, 'state.json'),
    go: join(directory, 'go.fifo'),
    report: join(directory, 'report.fifo'),
    mountPoint: join(directory, 'root'),
  }
}

/** Throws USAGE when there is one already. */
export function makePlace(root: string, id: string): Place {
  const place = placeOf(root, id)
  mkdirSync(root, { recursive: true, mode: 0o700 })
  const stat = lstatSync(root)
  if (!stat.isDirectory() || stat.uid !== process.geteuid?.() || (stat.mode & 0o022) !== 0) {
    throw new UsageError(`Cannot use "${root}": others may write to it; give another --root`)
  }
  try {
    mkdirSync(place.directory, { mode: 0o711 })
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
    throw new UsageError(
      `Cannot create container "${id}": there is one of that id; delete it first`,
    )
  }
  mkdirSync(place.mountPoint, { mode: 0o700 })
  return place
}

export function writeContainer(place: Place, container: Container): void {
  writeFileSync(`${place.state}.new`, JSON.stringify(container), { mode: 0o600 })
  renameSync(`${place.state}.new`, place.state)
}

/** Throws USAGE when there is none. */
export function readContainer(place: Place, id: string | undefined): Container {
  try {
    return JSON.parse(readFileSync(place.state, 'utf8')) as Container
  } catch {
    throw absent(id)
  }
}

export function absent(id: string | undefined): UsageError {
  return new UsageError(`Cannot find container "${id}": container does not exist`)
}

export function removePlace({ directory }: Place): void {
  rmSync(directory, { recursive: true, force: true })
}

/** With the place of our groups, when it was the last: who names a group makes those above it. */
export function removeGroup(group: Cgroup): void {
  group.remove({ keepParents: !group.path.startsWith(`${OWN_GROUPS}/`) })
}

/** Ids below `root`, sorted. */
export function listContainers(root: string): readonly string[] {
  if (!existsSync(root)) return []
  return readdirSync(root)
    .filter((id) => existsSync(join(root, id, 'state.json')))
    .sort()
}

/** What the kernel says of it: a zombie has stopped. */
export function statusOf(place: Place, container: Container): Status {
  if (container.pid === undefined) return 'creating'
  if (startTime(container.pid) !== container.startTime) return 'stopped'
  if (container.isCreating === true) return 'creating'
  return existsSync(place.go) ? 'created' : 'running'
}

export function stateOf(container: Container, status: Status): OciState {
  const { id, pid, bundle, annotations } = container
  return {
    ociVersion: OCI_VERSION,
    id,
    status,
    ...(pid === undefined || status === 'stopped' ? {} : { pid }),
    bundle,
    ...(annotations === undefined ? {} : { annotations }),
  }
}
