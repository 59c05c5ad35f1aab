/** A setting as a write to a file of a group. */

/** One write: the controller whose hierarchy holds the file, the file, and the value. */
export interface CgroupWrite {
  readonly controller:
    | 'blkio'
    | 'cpu'
    | 'cpuset'
    | 'hugetlb'
    | 'io'
    | 'memory'
    | 'net_cls'
    | 'net_prio'
    | 'pids'
  readonly file: string
  readonly value: string
  /** What a new group has anyway: needed only when a limit is taken back. */
  readonly isDefault: boolean
}

/** One write of `wanted`, or of what the kernel starts with. */
export function cgroupWrite(
  controller: CgroupWrite['controller'],
  file: string,
  wanted: number | string | undefined,
  initial: string,
): CgroupWrite {
  return { controller, file, value: String(wanted ?? initial), isDefault: wanted === undefined }
}

/** A write of what is asked for; none, when nothing is. */
export function asWrite(
  controller: CgroupWrite['controller'],
  file: string,
  wanted: number | string | undefined,
): CgroupWrite | undefined {
  return wanted === undefined ? undefined : cgroupWrite(controller, file, wanted, '')
}
