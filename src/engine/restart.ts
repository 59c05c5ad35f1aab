/** What the restart policy says of an attempt that has ended. */

import { uptimeAtStart } from '../linux/index.ts'
import { decideRestart, type RestartDecision } from '../planner/index.ts'
import type { ExitStatus } from './records/attempt.ts'
import type { AttemptRecord, ContainerRecord, LastEnd } from './records/container.ts'

/** What counts of an attempt that has ended. */
export type Life = Pick<
  LastEnd,
  'startedAt' | 'finishedAt' | 'exitCode' | 'ranMs' | 'endedUptimeMs'
>

/** How long an attempt ran, on the clock that nobody sets, and when it ended there. */
export function measured(
  { monitor }: Pick<AttemptRecord, 'monitor'>,
  { uptimeMs }: ExitStatus,
): Pick<Life, 'ranMs' | 'endedUptimeMs'> {
  if (monitor === undefined || uptimeMs === undefined) return {}
  const ranMs = Math.max(0, uptimeMs - uptimeAtStart(monitor.startTime))
  return { ranMs, endedUptimeMs: uptimeMs }
}

export function restartAfter(record: ContainerRecord, life: Life): RestartDecision {
  const { ill, spec } = record
  return decideRestart({
    policy: ill === undefined ? spec.restart : { ...spec.restart, condition: 'always' },
    memory: record.restarts,
    // It takes minutes to be found ill: only to have been healthy ends a series of restarts.
    ranMs: ill === 'never healthy' ? 0 : (life.ranMs ?? life.finishedAt - life.startedAt),
    exitCode: life.exitCode,
    stoppedByUser: record.stoppedByUser,
  })
}
