/** Whose mounts are to be looked at, and when: what a container undoes itself is no race with it. */

import { REMOUNT_DELAY_MS_MAX, REMOUNT_DELAY_MS_MIN } from '../../limits.ts'
import { type MountWatch, watchMounts } from '../../linux/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'

export class MountCare implements Disposable {
  readonly #machine: Machine
  readonly #lookSoon: () => void
  readonly #watch: MountWatch | undefined
  readonly #watched = new Set<string>()
  /** Containers in which something was mounted or unmounted, or that are new. */
  readonly #changed = new Set<string>()
  /** Containers whose mounts were put back: not again before `until`, in monotonic milliseconds. */
  readonly #waits = new Map<string, { readonly until: number; readonly delayMs: number }>()
  readonly #timers = new Map<string, NodeJS.Timeout>()

  constructor(machine: Machine, lookSoon: () => void) {
    this.#machine = machine
    this.#lookSoon = lookSoon
    this.#watch = watchMounts((name) => this.change(name))
  }

  /** Looks at it soon; while it has to wait, when that is over. */
  change(name: string): void {
    const wait = this.#waits.get(name)
    const leftMs = wait === undefined ? 0 : wait.until - performance.now()
    if (leftMs <= 0) {
      this.#changed.add(name)
      this.#lookSoon()
      return
    }
    if (this.#timers.has(name)) return
    const timer = setTimeout(() => {
      this.#timers.delete(name)
      this.change(name)
    }, leftMs)
    this.#timers.set(name, timer.unref())
  }

  /** At once, for its namespace would be held otherwise, and all that is mounted there. */
  forget(name: string): void {
    this.#watch?.remove(name)
    this.#watched.delete(name)
    this.#changed.delete(name)
    this.#waits.delete(name)
    clearTimeout(this.#timers.get(name))
    this.#timers.delete(name)
  }

  /** Those to be looked at now; watched from now on, so that no change of theirs is missed. */
  take(): ReadonlySet<string> {
    const taken = new Set(this.#changed)
    this.#changed.clear()
    for (const name of taken) {
      const container = this.#machine.containers.get(name)
      if (container !== undefined) this.#begin(container)
    }
    return taken
  }

  /** Each time within a while after the last it is left alone twice as long. */
  mended(name: string): void {
    const last = this.#waits.get(name)
    const now = performance.now()
    // Another mount of it, in the same look.
    if (last !== undefined && now < last.until) return
    const isCalm = last === undefined || now > last.until + REMOUNT_DELAY_MS_MAX
    const delayMs = isCalm ? REMOUNT_DELAY_MS_MIN : Math.min(2 * last.delayMs, REMOUNT_DELAY_MS_MAX)
    this.#waits.set(name, { until: now + delayMs, delayMs })
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]()
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  /** Its other changes are found by the slow timer where it cannot be watched. */
  #begin({ record: { name, spec }, attempt }: LiveContainer): void {
    const process = attempt?.exit ? undefined : attempt?.process
    if (process?.pidfd === undefined) return
    if (spec.mounts.length === 0 || this.#watched.has(name)) return
    if (this.#watch?.add(process.pid, name) === true) this.#watched.add(name)
  }
}
