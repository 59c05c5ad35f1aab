/** `up --wait`: until every container runs, is healthy where it has a check, or has completed. */

import { Bell, type Engine } from '../engine/index.ts'
import { EngineError } from '../errors.ts'
import { judgeReady } from '../planner/index.ts'
import type { WaitRequest } from './protocol.ts'

export interface ReadyRequest {
  readonly stack: string
  /** Of containers. */
  readonly names: ReadonlySet<string>
  readonly wait: WaitRequest
  /** Ends the waiting, without a word. */
  readonly signal: AbortSignal
}

/**
 * Resolves when all is ready, by events.
 * @throws {EngineError} NOT_READY at the first container that will not be, and after the time.
 */
export async function untilReady(
  engine: Engine,
  { stack, names, wait, signal }: ReadyRequest,
): Promise<void> {
  const bell = new Bell()
  const unsubscribe = engine.subscribe((event) => event.stack === stack && bell.ring())
  const ring = (): void => bell.ring()
  signal.addEventListener('abort', ring)
  // What is told is that it has rung: by the clock it may come a fraction of a millisecond early.
  let isOver = false
  const giveUp = (): void => {
    isOver = true
    bell.ring()
  }
  const timer = wait.timeoutMs === undefined ? undefined : setTimeout(giveUp, wait.timeoutMs)
  try {
    while (!signal.aborted) {
      const { containers } = engine.observeContainers(stack)
      const judged = containers.filter(({ name }) => names.has(name)).map(judgeReady)
      const failed = judged.find(({ kind }) => kind === 'failed')
      if (failed?.kind === 'failed') throw notReady(stack, failed.reason, failed.service)
      const waiting = judged.find(({ kind }) => kind === 'waiting')
      if (waiting?.kind !== 'waiting') return
      if (isOver) {
        const after = `${(wait.timeoutMs ?? 0) / 1000} s`
        throw notReady(stack, `after ${after} ${waiting.reason}`, waiting.service)
      }
      await bell.rung()
    }
  } finally {
    clearTimeout(timer)
    unsubscribe()
    signal.removeEventListener('abort', ring)
  }
}

/** Of the named services, or of all; what they depend on has been waited for by them. */
export function namesOf(
  containers: readonly { readonly name: string; readonly service: string }[],
  services: readonly string[] = [],
): ReadonlySet<string> {
  const isMeant = (service: string): boolean => services.length === 0 || services.includes(service)
  return new Set(containers.filter(({ service }) => isMeant(service)).map(({ name }) => name))
}

function notReady(stack: string, reason: string, service: string): EngineError {
  return new EngineError('NOT_READY', `Cannot wait for stack "${stack}": ${reason}`, {
    hint: `see "tsstack logs ${service}" and "tsstack ps -a"`,
  })
}
