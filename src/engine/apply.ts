/** Makes a stack what it is desired to be, or stops it: journal, plan, execute, look again. */

import { isDeepStrictEqual } from 'node:util'
import {
  type DesiredState,
  type LifecycleOptions,
  type LifecycleVerb,
  type Plan,
  placesOf,
  planLifecycle,
  type PlanOptions,
} from '../planner/index.ts'
import { update } from './attempts.ts'
import { signalNumber } from './container/stop.ts'
import { checkDescriptors } from './descriptors.ts'
import { executePlan, type Phase } from './execute.ts'
import { removeStackGroups } from './group-parents.ts'
import type { Machine } from './machine.ts'
import { observeStack } from './observe.ts'
import { performAction } from './perform.ts'
import { planStack } from './plan.ts'
import { checkPlan } from './preflight.ts'
import { addRevision } from './records/history.ts'
import { readNetworkRecords } from './records/network.ts'
import { renewSpecs } from './renew-specs.ts'
import { wayBack, type WayBack } from './way-back.ts'
import { readStackRecord, removeStackRecord, writeStackRecord } from './records/stack.ts'
import type { ApplyOptions, ApplyResult, StopOptions } from './types.ts'
import { warn } from './warn.ts'

interface Wanted {
  readonly stack: string
  /** Absent: nothing of it, or of the services that the options name. */
  readonly desired: DesiredState | undefined
  readonly options: PlanOptions & ApplyOptions
}

/** Outcomes tell what failed; what could be done is done. */
export async function applyDesired(machine: Machine, wanted: Wanted): Promise<ApplyResult> {
  const { stack, desired, options } = wanted
  const plan = planStack(machine, wanted)
  await options.onPlan?.(plan)
  checkPlan(machine, plan, desired)
  checkDescriptors(plan)
  warnOfKernel(machine, plan, options)
  journal(machine, wanted, plan)
  if (desired) refreshDependencies(machine, desired)
  if (desired) renewSpecs(machine, desired, plan)
  const result = await carryOut(machine, plan, options)
  const back = desired && wayBack(machine, desired, result.outcomes)
  if (back && !options.rollback) return goBack(machine, { back, options, failed: result.outcomes })
  if (!desired && isGone(result.observed)) await removeLeftovers(machine, stack)
  return result
}

/** Services whose update failed get their earlier replicas again; the rest stays as it is now. */
async function goBack(
  machine: Machine,
  way: {
    readonly back: WayBack
    readonly options: PlanOptions & ApplyOptions
    readonly failed: ApplyResult['outcomes']
  },
): Promise<ApplyResult> {
  const { back, options, failed } = way
  const { desired, services } = back
  const { signal, onEvent } = options
  const message = `The update of ${services.join(', ')} failed: going back to what was there before`
  const event = warn(machine, desired.stack, message)
  onEvent?.(event)
  const { outcomes, observed } = await applyDesired(machine, {
    stack: desired.stack,
    desired,
    options: {
      services,
      noDeps: true,
      rollback: true,
      ...(signal === undefined ? {} : { signal }),
      ...(onEvent === undefined ? {} : { onEvent }),
    },
  })
  return { outcomes: [...failed, ...outcomes], observed }
}

/** What networks do not do here, said when some are made. */
function warnOfKernel(machine: Machine, plan: Plan, { onEvent }: ApplyOptions): void {
  if (!plan.actions.some(({ kind }) => kind === 'create-network')) return
  for (const message of machine.net.capabilities().warnings) {
    const event = warn(machine, plan.stack, message)
    onEvent?.(event)
  }
}

/** The stops of a plan that would remove the stack, in their order. What is desired of it stays. */
export function stopStack(
  machine: Machine,
  stack: string,
  options: StopOptions,
): Promise<ApplyResult> {
  return changeStack(machine, stack, { ...options, verb: 'stop' })
}

/** Carries out one of the commands that take the containers as they are. */
export async function changeStack(
  machine: Machine,
  stack: string,
  { verb, onPlan, ...options }: LifecycleOptions & ApplyOptions & { readonly verb: LifecycleVerb },
): Promise<ApplyResult> {
  const plan = planChange(machine, stack, { ...options, verb })
  await onPlan?.(plan)
  checkPlan(machine, plan, undefined)
  checkDescriptors(plan)
  return carryOut(machine, plan, options)
}

/** What {@link changeStack} would do. Throws UsageError for a signal that there is not. */
export function planChange(
  machine: Machine,
  stack: string,
  { verb, ...options }: LifecycleOptions & { readonly verb: LifecycleVerb },
): Plan {
  if (options.killSignal !== undefined) signalNumber(options.killSignal)
  const known = readStackRecord(machine.paths, stack)?.desired
  const observed = observeStack(machine, stack)
  return planLifecycle({ verb, observed, known, now: machine.now(), options })
}

