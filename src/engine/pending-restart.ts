/**
 * A start by policy that waits for its time. Shortly before, what it needs is made ready, so that
 * little is left to do then.
 */

import { canBeMadeReady } from './container/turn.ts'
import type { LiveContainer, Machine, PendingRestart } from './machine.ts'

/** Milliseconds: longer than that takes, and too short for anybody to meet it. */
const READY_MS = 15

/** Nobody wants it any more. */
export class TakenBack extends Error {}

/**
 * `start` never rejects; with `ready` it goes on when that resolves, and has never been when that
 * rejects. `due` is on the clock of `machine.uptime`; who has paused for `delayMs` lets others go
 * first where there are many.
 */
export function pendingRestart(
  machine: Machine,
  container: LiveContainer,
  {
    due,
    delayMs,
    start,
  }: {
    readonly due: number
    readonly delayMs: number
    readonly start: (ready?: () => Promise<void>) => Promise<void>
  },
): PendingRestart {
  const time = Promise.withResolvers<void>()
  // Nobody waits for it before something is made ready.
  time.promise.catch(() => {})
  let started: Promise<void> | undefined
  let leave: (() => void) | undefined
  const leftMs = (): number => Math.max(0, due - machine.uptime())
  const begin = (): Promise<void> => {
    time.resolve()
    started ??= start()
    return started
  }
  const wait = (): NodeJS.Timeout =>
    setTimeout(() => {
      leave = machine.restarts.enter(delayMs, begin)
    }, leftMs())
  const makeReady = (): void => {
    timer = wait()
    if (!machine.restarts.isFree || !canBeMadeReady(container)) return
    // One that fails is over before its time.
    started = start(() => time.promise).finally(() => clearTimeout(timer))
  }
  let timer = leftMs() > READY_MS ? setTimeout(makeReady, leftMs() - READY_MS) : wait()
  return {
    at: () => Math.round(machine.now() + due - machine.uptime()),
    cancel: async () => {
      clearTimeout(timer)
      leave?.()
      time.reject(new TakenBack('Cannot start: it is not wanted any more'))
      await started
    },
  }
}
