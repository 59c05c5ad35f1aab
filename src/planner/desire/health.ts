/** `healthcheck` with Docker's defaults. */

import type { Healthcheck as ServiceHealthcheck } from '../../spec/index.ts'
import type { Healthcheck } from '../model.ts'
import { durationMs } from './units.ts'

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

function programOf(check: ServiceHealthcheck | undefined): readonly string[] | undefined {
  if (check?.test === undefined || check.disable === true) return undefined
  const [kind, ...words] = check.test
  if (kind === 'NONE' || words.length === 0) return undefined
  return kind === 'CMD-SHELL' ? ['/bin/sh', '-c', words.join(' ')] : words
}
