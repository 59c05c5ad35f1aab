/**
 * What command line and supervisor say to each other. Nothing here runs: it is all types, and one
 * number.
 */

import type {
  ContainerDetails,
  BuildStep,
  CopySource,
  EngineEvent,
  ExecRequest,
  NetworkCommand,
  NetworkReading,
  KernelFact,
  VolumeCommand,
  VolumeReading,
  Outcome,
  ProcessReading,
  Revision,
  StackSummary,
  TerminalSize,
  UsageSample,
} from '../engine/index.ts'
import type { Problem } from '../errors.ts'
import type { ImageEvent } from '../image/index.ts'
import type {
  DesiredBuild,
  DesiredState,
  Impact,
  LifecycleOptions,
  LifecycleVerb,
  ObservedState,
  Plan,
  PlanOptions,
} from '../planner/index.ts'

import type {
  AbortRequest,
  DevelopRule,
  FollowRequest,
  Holder,
  LogRequest,
  LossWish,
  RejoinRequest,
  RunOptions,
  SupervisorStatus,
  WaitRequest,
  WatchMode,
  WireError,
} from './protocol-options.ts'

export type * from './protocol-options.ts'

/** Raised when a message changes its meaning; an older supervisor is then asked to hand over. */
export const PROTOCOL = 2

/** Who speaks: both ends say it first. */
export interface Introduction {
  readonly kind: 'hello'
  readonly protocol: number
  readonly version: string
  /** Differs between two builds of one version. */
  readonly build: string
  readonly pid: number
}

export interface ClientHello extends Introduction {
  /** As others are told who holds a stack: `tsstack up`. */
  readonly command: string
  /**
   * The first request was sent with this, unread what the supervisor says: one of another build
   * passes it over, and waits for the next.
   */
  readonly hasRequest?: boolean
}

