/** What the restart policy says of an attempt that has ended. */

import { decideRestart, type RestartDecision } from '../planner/index.ts'
import type { ContainerRecord } from './records/container.ts'

/** What counts of an attempt that has ended. */
export type Life = Pick<
  NonNullable<ContainerRecord['last']>,
  'startedAt' | 'finishedAt' | 'exitCode'
>

export function restartAfter(record: ContainerRecord, life: Life): RestartDecision {
  const { ill, spec } = record
  return decideRestart({
    policy: ill === undefined ? spec.restart : { ...spec.restart, condition: 'always' },
    memory: record.restarts,
    // It takes minutes to be found ill: only to have been healthy ends a series of restarts.
    ranMs: ill === 'never healthy' ? 0 : life.finishedAt - life.startedAt,
    exitCode: life.exitCode,
    stoppedByUser: record.stoppedByUser,
  })
}
