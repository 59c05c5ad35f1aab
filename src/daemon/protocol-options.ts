/** What single requests of the command line say beside which stack they mean: all types. */

import type { ErrorCode, Problem } from '../errors.ts'
import type { PlanOptions } from '../planner/index.ts'
import type { StackSummary, ExecRequest, TerminalSize } from '../engine/index.ts'

/** How far a client has come with a log: what it has is not sent again. */
export interface LogPoint {
  readonly container: string
  /** Of the latest block that it has, in milliseconds since the epoch. */
  readonly time: number
  /** Bytes that it has of blocks of that time. */
  readonly bytes: number
}

/** A client whose supervisor was replaced goes on from here. */
export interface Resume {
  /** When it last heard anything: containers that it knows nothing of are shown from then on. */
  readonly at: number
  readonly points: readonly LogPoint[]
}

export interface LogRequest {
  readonly services: readonly string[]
  /** Replica number; absent: all. */
  readonly index?: number
  readonly follow: boolean
  readonly tail?: number
  /** Milliseconds since the epoch. */
  readonly since?: number
  readonly until?: number
  readonly resume?: Resume
}

/** Whose output an attached `up` shows. */
export interface FollowRequest {
  /** Of these services alone. */
  readonly attach?: readonly string[]
  readonly noAttach?: readonly string[]
  /** Of what the named services depend on as well. */
  readonly dependencies?: boolean
}

/** When an attached `up` stops everything by itself. */
export interface AbortRequest {
  /** At the first end, or at the first one that is a failure. */
  readonly on: 'exit' | 'failure'
  /** Whose status is that of `up`; absent: that of the container whose end it was. */
  readonly codeFrom?: string
}

/** What is to be done where data would be lost; absent: what the command itself says. */
export type LossWish = 'ask' | 'accept'

/** `now`: apply what the files say, then what changes of them; `changes`: these alone. */
export type WatchMode = 'now' | 'changes'

/** What `run` makes different from the service. */
export interface RunOptions {
  /** Empty: the service's own. */
  readonly command: readonly string[]
  readonly entrypoint?: string
  readonly environment: Readonly<Record<string, string>>
  /** Variables with the values that the stack's own `.env` and the caller have; absent: none. */
  readonly inherited?: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly user?: string
  readonly workingDir?: string
  /** In the short forms of a stack file. */
  readonly volumes: readonly string[]
  readonly publish: readonly string[]
  readonly servicePorts: boolean
  readonly useAliases: boolean
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly name?: string
  /** When its image is fetched, instead of the stack file's `pull_policy`. */
  readonly pull?: string
  readonly noDeps: boolean
  readonly removeOrphans?: boolean
  readonly remove: boolean
  readonly detach: boolean
  readonly tty: boolean
  readonly size?: TerminalSize
}

export type DevelopAction = 'rebuild' | 'sync' | 'restart' | 'sync+restart' | 'sync+exec'

/** One entry of `develop.watch` of a service. */
export interface DevelopRule {
  readonly service: string
  /** Absolute, of this machine: a directory with all that is in it, or a file. */
  readonly path: string
  readonly action: DevelopAction
  /** Absolute, of the container: where the path is there. */
  readonly target?: string
  /** Patterns as in a `.dockerignore`, relative to the path. */
  readonly ignore: readonly string[]
  /** None: everything. */
  readonly include: readonly string[]
  /** All of it is synchronised once when it begins to be followed. */
  readonly initialSync: boolean
  /** Of the build, whose `.dockerignore` holds here as well. */
  readonly context?: string
  /** Of `sync+exec`. */
  readonly exec?: ExecRequest
}

/** Who is changing a stack. */
export interface Holder {
  readonly command: string
  readonly pid: number
  /** When its turn began, in milliseconds since the epoch; absent: an older supervisor tells. */
  readonly since?: number
}

export interface SupervisorStatus {
  readonly pid: number
  readonly version: string
  readonly startedAt: number
  readonly memoryBytes: number
  readonly stacks: readonly StackSummary[]
  /** What of names is answered for programs of the host; absent: nobody asks for it. */
  readonly hostNames?: string
  /** False: ports are published by a proxy. Absent: an older supervisor does not say. */
  readonly hasFirewall?: boolean
}

export interface WaitRequest {
  /** Absent: for as long as it takes. */
  readonly timeoutMs?: number
}

/** An attached `up` whose supervisor was replaced, after everything was done. */
export interface RejoinRequest {
  readonly kind: 'rejoin'
  readonly stack: string
  readonly options: PlanOptions
  readonly resume: Resume
  /** When the `up` began: ends since then count. Milliseconds since the epoch. */
  readonly since: number
  readonly follow?: FollowRequest
  readonly abort?: AbortRequest
}

/** An error on its way: which class it was, and all that it carried. */
export interface WireError {
  readonly name: string
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  /** The diagnostics of a `SpecError`, as a person reads them. */
  readonly rendered?: string
  /** Of a `PreflightError`. */
  readonly problems?: readonly Problem[]
  /** For TSSTACK_DEBUG. */
  readonly stack?: string
}
