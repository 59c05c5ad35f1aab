/**
 * What the loop asks of the kernel about the processes of attempts. Together with `net` and
 * `cgroups` of the machine it is all that a simulation has to put in the kernel's place.
 */

import type { Fd } from '../linux/index.ts'
import type { ReportListener } from './container/reports.ts'
import type { Draft } from './container/start.ts'
import type { LiveContainer, Machine } from './machine.ts'
import type { ProcessIdentity } from './records/container.ts'

export interface Processes {
  /** Makes everything of the attempt and runs it; resolves once the program runs. */
  launch(machine: Machine, container: LiveContainer, draft: Draft): Promise<void>
  /** Hears what monitor and child report through the FIFO at `path`. */
  listen(path: string, listener: ReportListener): { close: () => void }
  /** A descriptor that means this process and no later one of its pid; undefined: it is gone. */
  hold(pid: number): Fd | undefined
  release(held: Fd): void
  /** One that has ended is success. */
  signal(held: Fd, signal: number): void
  /** Whether it catches the signal, or blocks it to take it by sigwait(3) or signalfd(2). */
  listensTo(pid: number, signal: number): boolean
  isAlive(identity: ProcessIdentity): boolean
  /** Kills a process that is not held; one that has ended is success. */
  end(identity: ProcessIdentity): void
  /** Its network namespace; undefined when it is gone. */
  networkOf(pid: number): Fd | undefined
}
