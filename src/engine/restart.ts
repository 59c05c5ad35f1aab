/** What the restart policy says of an attempt that has ended. */

import { decideRestart, type RestartDecision } from '../planner/index.ts'
import type { ContainerRecord } from './records/container.ts'

/** What counts of an attempt that has ended. */
export type Life = Pick<
  NonNullable<ContainerRecord['last']>,
  'startedAt' | 'finishedAt' | 'exitCode'
>

export function restartAfter(record: ContainerRecord, life: Life): RestartDecision {
  return decideRestart({
    policy: record.spec.restart,
    memory: record.restarts,
    ranMs: life.finishedAt - life.startedAt,
    exitCode: life.exitCode,
    stoppedByUser: record.stoppedByUser,
  })
}