/** One outcome per action of `plan`, and what the machine has afterwards. */
export async function carryOut(
  machine: Machine,
  plan: Plan,
  { signal, onEvent }: ApplyOptions,
): Promise<ApplyResult> {
  const { stack } = plan
  const unsubscribe = onEvent ? machine.subscribe(forStack(stack, onEvent)) : undefined
  const hasThem = machine.namespaces.expect(namespacesFor(machine, plan))
  machine.plans.add(plan)
  try {
    const outcomes = await executePlan(plan, {
      perform: (action, turn) => performAction(machine, stack, action, { signal, turn }),
      onPhase: (action, phase, message) => report(machine, { stack, action, phase, message }),
      now: () => performance.now(),
      signal,
    })
    await machine.net.settled()
    const observed = observeStack(machine, stack)
    if (observed.containers.length === 0) removeStackGroup(machine, stack)
    return { outcomes, observed }
  } finally {
    machine.plans.delete(plan)
    hasThem()
    unsubscribe?.()
  }
}

/** How many network namespaces its starts will need. */
function namespacesFor(machine: Machine, { actions }: Plan): number {
  const made = new Map(
    actions.flatMap((action) =>
      action.kind === 'create-container' ? [[action.container.name, action.container.spec]] : [],
    ),
  )
  return actions.filter((action) => {
    if (action.kind !== 'start-container') return false
    const spec = made.get(action.name) ?? machine.containers.get(action.name)?.record.spec
    return spec?.network.kind === 'networks' && spec.namespaces?.user === undefined
  }).length
}

/** What holds it is none of ours: that is said, and the next command tries again. */
function removeStackGroup(machine: Machine, stack: string): void {
  try {
    removeStackGroups(machine, stack)
  } catch (error) {
    warn(machine, stack, error)
  }
}

/**
 * What the user wants is written down, durably, before anything of it is done. What only some
 * services are taken out of is still wanted, and comes back after a reboot.
 */
function journal(machine: Machine, { stack, desired, options }: Wanted, { actions }: Plan): void {
  const known = readStackRecord(machine.paths, stack)
  if (desired) {
    const record = { stack, source: desired.source, desired }
    if (JSON.stringify(known?.desired) === JSON.stringify(desired)) return
    writeStackRecord(machine.paths, record)
    addRevision(machine.paths, desired, machine.now())
  } else if (known && actions.length > 0 && (options.services ?? []).length === 0) {
    forgetDesired(machine, { stack, source: known.source })
  }
}

/** On a full disk as well: what is taken down makes room. */
function forgetDesired(machine: Machine, record: Parameters<typeof writeStackRecord>[1]): void {
  try {
    writeStackRecord(machine.paths, record)
  } catch (error) {
    warn(machine, record.stack, error)
  }
}

/** What others wait for is no property of the container itself: a change of it replaces nothing. */
function refreshDependencies(machine: Machine, desired: DesiredState): void {
  for (const { name, dependsOn } of placesOf(desired)) {
    const container = machine.containers.get(name)
    if (!container || isDeepStrictEqual(container.record.dependsOn, dependsOn)) continue
    update(machine, container, { dependsOn })
  }
}

/**
 * Networks whose bridge somebody deleted are in no plan, but have a record and rules all the same.
 */
async function removeLeftovers(machine: Machine, stack: string): Promise<void> {
  const records = readNetworkRecords(machine.paths, stack)
  await Promise.all(records.map(({ spec }) => machine.net.removeNetwork(spec.name)))
  removeStackRecord(machine.paths, stack)
  machine.leases.removeStack(stack)
  for (const key of machine.values.keys()) {
    if (key.startsWith(`${stack}/`)) machine.values.delete(key)
  }
}

function isGone({ containers, networks }: ApplyResult['observed']): boolean {
  return containers.length === 0 && networks.length === 0
}

type EventListener = NonNullable<ApplyOptions['onEvent']>

function forStack(stack: string, listener: EventListener): EventListener {
  return (event) => {
    if (event.stack === stack) listener(event)
  }
}

function report(
  machine: Machine,
  happened: {
    readonly stack: string
    readonly action: Parameters<typeof performAction>[2]
    readonly phase: Phase
    readonly message: string | undefined
  },
): void {
  const { stack, action, phase, message } = happened
  machine.emit({
    kind: 'action',
    time: machine.now(),
    stack,
    action,
    phase,
    ...(message === undefined ? {} : { message }),
  })
}
