/** What the restart policy says of an attempt that has ended. */

import { decideRestart, type RestartDecision } from '../planner/index.ts'
import type { ContainerRecord } from './records/container.ts'

type Life = NonNullable<ContainerRecord['last']>

export function restartAfter(
  record: ContainerRecord,
  life: Pick<Life, 'startedAt' | 'finishedAt' | 'exitCode'>,
): RestartDecision {
  return decideRestart({
    policy: record.spec.restart,
    memory: record.restarts,
    ranMs: life.finishedAt - life.startedAt,
    exitCode: life.exitCode,
    stoppedByUser: record.stoppedByUser,
  })
}
