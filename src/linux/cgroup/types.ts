/** The words in which the engine asks for cgroups, the same for v1, v2 and hybrid machines. */

/**
 * What a group allows. Absent means no limit of its own.
 * Neutral units; `settings-v1.ts` and `settings-v2.ts` translate.
 */
export interface CgroupSettings {
  /** Bytes of memory, page cache included. */
  readonly memoryMax?: number | undefined
  /** Bytes of memory and swap together, at least `memoryMax`. Absent: swap is not limited. */
  readonly memorySwapMax?: number | undefined
  /** Bytes that reclaim spares while others can give. */
  readonly memoryLow?: number | undefined
  /** Microseconds of processor time per period, at least 1000. */
  readonly cpuQuotaUs?: number | undefined
  /** Microseconds, 1000 to 1 000 000; 100 000 by default. Only with a quota. */
  readonly cpuPeriodUs?: number | undefined
  /** Share beside the siblings in v1's scale: 2 to 262 144, 1024 by default. */
  readonly cpuShares?: number | undefined
  /** Microseconds of real-time scheduling per period; v1 with CONFIG_RT_GROUP_SCHED only. */
  readonly cpuRealtimeUs?: number | undefined
  readonly cpuRealtimePeriodUs?: number | undefined
  /** 0 to 100: how readily memory of the group is swapped out; v1 only. */
  readonly memorySwappiness?: number | undefined
  /** At the memory limit processes wait instead of being killed; v1 only. */
  readonly oomKillDisable?: boolean | undefined
  /** Bytes of TCP buffers; v1 only. */
  readonly memoryTcpMax?: number | undefined
  /** Microseconds that may be saved up beyond the quota. Linux 5.14. */
  readonly cpuBurstUs?: number | undefined
  /** Runs only when nobody else wants to. Linux 5.15. */
  readonly cpuIdle?: boolean | undefined
  /** Memory nodes as the kernel writes them: `0-1`. */
  readonly cpusetMems?: string | undefined
  /** Bytes of huge pages, by their size in the kernel's words: `2MB`, `1GB`. */
  readonly hugetlb?: readonly { readonly pageSize: string; readonly bytesMax: number }[] | undefined
  /** Marks what is sent; v1 only. */
  readonly networkClass?: number | undefined
  /** Of what is sent, by the name of the link; v1 only. */
  readonly networkPriorities?:
    | readonly { readonly name: string; readonly priority: number }[]
    | undefined
  /** Files of v2 and what is written to them, after all else. */
  readonly unified?: Readonly<Record<string, string>> | undefined
  /** Limits on block devices. */
  readonly blockIo?: BlockIoSettings | undefined
  /** Processors as the kernel writes them: `0-3,7`. */
  readonly cpuset?: string | undefined
  /** Processes and threads together. */
  readonly pidsMax?: number | undefined
  /** Devices that may be used; every other is refused. Absent: all that the parent allows. */
  readonly devices?: readonly DeviceRule[] | undefined
}

/** Devices are `major:minor`. */
export interface BlockIoSettings {
  /** 10 to 1000, BFQ's scale on v1 and v2. */
  readonly weight?: number | undefined
  readonly weights?: readonly { readonly device: string; readonly weight: number }[] | undefined
  /** Beside the groups below; CFQ had it, kernels from 5.0 on have not. */
  readonly leafWeight?: number | undefined
  readonly leafWeights?: readonly { readonly device: string; readonly weight: number }[] | undefined
  readonly limits: readonly {
    readonly device: string
    readonly kind: BlockIoLimit
    /** Bytes or operations per second. */
    readonly rate: number
  }[]
}

export type BlockIoLimit = 'rbps' | 'wbps' | 'riops' | 'wiops'

/** Allows devices of one kind. An absent number stands for every number. */
export interface DeviceRule {
  readonly type: 'all' | 'block' | 'char'
  readonly major?: number | undefined
  readonly minor?: number | undefined
  /** Letters of `rwm`: read, write, mknod. */
  readonly access: string
}

/** What the kernel says of a group now. A field is absent where its controller is. */
export interface CgroupReading {
  readonly populated: boolean
  readonly memoryBytes?: number | undefined
  /** Highest value of `memoryBytes` so far. v2 tells it since Linux 5.19. */
  readonly memoryBytesPeak?: number | undefined
  /** The part of `memoryBytes` that is cache nobody has used for a while. */
  readonly inactiveFileBytes?: number | undefined
  /** Bytes read from and written to block devices so far. */
  readonly readBytes?: number | undefined
  readonly writtenBytes?: number | undefined
  /** Processes that the kernel killed because the group was out of memory. */
  readonly oomKills?: number | undefined
  readonly cpuUsageUs?: number | undefined
  readonly pids?: number | undefined
}

/** How a child enters a group before its first instruction. Close with {@link closeCgroupJoin}. */
export interface CgroupJoin {
  /**
   * Descriptor of the directory, for `CLONE_INTO_CGROUP` of clone3(2); absent on a machine without
   * v2. It is close-on-exec.
   */
  readonly cloneInto?: number | undefined
  /**
   * Paths of the `tasks` files of v1: the child writes `0` into each, then unshares the cgroup
   * namespace. That moves the calling thread without the lock over all forks that `cgroup.procs`
   * takes, which costs an RCU grace period (cgroup_procs_write_start). Empty on a pure v2 machine,
   * where `CLONE_NEWCGROUP` may be among the flags of clone3.
   */
  readonly tasks: readonly string[]
}

/** One mounted hierarchy. */
export interface CgroupHierarchy {
  readonly version: 1 | 2
  /** Where it is mounted; groups are made below. */
  readonly mountPoint: string
  /** The group that the mount shows as its top: `/`, or a container's own. */
  readonly root: string
  /** v1: as mounted, `name=systemd` for one without controllers. v2: `cgroup.controllers`. */
  readonly controllers: readonly string[]
  readonly readOnly: boolean
  /** A part of the tree that was given over to a user: nothing above it is in reach. */
  readonly isDelegated?: boolean
}
