/** The part of the planner's data that is about what the machine has. */

import type { ContainerSpec, Dependency, OneOff, StackSource, VolumeSpec } from './model.ts'
import type { NetworkSpec } from './model-network.ts'

export interface ObservedState {
  readonly stack: string
  /** Absent when the machine knows nothing of the stack. */
  readonly source?: StackSource
  readonly containers: readonly ObservedContainer[]
  readonly networks: readonly ObservedNetwork[]
  readonly volumes: readonly ObservedVolume[]
}

export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'exited'
export type HealthState = 'none' | 'starting' | 'healthy' | 'unhealthy'

export interface ObservedContainer {
  readonly name: string
  readonly service: string
  readonly index: number
  readonly spec: ContainerSpec
  readonly dependsOn: readonly Dependency[]
  readonly state: ContainerState
  readonly health: HealthState
  /** Number of the attempt, from 1; 0 before the first start. */
  readonly attempt: number
  readonly pid?: number
  /** Milliseconds since the epoch. */
  readonly startedAt?: number
  readonly finishedAt?: number
  /**
   * When the back-off of a `restarting` container ends; absent: its supervisor starts it by itself.
   */
  readonly restartAt?: number
  /** The program's own status, or 128 + signal; present once it has exited. */
  readonly exitCode?: number
  readonly oomKilled: boolean
  /** Stopped by `stop` or `down`, so no restart policy applies. */
  readonly stoppedByUser: boolean
  /** Made by `run`, beside the replicas of its service. */
  readonly oneOff?: OneOff
  readonly addresses: readonly {
    readonly network: string
    readonly ipv4?: string
    readonly ipv6?: string
  }[]
  readonly ports: readonly ObservedPort[]
  /** Why the last start failed, in the user's words. */
  readonly failure?: string
  /** Of the canonical spec that `spec` is; absent: 1. */
  readonly specVersion?: number
  /** Restarts by policy in a row; absent: none. */
  readonly restarts?: number
  /** When the back-off of a `restarting` container ends and its supervisor starts it again. */
  readonly nextStartAt?: number
  /** How the last attempts ended, the newest last. */
  readonly history?: readonly AttemptEnd[]
}

/** Times are milliseconds since the epoch. */
export interface AttemptEnd {
  readonly attempt: number
  readonly startedAt: number
  readonly finishedAt: number
  /** The program's own status, or 128 + signal. */
  readonly exitCode: number
  readonly oomKilled: boolean
  /** The most memory that it used. */
  readonly memoryBytesPeak?: number
}

export interface ObservedPort {
  readonly hostIp: string
  readonly published: number
  readonly target: number
  readonly protocol: 'tcp' | 'udp'
}

export interface ObservedNetwork {
  readonly spec: NetworkSpec
  readonly bridge: string
  readonly subnets: readonly string[]
  readonly gateways: readonly string[]
}

export interface ObservedVolume {
  readonly spec: VolumeSpec
  readonly path: string
}
