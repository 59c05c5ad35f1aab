/** The parts of a container's spec that say what it shares and what it may touch. */

/** Whose namespace a container is in. Absent where this is optional: one of its own, but for users. */
export type NamespaceMode =
  | { readonly kind: 'host' }
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'container'; readonly container: string }

export interface NamespaceModes {
  readonly pid?: NamespaceMode
  /** `none`: its own, and no /dev/shm in it. */
  readonly ipc?: NamespaceMode | { readonly kind: 'none' }
  readonly uts?: NamespaceMode
  readonly cgroup?: NamespaceMode
  /** `own`: ids of the host that no other container has. Absent: the host's. */
  readonly user?: Exclude<NamespaceMode, { kind: 'host' }> | { readonly kind: 'own' }
}

/** A device of the host, or a directory of them. */
export interface DeviceSpec {
  /** Absolute path of the host. */
  readonly source: string
  /** Absolute path in the container. */
  readonly target: string
  /** Letters of `rwm`: read, write, mknod. */
  readonly access: string
}

/** Absent means no limit, except `pidsMax`, which `limits.ts` gives a default. */
export interface ResourceSpec {
  readonly memoryBytesMax?: number
  readonly memoryBytesReserved?: number
  /** Memory and swap together; -1: unlimited swap. Absent with a memory limit: twice the memory. */
  readonly memorySwapBytesMax?: number
  readonly cpus?: number
  /** Microseconds; 100 000 by default. */
  readonly cpuPeriodUs?: number
  /** Microseconds of real-time scheduling per period. */
  readonly cpuRealtimeUs?: number
  readonly cpuRealtimePeriodUs?: number
  readonly cpuShares?: number
  readonly cpuset?: string
  /** 0 to 100; cgroup v1 only. */
  readonly memorySwappiness?: number
  /** At the memory limit processes wait instead of being killed; cgroup v1 only. */
  readonly oomKillDisable?: boolean
  readonly blockIo?: BlockIoSpec
  /** Bytes of huge pages, by their size: `2MB`. */
  readonly hugetlb?: Readonly<Record<string, number>>
  /** -1: unlimited. */
  readonly pidsMax?: number
}

/** Limits on block devices, which are named by their path on the host. */
export interface BlockIoSpec {
  /** 10 to 1000 beside the siblings; 500 by default. */
  readonly weight?: number
  readonly weightDevices?: readonly { readonly path: string; readonly weight: number }[]
  /** Bytes per second. */
  readonly readBps?: readonly BlockIoRate[]
  readonly writeBps?: readonly BlockIoRate[]
  /** Operations per second. */
  readonly readIops?: readonly BlockIoRate[]
  readonly writeIops?: readonly BlockIoRate[]
}

export interface BlockIoRate {
  readonly path: string
  readonly rate: number
}

/** A profile of the user's, in Docker's JSON. */
export interface SeccompFile {
  /** Absolute path. */
  readonly file: string
  /** Of its content, so that a change of it counts; added by the engine. */
  readonly digest?: string
}

/** A secret or a config: a file that is copied into the container's memory. */
export interface FileMountSpec {
  readonly kind: 'file'
  readonly target: string
  readonly object: 'secret' | 'config'
  /** Key of the stack file. */
  readonly name: string
  /**
   * Where the content comes from: a path of the host; `value`, which goes with the desired state
   * and is never written down; or `external`, which is kept for this machine under that name.
   */
  readonly from:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'value' }
    | { readonly kind: 'external'; readonly name: string }
  readonly uid: number
  readonly gid: number
  /** Permission bits: 0o444 by default. */
  readonly mode: number
  /** Keyed hash of the content, so that a change of it counts; added by the engine. */
  readonly digest?: string
}

/** Key of a value in `DesiredState.values`. */
export function valueKey(mount: Pick<FileMountSpec, 'object' | 'name'>): string {
  return `${mount.object}:${mount.name}`
}
