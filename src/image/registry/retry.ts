/** Tries again what fails for a while: broken connections, busy registries. */

import { setTimeout as sleep } from 'node:timers/promises'
import { TsstackError } from '../../errors.ts'
import { REGISTRY_RETRIES_MAX, REGISTRY_RETRY_MS_MAX, REGISTRY_RETRY_MS_MIN } from '../../limits.ts'

/** An answer after which it is worth to ask again. */
export class Busy extends Error {
  readonly status: number
  /** Milliseconds that the registry asked us to wait. */
  readonly waitMs: number | undefined

  constructor(status: number, retryAfter: string | undefined) {
    super(`it answers ${status}`)
    this.status = status
    const seconds = Number(retryAfter)
    this.waitMs = retryAfter !== undefined && seconds >= 0 ? seconds * 1000 : undefined
  }
}

export function isBusy(status: number): boolean {
  return status === 429 || status === 408 || status >= 500
}

/** What a failure is: not to be tried again, or in so many milliseconds. */
export function retryDelay(error: unknown, failures: number): number | undefined {
  if (error instanceof TsstackError || !(error instanceof Error)) return undefined
  if (error.name === 'AbortError' || failures > REGISTRY_RETRIES_MAX) return undefined
  const code = 'code' in error ? String(error.code) : ''
  // Nobody is there, or the name or certificate is wrong: that does not pass by itself.
  const isLasting = /^(?:ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EACCES)$/.test(code)
  if (isLasting || /CERT|SSL|TLS|EPROTO/.test(code)) return undefined
  const doubled = REGISTRY_RETRY_MS_MIN * 2 ** (failures - 1)
  const asked = error instanceof Busy ? error.waitMs : undefined
  return Math.min(asked ?? doubled, REGISTRY_RETRY_MS_MAX)
}

/** Calls `attempt` until it succeeds or fails for good. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt()
    } catch (error) {
      const delay = retryDelay(error, failures)
      if (delay === undefined) throw error
      await sleep(delay, undefined, { signal })
    }
  }
}
