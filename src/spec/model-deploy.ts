/** The `deploy` part of the model: replicas, resources and update rules of a service. */
import type { DeviceRequest, StringMap } from './model.ts'

export interface Deploy {
  readonly mode?: string
  readonly endpoint_mode?: string
  readonly replicas?: number
  readonly labels?: StringMap
  readonly update_config?: UpdateConfig
  readonly rollback_config?: UpdateConfig
  readonly resources: {
    readonly limits?: ResourceLimits
    readonly reservations?: ResourceLimits
  }
  readonly restart_policy?: DeployRestartPolicy
  readonly placement: {
    readonly constraints?: readonly string[]
    readonly preferences?: readonly { readonly spread?: string }[]
    readonly max_replicas_per_node?: number
  }
}

export interface UpdateConfig {
  readonly parallelism?: number
  readonly delay?: string
  readonly failure_action?: string
  readonly monitor?: string
  readonly max_failure_ratio?: number
  /** `start-first` or `stop-first`. */
  readonly order?: string
}

export interface ResourceLimits {
  readonly cpus?: number
  /** Bytes, in decimal. */
  readonly memory?: string
  readonly pids?: number
  readonly devices?: readonly DeviceRequest[]
  readonly generic_resources?: readonly {
    readonly discrete_resource_spec?: { readonly kind: string; readonly value: number }
  }[]
}

export interface DeployRestartPolicy {
  /** `none`, `on-failure` or `any`. */
  readonly condition?: string
  readonly delay?: string
  readonly max_attempts?: number
  readonly window?: string
}
