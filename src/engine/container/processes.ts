/** The processes of attempts as the kernel has them. */

import { openSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { isErrno } from '../../errors.ts'
import {
  close,
  type Fd,
  pidfdOpen,
  pidfdSendSignal,
  startTime,
  isAwaitingSignals,
  isGone,
} from '../../linux/index.ts'
import type { Processes } from '../processes.ts'
import type { ProcessIdentity } from '../records/container.ts'
import { listenToReports } from './reports.ts'
import { launch } from './start.ts'

export const kernelProcesses: Processes = {
  launch,
  listen: listenToReports,
  hold: (pid) => orGone(() => pidfdOpen(pid)),
  release: close,
  signal: sendSignal,
  listensTo,
  isAlive,
  end,
  networkOf: (pid) => orGone(() => openSync(`/proc/${pid}/ns/net`, 'r')),
}

function isAlive({ pid, startTime: begun }: ProcessIdentity): boolean {
  return startTime(pid) === begun
}

/** Held before it is looked at: it cannot become another one in between. */
function end(identity: ProcessIdentity): void {
  const pidfd = orGone(() => pidfdOpen(identity.pid))
  if (pidfd === undefined) return
  try {
    if (isAlive(identity)) sendSignal(pidfd, constants.signals.SIGKILL)
  } finally {
    close(pidfd)
  }
}

/** It has ended since we looked; the report of that follows. */
function orGone(open: () => Fd): Fd | undefined {
  try {
    return open()
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** One that has ended is success, reaped or not. */
export function sendSignal(pidfd: Fd, signal: number): void {
  try {
    pidfdSendSignal(pidfd, signal)
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

function listensTo(pid: number, signal: number): boolean {
  if (signal === constants.signals.SIGKILL) return false
  const bit = 1n << BigInt(signal - 1)
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const mask = (name: string): bigint =>
      BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1] ?? '0'}`)
    return ((mask('SigCgt') | mask('SigBlk')) & bit) !== 0n || isAwaitingSignals(pid)
  } catch (error) {
    // One that cannot be looked at is given its signal and its time.
    return !isGone(error)
  }
}
