/** What the engine offers to the supervisor: look, plan, apply, exec, read logs. */

import type { Readable, Writable } from 'node:stream'
import type { ProcessReading } from '../linux/index.ts'
import type { HostNames } from '../net/index.ts'
import type { NetworkReading } from './network/command.ts'
import type { VolumeReading } from './volume/command.ts'
import type { ContainerInput } from './container/input.ts'
import type { ContainerFiles } from './copy/container.ts'
import type { Problem } from '../errors.ts'
import type {
  Action,
  ContainerSpec,
  DesiredContainer,
  DesiredState,
  FaultSpec,
  Impact,
  LifecycleOptions,
  LifecycleVerb,
  NetworkAttachment,
  NetworkSpec,
  VolumeSpec,
  ObservedState,
  Plan,
  PlanOptions,
  StackSource,
} from '../planner/index.ts'

export type { ContainerFiles, ContainerInput, ProcessReading }

/** Directories of one state root, all 0700 root. */
export interface Paths {
  /** Survives a reboot: stacks, upper layers, volumes, logs. */
  readonly state: string
  /** Dies with the boot: attempts, FIFOs, sockets. */
  readonly run: string
  /** 8 hex digits that name this state root in kernel objects. */
  readonly rootId: string
}

export type { HostNames }

export interface Engine {
  readonly paths: Paths
  /**
   * Resolves when what ran before is followed again and containers can be started. Whatever needs
   * that waits for it; rejects as that does.
   */
  readonly opened: Promise<void>
  /** What records and kernel say of a stack now. */
  observe(stack: string): Promise<ObservedState>
  /** Its containers alone: what that takes is known without asking the kernel. */
  observeContainers(stack: string): Pick<ObservedState, 'stack' | 'containers'>
  stacks(): Promise<readonly StackSummary[]>
  /** What a stack was last told to be; undefined when it is being removed, or unknown. */
  desired(stack: string): DesiredState | undefined
  plan(stack: string, desired: DesiredState | undefined, options: PlanOptions): Promise<Plan>
  /** What {@link change} would do. */
  planChange(stack: string, verb: LifecycleVerb, options: LifecycleOptions): Promise<Plan>
  /** What would stop `plan` half-way, as far as anybody can see now; `apply` refuses it. */
  problems(plan: Plan, desired: DesiredState): Promise<readonly Problem[]>
  /** What `plan` would mean for those who use the stack. */
  impact(plan: Plan): Promise<Impact>
  /**
   * Makes the stack as desired (undefined: gone). Rejects only for our own mistakes; see outcomes.
   */
  apply(
    stack: string,
    desired: DesiredState | undefined,
    options: PlanOptions & ApplyOptions,
  ): Promise<ApplyResult>
  /** Stops what runs, dependents first, and removes nothing: the next `apply` starts it again. */
  stop(stack: string, options: StopOptions): Promise<ApplyResult>
  /** Does one of the commands that take containers as they are: start, restart, pause, rm … */
  change(
    stack: string,
    verb: LifecycleVerb,
    options: LifecycleOptions & ApplyOptions,
  ): Promise<ApplyResult>
  /** What would stop {@link startOneOff} half-way, as far as anybody can see now. */
  oneOffProblems(
    start: Pick<OneOffStart, 'desired' | 'container' | 'noDeps'>,
  ): Promise<readonly Problem[]>
  /** Makes and starts a container of `run`, and before it what it needs. */
  startOneOff(start: OneOffStart): Promise<ApplyResult>
  /** The program that was joined to the container `name` of `run` has ended. */
  endOneOff(name: string, exitCode: number): Promise<void>
  /** Runs another program in the running container `container`. */
  exec(container: string, request: ExecRequest): Promise<ExecSession>
  /** What is known of a container beside its state; undefined for one that does not exist. */
  details(container: string): Promise<ContainerDetails | undefined>
  /** What was applied, oldest first. It is forgotten when the stack is taken down. */
  history(stack: string): Promise<readonly Revision[]>
  /** What should be in the kernel of what runs, beside what is. */
  facts(stack: string): Promise<readonly KernelFact[]>
  /** Whether our rules are all there. */
  isFirewallWhole(): Promise<boolean>
  /** False: this kernel cannot do what the rules need, and ports are published by a proxy. */
  hasFirewall(): Promise<boolean>
  /** What runs in it now; none when it does not run. */
  processes(container: string): Promise<readonly ProcessReading[]>
  /** What it uses now; undefined when it does not run. */
  usage(container: string): Promise<UsageSample | undefined>
  /** Every network of the state root. */
  networks(): Promise<readonly NetworkReading[]>
  /** Does one of the commands about networks; returns the names of what it changed. */
  network(command: NetworkCommand): Promise<readonly string[]>
  /** Every volume of the state root. */
  volumes(): Promise<readonly VolumeReading[]>
  /** Does one of the commands about volumes; returns the names of what it changed. */
  volume(command: VolumeCommand): Promise<readonly string[]>
  /**
   * Answers `web.shop.localhost` and the like for programs of the host, until the engine is closed
   * or what it resolves to is called. Rejects when the address cannot be had.
   */
  serveHostNames(wish: HostNames): Promise<() => Promise<void>>
  logs(container: string, options: LogOptions): AsyncIterable<LogBlock>
  /** Runs one step of a build to its end: its exit status, or 128 + signal. */
  runBuildStep(step: BuildStep): Promise<number>
  /** The input of a container with `stdin_open` or `tty`, for one who attaches to it. */
  input(container: string): ContainerInput
  /** Its files, to copy from or to them; the caller closes them. It need not run. */
  files(container: string): Promise<ContainerFiles>
  /** Calls `listener` for everything that happens, until the returned function is called. */
  subscribe(listener: (event: EngineEvent) => void): () => void
  kill(container: string, signal: string): Promise<void>
  /** True when nothing is left to supervise. */
  isIdle(): Promise<boolean>
  /** Stops supervising. Containers keep running; the next engine adopts them. */
  close(): Promise<void>
}

