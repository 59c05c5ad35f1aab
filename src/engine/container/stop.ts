/** Stops an attempt: its stop signal, its grace, then SIGKILL for everything that is left. */

import { constants } from 'node:os'
import { UsageError } from '../../errors.ts'
import { tryUpdate } from '../attempts.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { endAll } from './end-all.ts'
import { logEnded } from './orphaned-mover.ts'
import { thaw } from './pause.ts'

/**
 * Resolves when the attempt has ended and is cleaned up. A container that does not run is success.
 */
export async function stopContainer(
  machine: Machine,
  container: LiveContainer,
  graceMs: number,
): Promise<void> {
  // A full disk must not keep it from ending.
  tryUpdate(machine, container, { stoppedByUser: true })
  return endAttempt(machine, container, graceMs)
}

/** The same without a word of who wanted it: what follows is up to its policy. */
export async function endAttempt(
  machine: Machine,
  container: LiveContainer,
  graceMs: number,
): Promise<void> {
  const { attempt } = container
  if (!attempt) return
  const signal = signalNumber(container.record.spec.stopSignal)
  // A pid 1 that neither handles nor waits for the signal never gets it (pid_namespaces(7)): its
  // grace would only be waited for.
  if (
    attempt.exit === undefined &&
    graceMs > 0 &&
    machine.processes.listensTo(attempt.process?.pid ?? 0, signal)
  ) {
    sendSignal(machine, attempt, signal)
    thaw(machine, attempt)
    if (await endsWithin(attempt, graceMs)) return
  }
  if (container.attempt !== attempt) return
  await endAll(machine, attempt)
  await logEnded(machine, container, attempt)
}

/** Signals pid 1 of the container; one that has just ended is success. */
export function signalContainer(machine: Machine, container: LiveContainer, signal: string): void {
  if (container.attempt) sendSignal(machine, container.attempt, signalNumber(signal))
}

/** 15 for `SIGTERM`, `TERM` or `15`. Real-time signals as `SIGRTMIN+3`. */
export function signalNumber(text: string): number {
  const upper = text.toUpperCase()
  if (/^\d+$/.test(upper) && Number(upper) >= 1 && Number(upper) <= 64) return Number(upper)
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  const number =
    realTimeSignal(name) ?? (constants.signals as Readonly<Record<string, number>>)[name]
  if (number === undefined) {
    throw new UsageError(`Cannot send signal "${text}": there is none of that name`, {
      hint: 'use a name of signal(7), such as SIGTERM',
    })
  }
  return number
}

/** glibc's numbers: SIGRTMIN is 34, for it keeps 32 and 33 to itself. */
function realTimeSignal(name: string): number | undefined {
  const [, from, offset] = /^SIGRT(MIN(?:\+|$)|MAX(?:-|$))(\d*)$/.exec(name) ?? []
  if (from === undefined) return undefined
  const number = from.startsWith('MIN') ? 34 + Number(offset) : 64 - Number(offset)
  return number >= 34 && number <= 64 ? number : undefined
}

function sendSignal(machine: Machine, { process }: LiveAttempt, signal: number): void {
  if (process?.pidfd !== undefined) machine.processes.signal(process.pidfd, signal)
}

async function endsWithin(attempt: LiveAttempt, graceMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), graceMs)
  attempt.ended.then(
    () => resolve(true),
    () => resolve(true),
  )
  const ended = await promise
  clearTimeout(timer)
  return ended
}
