/**
 * What a bundle's config.json says, for Linux.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md, config-linux.md
 */

/** In the specification's words; `mount` is `mnt` and `network` is `net` to the kernel. */
export const NAMESPACE_NAMES = [
  'mount',
  'pid',
  'network',
  'ipc',
  'uts',
  'user',
  'cgroup',
  'time',
] as const

export type NamespaceName = (typeof NAMESPACE_NAMES)[number]

export interface RuntimeSpec {
  readonly ociVersion: string
  readonly process?: SpecProcess
  readonly root: { readonly path: string; readonly readonly?: boolean }
  readonly hostname?: string
  readonly domainname?: string
  readonly mounts?: readonly SpecMount[]
  readonly hooks?: Readonly<Partial<Record<HookName, readonly SpecHook[]>>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly linux?: SpecLinux
}

export interface SpecProcess {
  readonly terminal?: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly user?: {
    readonly uid?: number
    readonly gid?: number
    readonly umask?: number
    readonly additionalGids?: readonly number[]
  }
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  readonly cwd: string
  readonly capabilities?: Readonly<Partial<Record<CapabilitySetName, readonly string[]>>>
  readonly rlimits?: readonly SpecRlimit[]
  readonly noNewPrivileges?: boolean
  readonly oomScoreAdj?: number
  readonly apparmorProfile?: string
  readonly selinuxLabel?: string
  readonly scheduler?: SpecScheduler
  readonly ioPriority?: { readonly class: string; readonly priority: number }
}

export type CapabilitySetName = 'bounding' | 'effective' | 'inheritable' | 'permitted' | 'ambient'

export interface SpecRlimit {
  readonly type: string
  readonly soft: number
  readonly hard: number
}

export interface SpecScheduler {
  readonly policy: string
  readonly nice?: number
  readonly priority?: number
  readonly flags?: readonly string[]
  readonly runtime?: number
  readonly deadline?: number
  readonly period?: number
}

export interface SpecMount {
  readonly destination: string
  readonly type?: string
  readonly source?: string
  readonly options?: readonly string[]
  readonly uidMappings?: readonly IdMapping[]
  readonly gidMappings?: readonly IdMapping[]
}

export interface IdMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export type HookName =
  | 'prestart'
  | 'createRuntime'
  | 'createContainer'
  | 'startContainer'
  | 'poststart'
  | 'poststop'

export interface SpecHook {
  readonly path: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  /** Seconds. */
  readonly timeout?: number
}

export interface SpecLinux {
  readonly namespaces?: readonly { readonly type: NamespaceName; readonly path?: string }[]
  readonly uidMappings?: readonly IdMapping[]
  readonly gidMappings?: readonly IdMapping[]
  readonly timeOffsets?: Readonly<
    Partial<
      Record<'boottime' | 'monotonic', { readonly secs?: number; readonly nanosecs?: number }>
    >
  >
  readonly devices?: readonly SpecDevice[]
  readonly cgroupsPath?: string
  readonly resources?: SpecResources
  readonly rootfsPropagation?: string
  readonly seccomp?: SpecSeccomp
  readonly sysctl?: Readonly<Record<string, string>>
  readonly maskedPaths?: readonly string[]
  readonly readonlyPaths?: readonly string[]
  readonly mountLabel?: string
  readonly personality?: {
    readonly domain: 'LINUX' | 'LINUX32'
    readonly flags?: readonly string[]
  }
  readonly intelRdt?: object
}

export interface SpecDevice {
  readonly path: string
  readonly type: 'c' | 'b' | 'u' | 'p'
  readonly major?: number
  readonly minor?: number
  readonly fileMode?: number
  readonly uid?: number
  readonly gid?: number
}

export interface SpecResources {
  readonly devices?: readonly SpecDeviceRule[]
  readonly memory?: {
    readonly limit?: number
    readonly reservation?: number
    readonly swap?: number
    readonly kernelTCP?: number
    readonly swappiness?: number
    readonly disableOOMKiller?: boolean
  }
  readonly cpu?: {
    readonly shares?: number
    readonly quota?: number
    readonly burst?: number
    readonly period?: number
    readonly realtimeRuntime?: number
    readonly realtimePeriod?: number
    readonly cpus?: string
    readonly mems?: string
    readonly idle?: number
  }
  readonly pids?: { readonly limit?: number }
  readonly blockIO?: SpecBlockIo
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[]
  readonly network?: {
    readonly classID?: number
    readonly priorities?: readonly { readonly name: string; readonly priority: number }[]
  }
  /** Files of cgroup v2 and what to write to them. */
  readonly unified?: Readonly<Record<string, string>>
}

export interface SpecDeviceRule {
  readonly allow: boolean
  readonly type?: 'a' | 'b' | 'c' | ''
  readonly major?: number
  readonly minor?: number
  readonly access?: string
}

export interface SpecBlockIo {
  readonly weight?: number
  readonly leafWeight?: number
  readonly weightDevice?: readonly {
    readonly major: number
    readonly minor: number
    readonly weight?: number
    readonly leafWeight?: number
  }[]
  readonly throttleReadBpsDevice?: readonly SpecThrottle[]
  readonly throttleWriteBpsDevice?: readonly SpecThrottle[]
  readonly throttleReadIOPSDevice?: readonly SpecThrottle[]
  readonly throttleWriteIOPSDevice?: readonly SpecThrottle[]
}

export interface SpecThrottle {
  readonly major: number
  readonly minor: number
  readonly rate: number
}

export interface SpecSeccomp {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly flags?: readonly string[]
  readonly listenerPath?: string
  readonly syscalls?: readonly {
    readonly names: readonly string[]
    readonly action: string
    readonly errnoRet?: number
    readonly args?: readonly {
      readonly index: number
      readonly value: number
      readonly valueTwo?: number
      readonly op: string
    }[]
  }[]
}
