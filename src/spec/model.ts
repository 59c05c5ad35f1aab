/**
 * The model of a loaded stack: one canonical form of every key, as `docker compose config --format
 * json` prints it.
 *
 * Keys stay in the file's own spelling (`snake_case`). Byte sizes are decimal strings
 * (`"536870912"`), durations are strings in Go's form (`"1m30s"`), paths are absolute, `$` is not
 * escaped.
 */
import type { Deploy } from './model-deploy.ts'
import type { Build, Develop, ServiceHook } from './model-build.ts'

export type StringMap = Readonly<Record<string, string>>
/** A variable without value (`null`) is not passed to the container. */
export type NullableStringMap = Readonly<Record<string, string | null>>

export interface Stack {
  /** Project name, `[a-z0-9][a-z0-9_-]*`. */
  readonly name: string
  /** Active services only: those whose profiles are all inactive are left out. */
  readonly services: Readonly<Record<string, Service>>
  /** Used networks only, `default` included when a service needs it. */
  readonly networks?: Readonly<Record<string, Network>>
  /** Used named volumes only. */
  readonly volumes?: Readonly<Record<string, Volume>>
  readonly secrets?: Readonly<Record<string, FileObject>>
  readonly configs?: Readonly<Record<string, FileObject>>
  readonly models?: Readonly<Record<string, Model>>
  readonly [extension: `x-${string}`]: unknown
}

/** Keys of a service about its program, its name and when it runs. */
interface ServiceProcess {
  readonly image?: string
  readonly build?: Build
  readonly platform?: string
  readonly pull_policy?: string
  readonly pull_refresh_after?: string
  /** `null`: not given, so the image's own. `[]`: none. Words are split already. */
  readonly command: readonly string[] | null
  readonly entrypoint: readonly string[] | null
  readonly working_dir?: string
  readonly user?: string
  readonly group_add?: readonly string[]
  readonly init?: boolean
  readonly tty?: boolean
  readonly stdin_open?: boolean
  /** `env_file` and the caller's environment are resolved already. */
  readonly environment?: NullableStringMap
  readonly env_file?: readonly EnvFile[]
  readonly labels?: StringMap
  readonly label_file?: readonly string[]
  readonly annotations?: StringMap
  readonly profiles?: readonly string[]
  readonly provider?: Provider
  /** Only there when the extended service is empty: it adds nothing then. */
  readonly extends?: { readonly file?: string; readonly service?: string }
  readonly attach?: boolean
  readonly container_name?: string
  readonly scale?: number
  readonly runtime?: string
  readonly isolation?: string
  readonly use_api_socket?: boolean
  readonly models?: Readonly<Record<string, ServiceModel | null>>
  readonly develop?: Develop
}

/** Keys of a service about its life. */
interface ServiceLifecycle {
  readonly depends_on?: Readonly<Record<string, ServiceDependency>>
  /** `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:N`. */
  readonly restart?: string
  readonly stop_signal?: string
  readonly stop_grace_period?: string
  readonly healthcheck?: Healthcheck
  readonly pre_start?: readonly ServiceHook[]
  readonly post_start?: readonly ServiceHook[]
  readonly pre_stop?: readonly ServiceHook[]
  readonly logging?: Logging
  readonly deploy?: Deploy
}

/** Keys of a service about limits and isolation. */
interface ServiceIsolation {
  readonly cpus?: number
  readonly cpu_count?: number
  readonly cpu_percent?: number
  readonly cpu_shares?: number
  readonly cpu_quota?: number
  readonly cpu_period?: number
  readonly cpu_rt_period?: number
  readonly cpu_rt_runtime?: number
  readonly cpuset?: string
  readonly mem_limit?: string
  readonly mem_reservation?: string
  /** Memory and swap together; `"-1"`: unlimited. */
  readonly memswap_limit?: string
  readonly mem_swappiness?: string
  readonly oom_kill_disable?: boolean
  readonly oom_score_adj?: number
  readonly pids_limit?: number
  readonly shm_size?: string
  readonly ulimits?: Readonly<
    Record<string, number | { readonly soft: number; readonly hard: number }>
  >
  readonly blkio_config?: Blkio
  readonly cgroup?: string
  readonly cgroup_parent?: string
  readonly cap_add?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly privileged?: boolean
  readonly security_opt?: readonly string[]
  readonly read_only?: boolean
  readonly userns_mode?: string
  readonly pid?: string
  readonly ipc?: string
  readonly uts?: string
  readonly sysctls?: StringMap
  readonly devices?: readonly DeviceMapping[]
  readonly device_cgroup_rules?: readonly string[]
  readonly gpus?: readonly DeviceRequest[]
  readonly credential_spec?: CredentialSpec
  readonly storage_opt?: StringMap
}

/** Keys of a service about its network and its files. */
interface ServiceConnections {
  readonly hostname?: string
  readonly domainname?: string
  readonly dns?: readonly string[]
  readonly dns_search?: readonly string[]
  readonly dns_opt?: readonly string[]
  /** `name=address`, sorted. */
  readonly extra_hosts?: readonly string[]
  readonly network_mode?: string
  /** Present unless `network_mode` is; at least `{ default: null }`. */
  readonly networks?: Readonly<Record<string, ServiceNetwork | null>>
  readonly links?: readonly string[]
  readonly external_links?: readonly string[]
  readonly mac_address?: string
  readonly ports?: readonly ServicePort[]
  readonly expose?: readonly string[]
  readonly volumes?: readonly ServiceMount[]
  readonly volumes_from?: readonly string[]
  readonly tmpfs?: readonly string[]
  readonly configs?: readonly FileReference[]
  readonly secrets?: readonly FileReference[]
}

