/** `run`: makes what a one-off container needs, and it; and ends it. */

import type { Problem } from '../errors.ts'
import { type DesiredState, type Plan, planOneOff } from '../planner/index.ts'
import { carryOut } from './apply.ts'
import { update } from './attempts.ts'
import { checkDescriptors } from './descriptors.ts'
import type { LiveContainer, Machine } from './machine.ts'
import { observeStack } from './observe.ts'
import { checkPlan, findProblems } from './preflight.ts'
import { readStackRecord, writeStackRecord } from './records/stack.ts'
import { removeContainer, stopByUser } from './remove.ts'
import type { ApplyResult, OneOffStart } from './types.ts'

type Wanted = Pick<OneOffStart, 'desired' | 'container' | 'noDeps'> & {
  readonly removeOrphans?: boolean | undefined
}

/** What would stop its start half-way. */
export function oneOffProblems(machine: Machine, wanted: Wanted): readonly Problem[] {
  return findProblems(machine, planOf(machine, wanted), together(wanted))
}

function planOf(machine: Machine, wanted: Wanted): Plan {
  const observed = observeStack(machine, wanted.desired.stack)
  return planOneOff({ ...wanted, observed, now: machine.now() })
}

const together = ({ desired, container }: Wanted): DesiredState => ({
  ...desired,
  containers: [...desired.containers, container],
})

/** The stack is known afterwards, so that `down` finds its network. */
export async function startOneOff(
  machine: Machine,
  { desired, container, noDeps, removeOrphans, onPlan, ...options }: OneOffStart,
): Promise<ApplyResult> {
  const { stack, source } = desired
  const wanted = { desired, container, noDeps, removeOrphans }
  const plan = planOf(machine, wanted)
  await onPlan?.(plan)
  checkPlan(machine, plan, together(wanted))
  checkDescriptors(plan)
  if (readStackRecord(machine.paths, stack) === undefined) {
    writeStackRecord(machine.paths, { stack, source })
  }
  return carryOut(machine, plan, options)
}

/** Its program has ended with `exitCode`: what it has left running ends too, as with its pid 1. */
export async function endOneOff(
  machine: Machine,
  container: LiveContainer,
  exitCode: number,
): Promise<void> {
  if (container.attempt) container.attempt.ownExitCode = exitCode
  await stopByUser(machine, container, 0)
  if (container.record.oneOff?.remove === true) {
    await removeContainer(machine, container, { anonymousVolumes: true })
    return machine.net.settled()
  }
  const { last } = container.record
  if (last) update(machine, container, { last: { ...last, exitCode } })
}