export interface ServerHello extends Introduction {
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

/** Which stack is meant: what the user said, and where. */
export interface StackInput {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly files?: readonly string[]
  /** What `-f -` means. */
  readonly stdin?: string
  readonly projectName?: string
  /** A copy of the stack, with names and ports of its own. */
  readonly instance?: string
  readonly projectDirectory?: string
  readonly envFiles?: readonly string[]
  readonly profiles?: readonly string[]
  readonly services?: readonly string[]
  /** `--scale`: replicas of services, instead of their own. */
  readonly scale?: Readonly<Record<string, number>>
  /** Warnings about the files count as errors. */
  readonly strict?: boolean
  /** Networks and volumes that no service uses count as well. */
  readonly allResources?: boolean
  /** Diagnostics in colour. */
  readonly color?: boolean
}

/** Stack files, or what became of them when they are too large for the supervisor to read. */
export type StackSourceInput =
  | { readonly kind: 'files'; readonly input: StackInput }
  | { readonly kind: 'desired'; readonly desired: DesiredState }

/** An image that `up` would build before anything else. */
export interface PlannedBuild {
  readonly service: string
  readonly image: string
  /** There is none yet; false: it is built anew. */
  readonly isMissing: boolean
}

export type BuildStepRequest = Omit<BuildStep, 'onOutput' | 'signal'>

/** A command that takes containers as they are. */
export interface ChangeWish {
  readonly verb: LifecycleVerb
  readonly input: StackInput
  readonly options: LifecycleOptions
}

/** The first message after the introductions; one per connection. */
export type Request =
  | { readonly kind: 'hand-over' }
  /** The machine goes down. */
  | { readonly kind: 'shut-down' }
  | { readonly kind: 'status' }
  | { readonly kind: 'stacks' }
  | {
      readonly kind: 'observe'
      readonly input: StackInput
      /** Empty: all. */
      readonly services: readonly string[]
    }
  | { readonly kind: 'history'; readonly input: StackInput }
  | {
      readonly kind: 'processes' | 'usage' | 'facts' | 'details'
      readonly input: StackInput
      readonly services: readonly string[]
    }
  | {
      readonly kind: 'events'
      readonly input: StackInput
      readonly services: readonly string[]
      /** Milliseconds since the epoch; what the supervisor still remembers of it comes first. */
      readonly since?: number
      /** The end; in the future: wait for it. Absent: follow until the client leaves. */
      readonly until?: number
    }
  | {
      readonly kind: 'wait'
      readonly input: StackInput
      readonly services: readonly string[]
      /** Take the stack down when the first has ended. */
      readonly downProject: boolean
    }
  | {
      readonly kind: 'plan'
      readonly source: StackSourceInput
      readonly options: PlanOptions
      /** Which images would be built first; absent: none. */
      readonly build?: 'missing' | 'all'
    }
  | {
      readonly kind: 'up'
      readonly source: StackSourceInput
      readonly options: PlanOptions
      /** Stay: send the logs until every container has ended. */
      readonly attach: boolean
      readonly follow?: FollowRequest
      readonly abort?: AbortRequest
      readonly losses?: LossWish
      /** `--wait`: the result comes when everything is ready. */
      readonly wait?: WaitRequest
      /** The plan that was agreed to: any other is refused. */
      readonly expected?: Plan
      /** Which images are built first; absent: none. */
      readonly build?: 'missing' | 'all'
      /** Stay, and follow the files. Files alone can be followed. */
      readonly watch?: WatchMode
      /** When images are fetched, instead of the stack file's `pull_policy`. */
      readonly pull?: string
    }
  | RejoinRequest
  /** What `down` would do; answered by a plan. */
  | { readonly kind: 'plan-down'; readonly input: StackInput; readonly options: PlanOptions }
  | { readonly kind: 'down'; readonly input: StackInput; readonly options: PlanOptions }
  /** What `change` would do; answered by a plan. */
  | ({ readonly kind: 'plan-change' } & ChangeWish)
  | (ChangeWish & {
      readonly kind: 'change'
      /** Of `start`: after the result, until everything is ready. */
      readonly wait?: WaitRequest
    })
  | { readonly kind: 'volumes' }
  | { readonly kind: 'volume'; readonly command: VolumeCommand }
  | { readonly kind: 'networks' }
  | { readonly kind: 'network'; readonly command: NetworkCommand }
  | { readonly kind: 'logs'; readonly input: StackInput; readonly logs: LogRequest }
  | {
      readonly kind: 'exec'
      readonly input: StackInput
      readonly service: string
      /** Replica number; absent: the lowest that runs. */
      readonly index?: number
      readonly exec: ExecRequest
    }
  | {
      readonly kind: 'run'
      readonly input: StackInput
      readonly service: string
      readonly run: RunOptions
      /** Which images are built first; absent: none. */
      readonly build?: 'missing' | 'all'
    }
  | {
      readonly kind: 'attach'
      readonly input: StackInput
      readonly service: string
      /** Replica number; absent: the lowest that runs. */
      readonly index?: number
      /** Its input is joined as well, if it has one. */
      readonly stdin: boolean
    }
  /** Files of a container, as an archive. */
  | (CopyRequest & { readonly kind: 'copy-from'; readonly followLink: boolean })
  /** Files into containers: an archive follows as standard input. */
  | (CopyRequest & {
      readonly kind: 'copy-to'
      readonly what: CopySource
      /** Owners as in the archive, instead of root. */
      readonly archive: boolean
      /** Absolute paths that are removed first; absent: none. */
      readonly remove?: readonly string[]
    })
  /** A RUN of a build that the client is at. */
  | { readonly kind: 'build-step'; readonly step: BuildStepRequest }

export interface CopyRequest {
  readonly input: StackInput
  readonly service: string
  /** Replica number; absent: all to copy to, the first to copy from. */
  readonly index?: number
  /** Containers of `run` as well. */
  readonly all: boolean
  readonly path: string
}

export type RequestKind = Request['kind']

/** What a client may say while its request runs. Standard input travels in frames of its own. */
export type ClientSignal =
  /** Ctrl-C: the first stops gracefully, the second kills. */
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'resize'; readonly size: TerminalSize }
  | { readonly kind: 'stdin-end' }
  /** To a question of the supervisor. */
  | { readonly kind: 'answer'; readonly yes: boolean }
  /** For the program that the client is attached to. */
  | { readonly kind: 'signal'; readonly signal: string }

export type ClientMessage = ClientHello | Request | ClientSignal

