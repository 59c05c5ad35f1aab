/**
 * The process between a monitor and a pid 1 in a user namespace. Every namespace of the container
 * is to belong to that one, so whoever makes them has to be in it; the monitor is not, for it would
 * lose its rights on the host.
 */

import type { Address, Label, Program } from '../../linux/index.ts'
import { cloneArguments } from './clone.ts'
import * as kernel from './kernel.ts'

export interface BetweenInput {
  /** Child-side number of the user namespace. */
  readonly fd: number
  /** Another container's pid namespace, for the child. */
  readonly enter?: { readonly pidfd: number; readonly flags: number }
  /** Appends what only root of the host may do for the container: limits, groups, streams. */
  readonly prepare: (program: Program, onError: Label) => void
}

/**
 * Appends the calls that make the child and store its pid; the monitor goes on once it has executed
 * or died. The process between lives until then, in the monitor's own memory, and makes the child
 * the monitor's own (CLONE_PARENT), as runc does. Should it fail, there is nobody to be monitored.
 */
export function writeBetween(
  program: Program,
  input: BetweenInput & {
    readonly cloneFlags: number
    readonly cgroupFd: number | undefined
    /** Where the pid goes. */
    readonly pid: Address
    readonly child: Label
  },
  onError: Label,
): void {
  const { cloneFlags, cgroupFd, pid, child, fd, enter } = input
  const [between, cloned] = [program.label('between'), program.label('cloned')]
  const [own, status] = [program.word(), program.word()]
  const first = cloneArguments({ flags: kernel.CLONE_VM | kernel.CLONE_VFORK, cgroupFd })
  program.call('clone3', [program.bytes(first, 8), kernel.CLONE_ARGS_BYTES], {
    store: own,
    onZero: between,
    onError,
    note: 'clone3(between)',
  })
  program.call('wait4', [program.load(own), status, 0, 0])
  program.compute(pid, { onPositive: cloned })
  program.call('exit_group', [1])
  program.place(between)
  input.prepare(program, onError)
  if (enter) program.call('setns', [enter.pidfd, enter.flags], { onError, note: 'setns(pid)' })
  program.call('setns', [fd, kernel.CLONE_NEWUSER], { onError, note: 'setns(users)' })
  const flags = cloneFlags | kernel.CLONE_PARENT | kernel.CLONE_VFORK
  const second = cloneArguments({ flags })
  program.call('clone3', [program.bytes(second, 8), kernel.CLONE_ARGS_BYTES], {
    store: pid,
    onZero: child,
    onError,
    note: 'clone3(container)',
  })
  program.call('exit_group', [0])
  program.place(cloned)
}
