/**
 * What every part of the engine works on: directories, cgroups, networks, live containers, events.
 */

import type { CgroupHost, Fd, IdRange } from '../linux/index.ts'
import type { ContainerSpec, HealthStatus, Plan } from '../planner/index.ts'
import type { DnsServer, Faults, Net } from '../net/index.ts'
import type { Forwarders } from './logs/forward/index.ts'
import type { LeaseBook } from './network/lease-book.ts'
import type { NamespacePool } from './namespaces.ts'
import type { Processes } from './processes.ts'
import type { RestartQueue } from './restart-queue.ts'
import type { AttemptRecord, ContainerRecord } from './records/container.ts'
import type { ExitStatus } from './records/attempt.ts'
import { containerPaths, type ContainerPaths } from './paths.ts'
import type { EngineEvent, Paths, Probe } from './types.ts'
import type { Undo } from './undo.ts'

export interface Machine {
  readonly paths: Paths
  readonly cgroups: CgroupHost
  readonly net: Net
  readonly namespaces: NamespacePool
  readonly restarts: RestartQueue
  readonly leases: LeaseBook
  readonly processes: Processes
  readonly bootId: string
  /** Values of secrets and configs, by `storeKey`: they are kept in memory and nowhere else. */
  readonly values: Map<string, string>
  /** Who passes on logs; absent until everything is adopted. */
  forwarders?: Forwarders
  /**
   * Something of a container's network may have been broken; absent until somebody looks after it.
   */
  lookInside?: (container: string) => void
  /** Nothing begins by itself any more: it is left to who comes next. */
  isClosing?: boolean
  /** By container name. */
  readonly containers: Map<string, LiveContainer>
  /** Pending, and never rejected, while a network is removed or connected to by hand. */
  changing?: Promise<void> | undefined
  /** That are being carried out. */
  readonly plans: Set<Plan>
  /** Our own children that no libuv handle reaps: monitors, movers, exec programs. */
  readonly children: Children
  readonly emit: (event: EngineEvent) => void
  /** Calls `listener` for everything emitted from now on; returns its undoing. */
  readonly subscribe: (listener: (event: EngineEvent) => void) => () => void
  /** Milliseconds since the epoch, for records; never for measuring. */
  readonly now: () => number
  /** Milliseconds since boot, whatever becomes of the clock: for measuring. */
  readonly uptime: () => number
}

/** Pids to be reaped when SIGCHLD says that some child has ended. */
export interface Children {
  add(pid: number): void
}

/** A container as the engine holds it: its record, and its attempt while that has processes. */
export interface LiveContainer {
  readonly own: ContainerPaths
  record: ContainerRecord
  attempt: LiveAttempt | undefined
  /** Pending while the back-off of a restart runs, and while that waits for its turn. */
  restart: PendingRestart | undefined
  /** Pending, and never rejected, while an attempt is being made: whoever stops it waits for it. */
  starting: Promise<void> | undefined
  /** Pending, and never rejected, while somebody copies from or to it: it is not started before. */
  held?: Promise<void> | undefined
  /** How often it was held: what was made ready of its root before is out of date. */
  copies?: number
  /** Pending, and never rejected, while it is changed or mended. See changing.ts. */
  changing?: Promise<void> | undefined
  /** Ids of the host that its users are; absent: the same. Chosen by its last start. */
  users?: IdRange | undefined
  /** It is about to be stopped, and others of its service get its clients. */
  draining?: boolean
  /** Of a step of a build: what its root is made of, and binds that may be our own. */
  given?: { readonly lowers: readonly string[]; readonly sources: ReadonlySet<string> }
}

export interface PendingRestart {
  /** It will not come; resolves when nothing is left of what was made ready for it. */
  readonly cancel: () => Promise<void>
  /** When it begins, in milliseconds since the epoch as the clock is set now; for people. */
  readonly at: () => number
}

export interface LiveAttempt {
  record: AttemptRecord
  /** Present once the program runs. */
  process: RunningProcess | undefined
  exit: ExitStatus | undefined
  /** Nobody had stopped it: it may well be followed by another at once. */
  endedItself?: boolean
  /** Of `run`: how its program ended, after which its pid 1 is killed. */
  ownExitCode?: number
  /** Absent in the host's network namespace. */
  readonly netns: Fd | undefined
  dns: DnsServer | undefined
  /** The program with its arguments; absent when an earlier supervisor has started it. */
  words?: readonly string[]
  /** Present while its processes are frozen; resolved when they go on. */
  paused?: PromiseWithResolvers<void> | undefined
  /** Absent without a healthcheck. */
  health?: HealthStatus
  /** It has been healthy since it began. */
  wasHealthy?: boolean
  /** Made on purpose, by hand or by the stack file. Absent: none that we know of. */
  faults?: Faults
  /** The last probes, oldest first, for people. */
  probes?: readonly Probe[]
  /**
   * What each place of a mount had when it was first seen. Ids do not tell: they are used again.
   */
  mounts?: Map<string, { readonly what: string; readonly readOnly: boolean }>
  /** All of its processes have ended, and what it used is being removed. */
  isGone?: boolean
  /** Resolves when its program has ended, or whoever would tell. */
  readonly over: Promise<void>
  /** Resolves when monitor and mover have ended and everything of the attempt is cleaned up. */
  readonly ended: Promise<void>
  /** Closes what this engine holds of it, and leaves it running for the next one. */
  readonly leave: Undo
}

export interface RunningProcess {
  /** In the supervisor's pid namespace. */
  readonly pid: number
  /**
   * Refers to this process even after its pid is used again; absent when it had ended before we
   * could, and when that is cleaned up.
   */
  readonly pidfd: Fd | undefined
  readonly startedAt: number
}

/** The live container `name` of the machine, added when it is new. */
export function addContainer(machine: Machine, record: ContainerRecord): LiveContainer {
  const own = containerPaths(machine.paths, record.stack, record.name)
  const nothing = { attempt: undefined, restart: undefined, starting: undefined }
  const container: LiveContainer = { own, record, ...nothing }
  machine.containers.set(record.name, container)
  return container
}

/** Containers of `stack`, in the order of their names. */
export function containersOf(machine: Machine, stack: string): readonly LiveContainer[] {
  return [...machine.containers.values()]
    .filter(({ record }) => record.stack === stack)
    .sort((left, right) => (left.record.name < right.record.name ? -1 : 1))
}

interface User {
  readonly name: string
  readonly stack: string
  readonly spec: ContainerSpec
}

/**
 * Whose volumes and networks are in use, running or not: all that there are, and those that are to
 * be made. What is replaced is gone for as long as others of its plan take to stop.
 */
export function usersOf({ containers, plans }: Machine): readonly User[] {
  const made = [...plans].flatMap(({ stack, actions }) =>
    actions.flatMap((one) =>
      one.kind === 'create-container' ? [{ ...one.container, stack }] : [],
    ),
  )
  return [...[...containers.values()].map(({ record }) => record), ...made]
}