export type VolumeCommand =
  | { readonly do: 'create'; readonly spec: VolumeSpec }
  | { readonly do: 'remove'; readonly volumes: readonly string[] }
  /** `all`: those with a name as well. */
  | { readonly do: 'prune'; readonly all: boolean }

/** Names are those of containers and networks on the machine. */
export type NetworkCommand =
  | { readonly do: 'create'; readonly spec: NetworkSpec }
  | { readonly do: 'remove'; readonly networks: readonly string[] }
  | { readonly do: 'prune' }
  | {
      readonly do: 'connect'
      readonly container: string
      readonly attachment: NetworkAttachment
    }
  | { readonly do: 'disconnect'; readonly container: string; readonly network: string }
  | { readonly do: 'degrade'; readonly containers: readonly string[]; readonly faults: FaultSpec }
  | {
      readonly do: 'partition'
      readonly containers: readonly string[]
      readonly others: readonly string[]
    }
  | { readonly do: 'heal'; readonly containers: readonly string[] }

export interface EngineOptions {
  readonly stateDirectory: string
  readonly runDirectory: string
  /** Descriptor of the process that stayed where ports are published; see `NetOptions`. */
  readonly outside?: number | undefined
}

export interface StackSummary {
  readonly name: string
  readonly source?: StackSource
  readonly running: number
  readonly containers: number
}

export interface ApplyOptions {
  /**
   * Told what is about to be done, before anything is; what it throws ends the matter, with nothing
   * changed.
   */
  readonly onPlan?: (plan: Plan) => void | Promise<void>
  readonly signal?: AbortSignal
  readonly onEvent?: (event: EngineEvent) => void
}

export interface OneOffStart extends ApplyOptions {
  readonly desired: DesiredState
  readonly container: DesiredContainer
  /** Leave alone what it depends on. */
  readonly noDeps: boolean
  readonly removeOrphans?: boolean
}

export interface StopOptions extends ApplyOptions {
  /** These alone, not what needs them; absent or empty: all. */
  readonly services?: readonly string[] | undefined
  /** Milliseconds between the stop signal and SIGKILL; absent: each service's own. */
  readonly graceMs?: number | undefined
}

export interface ApplyResult {
  readonly outcomes: readonly Outcome[]
  readonly observed: ObservedState
}

/** What became of one action. `skipped`: something it needed failed first. */
export type Outcome =
  | { readonly kind: 'done'; readonly action: Action; readonly tookMs: number }
  | { readonly kind: 'failed'; readonly action: Action; readonly error: OutcomeError }
  | { readonly kind: 'skipped'; readonly action: Action; readonly because: string }