export interface Service
  extends ServiceProcess, ServiceLifecycle, ServiceIsolation, ServiceConnections {}

export interface EnvFile {
  readonly path: string
  readonly required: boolean
  readonly format?: string
}

export interface Provider {
  readonly type?: string
  readonly options?: Readonly<Record<string, readonly string[]>>
}

export interface ServiceModel {
  readonly endpoint_var?: string
  readonly model_var?: string
}

export interface Model {
  readonly name?: string
  readonly model?: string
  readonly context_size?: number
  readonly runtime_flags?: readonly string[]
}

export interface ServiceDependency {
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully'
  readonly restart?: boolean
  readonly required: boolean
}

export interface Healthcheck {
  /** First word `NONE`, `CMD` or `CMD-SHELL`. */
  readonly test?: readonly string[]
  readonly interval?: string
  readonly timeout?: string
  readonly retries?: number
  readonly start_period?: string
  readonly start_interval?: string
  readonly disable?: boolean
}

export interface Logging {
  readonly driver?: string
  readonly options?: StringMap
}

export interface Blkio {
  readonly weight?: number
  readonly weight_device?: readonly { readonly Path: string; readonly Weight: number }[]
  readonly device_read_bps?: readonly BlkioRate[]
  readonly device_read_iops?: readonly BlkioRate[]
  readonly device_write_bps?: readonly BlkioRate[]
  readonly device_write_iops?: readonly BlkioRate[]
}

export interface BlkioRate {
  readonly Path: string
  /** Bytes or operations per second, in decimal. */
  readonly Rate: string
}

export interface DeviceMapping {
  readonly source: string
  readonly target?: string
  readonly permissions?: string
}

export interface DeviceRequest {
  readonly capabilities?: readonly string[]
  readonly driver?: string
  /** -1: all. */
  readonly count?: number
  readonly device_ids?: readonly string[]
  readonly options?: StringMap
}

export interface CredentialSpec {
  readonly config?: string
  readonly file?: string
  readonly registry?: string
}

export interface ServiceNetwork {
  readonly aliases?: readonly string[]
  readonly driver_opts?: StringMap
  readonly gw_priority?: number
  readonly interface_name?: string
  readonly ipv4_address?: string
  readonly ipv6_address?: string
  readonly link_local_ips?: readonly string[]
  readonly mac_address?: string
  readonly priority?: number
}

export interface ServicePort {
  readonly name?: string
  readonly mode?: string
  readonly host_ip?: string
  readonly target: number
  /** One port or a range `first-last`; absent: any free port. */
  readonly published?: string
  /** `tcp` or `udp`; absent means `tcp`. */
  readonly protocol?: string
  readonly app_protocol?: string
}

export interface ServiceMount {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'cluster' | 'npipe' | 'image'
  /** Absolute path, key of `volumes`, or absent for an anonymous volume and tmpfs. */
  readonly source?: string
  readonly target: string
  readonly read_only?: boolean
  readonly consistency?: string
  readonly bind?: {
    readonly selinux?: string
    readonly propagation?: string
    /** Absent: true. */
    readonly create_host_path?: boolean
    readonly recursive?: string
  }
  readonly volume?: {
    readonly labels?: StringMap
    readonly nocopy?: boolean
    readonly subpath?: string
  }
  /** `size` in bytes as a decimal string; `mode` as a number (`0o1777` is 1023). */
  readonly tmpfs?: { readonly size?: string; readonly mode?: number }
  readonly image?: { readonly subpath?: string }
}

export interface FileReference {
  readonly source: string
  readonly target?: string
  readonly uid?: string
  readonly gid?: string
  /** Octal, `"0440"`. */
  readonly mode?: string
}

export interface Network {
  /** Name on the machine: `<project>_<key>`, or `name:`. */
  readonly name: string
  readonly driver?: string
  readonly driver_opts?: StringMap
  readonly ipam: {
    readonly driver?: string
    readonly config?: readonly {
      readonly subnet?: string
      readonly gateway?: string
      readonly ip_range?: string
      readonly aux_addresses?: StringMap
    }[]
  }
  readonly external?: boolean
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly enable_ipv4?: boolean
  readonly enable_ipv6?: boolean
  readonly labels?: StringMap
}

export interface Volume {
  /** Name on the machine: `<project>_<key>`, or `name:`. */
  readonly name: string
  readonly driver?: string
  readonly driver_opts?: StringMap
  readonly external?: boolean
  readonly labels?: StringMap
}

/** A secret or a config. */
export interface FileObject {
  readonly name: string
  readonly file?: string
  /** Name of the variable that holds the content. */
  readonly environment?: string
  readonly content?: string
  readonly external?: boolean
  readonly labels?: StringMap
  readonly driver?: string
  readonly driver_opts?: StringMap
  readonly template_driver?: string
}
