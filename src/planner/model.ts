/**
 * The data the planner subtracts: what a stack should be, what the machine has, and the plan
 * between.
 */

import type { HooksSpec } from './model-hooks.ts'
import type { DesiredImage, OverImage } from './model-image.ts'

export type * from './model-image.ts'

import type { DesiredBuild } from './model-build.ts'

export type * from './model-build.ts'

import type {
  DeviceSpec,
  FileMountSpec,
  NamespaceModes,
  ResourceSpec,
  SeccompFile,
} from './model-isolation.ts'

import type { LoggingSpec } from './model-logging.ts'

import type { FaultSpec, NetworkMode, NetworkSpec, PortSpec } from './model-network.ts'

export type {
  FaultSpec,
  NetworkAttachment,
  NetworkMode,
  NetworkSpec,
  PortSpec,
} from './model-network.ts'

export type * from './model-observed.ts'

import type { ServiceUpdate, UpdateRule } from './model-update.ts'

export type * from './model-update.ts'

/** Plain JSON data; the engine stores it as it is, and compares it field by field. */
export interface DesiredState {
  /** Project name, `[a-z0-9][a-z0-9_-]*`. */
  readonly stack: string
  /** Absolute path of the project directory and of the files it was read from. */
  readonly source: StackSource
  readonly containers: readonly DesiredContainer[]
  /** Every enabled service, those scaled to 0 as well. Absent: the services of `containers`. */
  readonly services?: readonly string[]
  /** Services that no active profile enables: their containers are neither touched nor orphans. */
  readonly inactiveServices?: readonly string[]
  /** Services whose output `up` does not show. Absent: none. */
  readonly quietServices?: readonly string[]
  /** What `up` does about orphans where it is not told: COMPOSE_REMOVE_ORPHANS and the like. */
  readonly orphans?: 'remove' | 'ignore'
  /** Networks and volumes are made whether or not a container needs them: --all-resources. */
  readonly allResources?: true
  readonly networks: readonly NetworkSpec[]
  readonly volumes: readonly VolumeSpec[]
  /** Images that services build; absent: none. */
  readonly builds?: readonly DesiredBuild[]
  /**
   * Contents of secrets and configs that are no files, by `valueKey`. The engine takes them out
   * before anything else: no record, event or plan has them.
   */
  readonly values?: Readonly<Record<string, string>>
  /** Images that the services ask for, each once; absent: none is to be looked up. */
  readonly images?: readonly DesiredImage[]
  /** By service: how its replicas are updated. Absent: all at once. */
  readonly updates?: Readonly<Record<string, ServiceUpdate>>
}

export interface StackSource {
  readonly directory: string
  readonly files: readonly string[]
}

export interface DesiredContainer {
  /** `<stack>-<service>-<index>`, or `container_name`. */
  readonly name: string
  readonly service: string
  /** Replica number, from 1. */
  readonly index: number
  readonly spec: ContainerSpec
  readonly dependsOn: readonly Dependency[]
  /** What the stack file says about things of which its image may say something as well. */
  readonly overImage?: OverImage
  /** Present for a container of `run`. */
  readonly oneOff?: OneOff
}

export interface OneOff {
  /**
   * Its program is joined to whoever asked for it: pid 1 only waits, and the program is an exec.
   */
  readonly attached: boolean
  /** It goes when its program has ended. */
  readonly remove: boolean
}

export interface Dependency {
  readonly service: string
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully'
  /** A missing or failed dependency is only a warning when false. */
  readonly required: boolean
  /** Restart this container when the dependency is recreated or restarted. */
  readonly restart: boolean
}

/** Everything about a container whose change means another container. Units are in the names. */
export interface ContainerSpec {
  /** `host:`, `dir:ROOTFS`, `oci:DIR`, an archive, or a registry reference. */
  readonly image: string
  /** `linux/arm64`; absent: this machine's. */
  readonly platform?: string
  /** Digest of the manifest that `image` means; absent where it means none. */
  readonly imageDigest?: string
  /** Absent: the image's own. An empty list: none. */
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly workingDir?: string
  /** `user`, `uid`, `user:group` … resolved inside the rootfs. */
  readonly user?: string
  readonly groupAdd?: readonly string[]
  readonly hostname: string
  readonly domainname?: string
  /** Pid 1 is our init, which reaps and forwards signals. */
  readonly init: boolean
  readonly tty: boolean
  readonly stdinOpen: boolean
  readonly readOnly: boolean
  /** `SIGTERM` by default. */
  readonly stopSignal: string
  readonly stopGraceMs: number
  readonly restart: RestartPolicy
  readonly healthcheck?: Healthcheck
  /** What is done once the check has failed for good. Absent: nothing. */
  readonly onUnhealthy?: 'restart' | 'stop'
  /** Present when there is any. */
  readonly hooks?: HooksSpec
  readonly mounts: readonly MountSpec[]
  readonly network: NetworkMode
  readonly ports: readonly PortSpec[]
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[]
  /** Names by which this container alone finds others. Absent: none. */
  readonly links?: readonly { readonly name: string; readonly target: string }[]
  /** Of its network, on purpose. Absent: none. */
  readonly faults?: FaultSpec
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  readonly resources: ResourceSpec
  /** Upper-case names without `CAP_`; `ALL` is allowed. */
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly privileged: boolean
  readonly noNewPrivileges: boolean
  readonly seccomp: 'default' | 'unconfined' | SeccompFile
  /** Absent: every namespace is its own, but for the users'. */
  readonly namespaces?: NamespaceModes
  /** Beside the default ones. */
  readonly devices?: readonly DeviceSpec[]
  /**
   * Devices by their names of the Container Device Interface: `vendor.com/class=name`. `*` is
   * whatever vendor has the class.
   */
  readonly cdi?: readonly string[]
  /** procfs tells of the container's limits, through lxcfs. */
  readonly procfsOfLimits?: boolean
  /** As cgroup v1 writes them: `c 10:200 rw`. */
  readonly deviceRules?: readonly string[]
  /** Nothing of procfs and sysfs is hidden or read-only. */
  readonly systemPathsUnconfined?: boolean
  /**
   * The control group below which its own is made, by its path: from the top of the hierarchies, or
   * from what was given over to us. Absent: tsstack's own.
   */
  readonly cgroupParent?: string
  /** Its own groups can be written to. */
  readonly writableCgroups?: boolean
  /** An AppArmor profile that the host has loaded, or `unconfined`; absent: the default one. */
  readonly apparmor?: string
  readonly sysctls: Readonly<Record<string, string>>
  readonly ulimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>
  readonly shmBytes: number
  readonly oomScoreAdj?: number
  readonly labels: Readonly<Record<string, string>>
  readonly logging: LoggingSpec
}