export interface OutcomeError {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

/** Times are milliseconds since the epoch. */
export type EngineEvent =
  | {
      readonly kind: 'action'
      readonly time: number
      readonly stack: string
      readonly action: Action
      readonly phase: 'waiting' | 'begun' | 'done' | 'failed' | 'skipped'
      readonly message?: string
    }
  | {
      readonly kind: 'container'
      readonly time: number
      readonly stack: string
      readonly container: string
      readonly service: string
      readonly state:
        | 'created'
        | 'started'
        | 'paused'
        | 'unpaused'
        | 'exited'
        | 'removed'
        | 'oom'
        | 'healthy'
        | 'unhealthy'
      readonly exitCode?: number
    }
  | {
      readonly kind: 'warning'
      readonly time: number
      readonly stack: string
      readonly message: string
    }
  | {
      /** Somebody else has changed the kernel, and what was done about it. */
      readonly kind: 'drift'
      readonly time: number
      readonly stack: string
      readonly message: string
    }

export interface ExecRequest {
  /** Empty: the container's own program, for one that was made by `run`. */
  readonly command: readonly string[]
  readonly tty: boolean
  readonly environment?: Readonly<Record<string, string>>
  readonly user?: string
  readonly workingDir?: string
  readonly privileged?: boolean
  readonly size?: TerminalSize
  /** Its streams are /dev/null, so that it needs nobody who reads them. */
  readonly detach?: boolean
}

/** What a container uses. Sums are since its attempt began. */
export interface UsageSample {
  /** Milliseconds of a clock that is never set. */
  readonly at: number
  readonly cpuUsageUs: number
  readonly memoryBytes: number
  readonly memoryBytesPeak?: number
  /** Its own limit, or else all memory of the machine. */
  readonly memoryBytesMax: number
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly readBytes: number
  readonly writtenBytes: number
  readonly pids: number
}

/** What explains a container's state. */
export interface ContainerDetails {
  /** The last probes, oldest first. */
  readonly probes: readonly Probe[]
  /** Restarts by policy since the last start by the user. */
  readonly restarts: number
  readonly memoryBytesPeak?: number
}

export interface Probe {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly passed: boolean
  readonly output: string
}

/** A stack as it was applied once. */
export interface Revision {
  /** From 1. */
  readonly number: number
  /** Milliseconds since the epoch. */
  readonly appliedAt: number
  readonly desired: DesiredState
}

/** One field of a running container, or of a network that is used. */
export interface KernelFact {
  readonly subject: 'container' | 'network'
  readonly name: string
  readonly field: string
  readonly desired: string
  /** Equal to `desired` when it is in sync. */
  readonly actual: string
}

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

export interface ExecSession {
  readonly stdin: Writable
  /** With a tty everything comes through here. */
  readonly stdout: Readable
  readonly stderr: Readable | undefined
  resize(size: TerminalSize): void
  signal(name: string): void
  /** The program's status, or 128 + signal. */
  readonly exited: Promise<{ readonly exitCode: number }>
}

export interface LogOptions {
  readonly follow: boolean
  /** Number of last lines; absent: all. */
  readonly tail?: number
  /** Milliseconds since the epoch. */
  readonly since?: number
  readonly until?: number
  readonly signal?: AbortSignal
  /** With `follow`: what the attempt that runs now writes, as it comes, whole lines or not. */
  readonly attached?: boolean
  /** With `follow`: called once, when all that was there has been given. */
  readonly onCaughtUp?: () => void
}

/**
 * Whole lines of one stream that were read from the program at once, each with its newline; the
 * bytes are valid until the next block is asked for. `partial`: the last line goes on in a later
 * block of the same stream, or has no end.
 */
export interface LogBlock {
  readonly container: string
  /** Milliseconds since the epoch; when its first line began. */
  readonly time: number
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Uint8Array
  readonly partial: boolean
}

export type { NetworkReading } from './network/command.ts'

/** One command on layers that are given. */
export interface BuildStep {
  /** Lower directories, topmost first. */
  readonly lowers: readonly string[]
  /** Gets what the command changed: a path of the state root's file system, with nothing there. */
  readonly upper: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly workingDir: string
  readonly user?: string | undefined
  readonly network: 'default' | 'none' | 'host'
  readonly mounts: readonly StepMount[]
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[]
  readonly shmBytes?: number | undefined
  readonly ulimits?: ContainerSpec['ulimits'] | undefined
  readonly memoryBytesMax?: number | undefined
  /** What the command writes, line by line; the next comes when this is done. */
  readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void> | void
  /** Kills the command. */
  readonly signal: AbortSignal
}

export type StepMount =
  | {
      readonly kind: 'bind'
      readonly source: string
      readonly target: string
      readonly readOnly: boolean
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes?: number | undefined }
export type { VolumeReading } from './volume/command.ts'
