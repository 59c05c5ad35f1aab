/** `healthcheck` with Docker's defaults. */

import type { Healthcheck as ServiceHealthcheck } from '../../spec/index.ts'
import type { Healthcheck, OverImage } from '../model.ts'
import { durationMs, present } from './units.ts'

/**
 * Undefined: the container has no health. A zero duration or count means the default, as in Docker.
 */
export function healthcheckOf(check: ServiceHealthcheck | undefined): Healthcheck | undefined {
  const test = programOf(check)
  if (check === undefined || test === undefined) return undefined
  return {
    test,
    intervalMs: durationMs(check.interval) || 30_000,
    timeoutMs: durationMs(check.timeout) || 30_000,
    retries: check.retries || 3,
    startPeriodMs: durationMs(check.start_period) ?? 0,
    startIntervalMs: durationMs(check.start_interval) || 5000,
  }
}

/** What the file says of the healthcheck that the image may have. */
export function overImageHealth(
  check: ServiceHealthcheck | undefined,
): OverImage['healthcheck'] | undefined {
  if (check === undefined) return undefined
  if (check.disable === true || check.test?.[0] === 'NONE') return 'none'
  if (check.test !== undefined) return undefined
  return present({
    intervalMs: durationMs(check.interval) || undefined,
    timeoutMs: durationMs(check.timeout) || undefined,
    retries: check.retries || undefined,
    startPeriodMs: durationMs(check.start_period) || undefined,
    startIntervalMs: durationMs(check.start_interval) || undefined,
  })
}

function programOf(check: ServiceHealthcheck | undefined): readonly string[] | undefined {
  if (check?.test === undefined || check.disable === true) return undefined
  const [kind, ...words] = check.test
  if (kind === 'NONE' || words.length === 0) return undefined
  return kind === 'CMD-SHELL' ? ['/bin/sh', '-c', words.join(' ')] : words
}
