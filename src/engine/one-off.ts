/** `run`: makes what a one-off container needs, and it; and ends it. */

import { planOneOff } from '../planner/index.ts'
import { carryOut } from './apply.ts'
import { update } from './attempts.ts'
import { checkDescriptors } from './descriptors.ts'
import { withDigests } from './digests.ts'
import type { LiveContainer, Machine } from './machine.ts'
import { observeStack } from './observe.ts'
import { checkPlan } from './preflight.ts'
import { readStackRecord, writeStackRecord } from './records/stack.ts'
import { removeContainer, stopByUser } from './remove.ts'
import type { ApplyResult, OneOffStart } from './types.ts'

/** The stack is known afterwards, so that `down` finds its network. */
export async function startOneOff(
  machine: Machine,
  { desired: wanted, container: asked, noDeps, removeOrphans, onPlan, ...options }: OneOffStart,
): Promise<ApplyResult> {
  const desired = withDigests(machine, wanted)
  const [container = asked] = withDigests(machine, { ...wanted, containers: [asked] }).containers
  const { stack, source } = desired
  const observed = observeStack(machine, stack)
  const now = machine.now()
  const plan = planOneOff({ desired, observed, container, noDeps, removeOrphans, now })
  await onPlan?.(plan)
  checkPlan(machine, plan, { ...desired, containers: [...desired.containers, container] })
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
  await stopByUser(machine, container, 0)
  if (container.record.oneOff?.remove === true) {
    await removeContainer(machine, container, { anonymousVolumes: true })
    return machine.net.settled()
  }
  const { last } = container.record
  if (last) update(machine, container, { last: { ...last, exitCode } })
}