export type ServerMessage =
  | ServerHello
  /** The request was served; nothing follows. */
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly error: WireError }
  /** Somebody else is changing the stack: the request waits. */
  | { readonly kind: 'waiting'; readonly stack: string; readonly holder: Holder }
  /** Images have to be built: build them and ask again without `build`. */
  | {
      readonly kind: 'build-first'
      readonly builds: readonly DesiredBuild[]
      readonly directory: string
      /** Contents of secrets, by the keys of the desired state. */
      readonly values: Readonly<Record<string, string>>
    }
  /** The stack files are too large to be read here: read them and ask again with `desired`. */
  | { readonly kind: 'load-yourself' }
  | {
      readonly kind: 'loaded'
      readonly stack: string
      /** About the stack files, as a person reads them; '' when there are none. */
      readonly warnings: string
    }
  | {
      readonly kind: 'plan'
      readonly plan: Plan
      /** In a few lines, as `up` says it; absent where it has nothing to do, or is not asked. */
      readonly short?: string
      /** Only where it was asked for a plan and nothing else. */
      readonly impact?: Impact
      /** Images that would be built first; absent: none. */
      readonly builds?: readonly PlannedBuild[]
      /** What `up` would refuse it for; absent: nothing. */
      readonly problems?: readonly Problem[]
    }
  | { readonly kind: 'event'; readonly event: EngineEvent }
  /** An image is on its way. */
  | { readonly kind: 'image'; readonly event: ImageEvent }
  | {
      readonly kind: 'result'
      readonly outcomes: readonly Outcome[]
      readonly observed: ObservedState
      readonly interrupted: boolean
    }
  | { readonly kind: 'observed'; readonly observed: ObservedState }
  | { readonly kind: 'stacks'; readonly stacks: readonly StackSummary[] }
  | { readonly kind: 'volumes'; readonly volumes: readonly VolumeReading[] }
  /** Names of the volumes that were made or removed. */
  | { readonly kind: 'volume-changed'; readonly names: readonly string[] }
  | { readonly kind: 'networks'; readonly networks: readonly NetworkReading[] }
  /** Names of the networks or containers that were changed. */
  | { readonly kind: 'network-changed'; readonly names: readonly string[] }
  | { readonly kind: 'history'; readonly stack: string; readonly revisions: readonly Revision[] }
  | {
      readonly kind: 'details'
      readonly observed: ObservedState
      readonly details: Readonly<Record<string, ContainerDetails>>
    }
  | { readonly kind: 'processes'; readonly containers: readonly ContainerProcesses[] }
  | {
      readonly kind: 'facts'
      readonly stack: string
      readonly facts: readonly KernelFact[]
      readonly isFirewallWhole: boolean
    }
  | { readonly kind: 'usage'; readonly containers: readonly ContainerUsage[] }
  /** A container that was waited for has ended. */
  | { readonly kind: 'ended'; readonly container: string; readonly exitCode: number }
  | { readonly kind: 'status'; readonly status: SupervisorStatus }
  /** Containers whose lines may follow, in the order of the numbers that the packs use. */
  | { readonly kind: 'log-sources'; readonly containers: readonly LogSource[] }
  /** Every container that was attached to has ended. */
  | { readonly kind: 'all-exited'; readonly observed: ObservedState }
  /** The files are followed from now on: absolute paths of those that are there. */
  | {
      readonly kind: 'watching'
      readonly stack: string
      readonly files: readonly string[]
      /** What else is to be followed, by the command itself. */
      readonly develop: readonly DevelopRule[]
    }
  /** These files differ from what was last read of them: they are read again. */
  | { readonly kind: 'changed'; readonly files: readonly string[] }
  /** The files cannot be used as they are now: the stack stays as it was. */
  | { readonly kind: 'rejected'; readonly error: WireError }
  | { readonly kind: 'stopping' }
  /** May the data of these volumes be lost? Nothing is done before the client answers. */
  | { readonly kind: 'confirm'; readonly dataLost: readonly string[] }
  /** A container has ended, and all are stopped for it. */
  | { readonly kind: 'aborting'; readonly container: string; readonly exitCode: number }
  /** What `up` ends with, after such an end. */
  | { readonly kind: 'exit-status'; readonly exitCode: number }
  /** The program runs; its standard input may be sent, so many bytes at first. */
  | {
      readonly kind: 'started'
      readonly window: number
      /** Of one that was attached to: it has a terminal. */
      readonly tty?: boolean
    }
  /** So many bytes of standard input have arrived where they belong. */
  | { readonly kind: 'consumed'; readonly bytes: number }
  | { readonly kind: 'exited'; readonly exitCode: number }
  /** The archive of what is named follows. */
  | { readonly kind: 'copying'; readonly container: string; readonly source: CopySource }
  | { readonly kind: 'copied'; readonly containers: readonly string[] }

export interface ContainerProcesses extends LogSource {
  readonly processes: readonly ProcessReading[]
}

export interface ContainerUsage extends LogSource {
  /** Absent when it does not run. */
  readonly usage?: UsageSample
}

export interface LogSource {
  readonly container: string
  readonly service: string
  readonly index: number
}
