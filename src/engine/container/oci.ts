/** The subset of the OCI runtime-spec that describes one container to the launch code. */

import type { SeccompProfile } from '../../linux/index.ts'
import type { HostDevice } from './devices.ts'

/** Of the runtime-spec, whose words are used. */
export const OCI_VERSION = '1.2.0'

/**
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md (field names and
 * meanings)
 */
export interface OciConfig {
  readonly ociVersion: typeof OCI_VERSION
  readonly process: OciProcess
  readonly root: { readonly path: string; readonly readonly: boolean }
  readonly hostname: string
  readonly domainname?: string
  readonly mounts: readonly OciMount[]
  readonly linux: {
    readonly namespaces: readonly { readonly type: OciNamespace }[]
    readonly cgroupsPath: string
    /** Present in a user namespace; groups are mapped as users are. */
    readonly uidMappings?: readonly [OciMapping]
    readonly gidMappings?: readonly [OciMapping]
    readonly sysctl: Readonly<Record<string, string>>
    readonly maskedPaths: readonly string[]
    readonly readonlyPaths: readonly string[]
    /** `default`: Docker's profile; `unconfined`: none. Stands for the spec's filter object. */
    readonly seccomp: 'default' | 'unconfined' | SeccompProfile
    /** Beside the default ones: their nodes in /dev. */
    readonly devices: readonly HostDevice[]
  }
}

export interface OciProcess {
  readonly terminal: boolean
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly additionalGids: readonly number[]
    /** Default: 0o022. */
    readonly umask?: number
  }
  /** The first word is looked up in the container's PATH. Never empty. */
  readonly args: readonly string[]
  /** `NAME=value`, exactly what the program sees. */
  readonly env: readonly string[]
  /** Absolute, inside the container. */
  readonly cwd: string
  readonly capabilities: {
    /** `CHOWN` …; effective and permitted are the same set; inheritable and ambient are empty. */
    readonly bounding: readonly string[]
  }
  readonly rlimits: readonly OciRlimit[]
  readonly noNewPrivileges: boolean
  readonly apparmorProfile?: string
  readonly oomScoreAdj?: number
}

export interface OciRlimit {
  /** `RLIMIT_NOFILE` … */
  readonly type: string
  readonly soft: number
  readonly hard: number
}

export interface OciMount {
  readonly destination: string
  /** `proc`, `sysfs`, `tmpfs`, `devpts`, `mqueue`, `cgroup` or `bind`. */
  readonly type: string
  readonly source: string
  /** Mount options in fstab words: `ro`, `nosuid`, `mode=755`, `rbind`, `idmap`. */
  readonly options: readonly string[]
}

/** Ids 0 and up of the container are `hostID` and up outside of it. */
export interface OciMapping {
  readonly containerID: 0
  readonly hostID: number
  readonly size: number
}

export type OciNamespace = 'user' | 'mount' | 'pid' | 'network' | 'ipc' | 'uts' | 'cgroup' | 'time'

/** Our word among the options of a mount: it lies over a file of procfs, as lxcfs has them. */
export const OVER_PROC = 'overproc'