export interface RestartPolicy {
  readonly condition: 'no' | 'always' | 'on-failure' | 'unless-stopped'
  /** Absent: no bound. */
  readonly attemptsMax?: number
  readonly delayMs?: number
  readonly windowMs?: number
}

export interface Healthcheck {
  /** The program and its arguments; CMD-SHELL is already `['/bin/sh', '-c', …]`. */
  readonly test: readonly string[]
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly retries: number
  readonly startPeriodMs: number
  readonly startIntervalMs: number
}

export type MountSpec =
  | {
      readonly kind: 'volume'
      /**
       * Name of a {@link VolumeSpec}; for an anonymous volume a name derived from the container's.
       */
      readonly volume: string
      readonly anonymous: boolean
      readonly target: string
      readonly readOnly: boolean
      readonly nocopy: boolean
      readonly subpath?: string
    }
  | {
      readonly kind: 'bind'
      readonly source: string
      readonly target: string
      readonly readOnly: boolean
      readonly createHostPath: boolean
      /**
       * `disabled`: what is mounted below the source does not come along; `writable`: it does, but
       * is not made read-only. Absent: it does, and is.
       */
      readonly recursive?: 'disabled' | 'writable'
      readonly propagation?: string
    }
  | {
      readonly kind: 'tmpfs'
      readonly target: string
      readonly sizeBytes?: number
      /** Permission bits as a number, `0o1777`. */
      readonly mode?: number
      /** Further mount options of the short form, such as `noexec` or `uid=1000`. */
      readonly options: readonly string[]
    }
  | FileMountSpec

export interface VolumeSpec {
  readonly key: string
  readonly name: string
  readonly external: boolean
  readonly driver: string
  readonly driverOptions: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

/**
 * One step of a plan. `id` is unique in its plan; `after` names the ids that must succeed first.
 */
export type Action = {
  readonly id: string
  readonly after: readonly string[]
  /** Why, as a sentence part: `not running`, `image changed`, `no longer in the stack file`. */
  readonly reason: string
} & (
  | {
      readonly kind: 'create-network'
      readonly network: NetworkSpec
      /** What differs from the network of this name that the same plan removes first. */
      readonly changes?: readonly FieldChange[]
    }
  | { readonly kind: 'remove-network'; readonly network: NetworkSpec }
  | { readonly kind: 'create-volume'; readonly volume: VolumeSpec }
  | { readonly kind: 'remove-volume'; readonly volume: VolumeSpec }
  | {
      readonly kind: 'create-container'
      readonly container: DesiredContainer
      readonly changes: readonly FieldChange[]
    }
  | {
      /** Gives a container limits, policies, networks and ports anew, without a restart. */
      readonly kind: 'update-container'
      readonly container: DesiredContainer
      readonly changes: readonly FieldChange[]
    }
  | {
      readonly kind: 'start-container'
      readonly name: string
      readonly service: string
      /**
       * Ids that must have ended first, done or not: starts of dependencies that are not required.
       * Absent: none.
       */
      readonly afterEnd?: readonly string[]
      /** Conditions to wait for, whether or not the dependency is started by this plan. */
      readonly waitFor: readonly Dependency[]
    }
  | {
      readonly kind: 'stop-container'
      readonly name: string
      readonly service: string
      readonly graceMs: number
      /** Others of its service serve meanwhile: they get its clients before it ends. */
      readonly drain?: boolean
    }
  | {
      /** Waits until replicas that have just been updated have proved themselves. */
      readonly kind: 'settle-update'
      /** The service. */
      readonly name: string
      readonly service: string
      /** Starts that must have ended first, done or not. */
      readonly afterEnd: readonly string[]
      /** Of this batch, and of those before it. */
      readonly containers: readonly string[]
      readonly earlier: readonly string[]
      /** How many the whole update has. */
      readonly total: number
      /** From 1. */
      readonly batch: number
      readonly batches: number
      readonly rule: UpdateRule
    }
  | {
      readonly kind: 'remove-container'
      readonly name: string
      readonly service: string
      readonly anonymousVolumes: boolean
    }
  | {
      /** Every process of it stands still, or goes on. */
      readonly kind: 'pause-container' | 'unpause-container'
      readonly name: string
      readonly service: string
    }
  | {
      /** To pid 1 alone: what becomes of it is its own business, and its restart policy's. */
      readonly kind: 'signal-container'
      readonly name: string
      readonly service: string
      readonly signal: string
    }
)

export type ActionKind = Action['kind']

/**
 * A field of the canonical spec that differs: `resources.memoryBytesMax`, before and after as JSON
 * values.
 */
export interface FieldChange {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

export interface Plan {
  readonly stack: string
  readonly actions: readonly Action[]
  /** Things the user should know that are no action: orphans, volumes kept. */
  readonly notes: readonly string[]
}
