/**
 * Which descriptor number means what inside a monitor and its child before the program is executed.
 */

import type { Fd } from '../../linux/index.ts'

/** Fixed numbers: 0 to 2 are the container's own stdio. */
export const FD = {
  /**
   * Read-write end of the attempt's FIFO: reports, and the end-of-file that wakes the supervisor.
   */
  fifo: 3,
  status: 4,
  /** Our init program, when the container has one. */
  init: 5,
  /** Writing end of the container's stdin, when it has one; beside what the mover needs. */
  input: 10,
  /**
   * Root of a new container. The monitor keeps it until it has told the end: whoever lets go of an
   * overlay last waits for all that its upper file system has not written yet (ovl_sync_fs).
   */
  root: 11,
  /** First number of everything else; none of these outlives the start. */
  firstPassed: 6,
  /** No number from here on has a meaning of its own. */
  firstFree: 12,
} as const

/**
 * What the monitor keeps for log movers, the first and any that replaces it: the program, the
 * reading ends, and the directory. The mover has the same numbers.
 */
export const MOVER_FD = { program: 6, stdout: 7, stderr: 8, directory: 9 } as const

export type MoverDescriptors = Readonly<Record<keyof typeof MOVER_FD, Fd>>

const MOVER_NAMES = ['program', 'stdout', 'stderr', 'directory'] as const

/** Hands out child-side numbers for descriptors of ours. */
export class DescriptorTable {
  readonly #passed: Record<number, Fd>

  constructor(fixed: {
    readonly stdio: readonly [stdin: Fd, stdout: Fd, stderr: Fd]
    readonly status?: Fd | undefined
    readonly init?: Fd | undefined
    readonly input?: Fd | undefined
    readonly root?: Fd | undefined
    /** Absent without a log. */
    readonly mover?: MoverDescriptors | undefined
  }) {
    const [stdin, stdout, stderr] = fixed.stdio
    this.#passed = { 0: stdin, 1: stdout, 2: stderr }
    if (fixed.status !== undefined) this.#passed[FD.status] = fixed.status
    if (fixed.init !== undefined) this.#passed[FD.init] = fixed.init
    if (fixed.input !== undefined) this.#passed[FD.input] = fixed.input
    if (fixed.root !== undefined) this.#passed[FD.root] = fixed.root
    const { mover } = fixed
    if (mover === undefined) return
    for (const name of MOVER_NAMES) this.#passed[MOVER_FD[name]] = mover[name]
  }

  /** The number that `fd` will have in the child: the same in each launch of its kind. */
  pass(fd: Fd): number {
    let number: number = FD.firstFree
    while (this.#passed[number] !== undefined) number += 1
    this.#passed[number] = fd
    return number
  }

  /** Child number to our number, all of them. */
  passed(fifo: Fd): Readonly<Record<number, Fd>> {
    return { ...this.#passed, [FD.fifo]: fifo }
  }
}
