/** Whether a dependency has come as far as its dependents want it. */

import type { Dependency, ObservedContainer } from './model.ts'

export type ConditionState =
  | { readonly kind: 'met' }
  | { readonly kind: 'waiting'; readonly for: string }
  /** It will not be met; a warning only when the dependency is not required. */
  | { readonly kind: 'failed'; readonly reason: string }

/**
 * Judges `dependency` by the containers of its service, once the starts that the plan puts first
 * have ended (`after`, `afterEnd`): so a container that is still only created was not started, and
 * nobody will start it. A service without containers is met: it is scaled to 0, and nothing is to
 * be waited for.
 */
export function judgeCondition(
  dependency: Dependency,
  replicas: readonly ObservedContainer[],
): ConditionState {
  const states = replicas.map((each) => judges[dependency.condition](each))
  const failed = states.find((each) => each.kind === 'failed')
  return failed ?? states.find((each) => each.kind === 'waiting') ?? { kind: 'met' }
}

const judges: Readonly<
  Record<Dependency['condition'], (container: ObservedContainer) => ConditionState>
> = {
  service_started: judgeStarted,
  service_healthy: judgeHealthy,
  service_completed_successfully: judgeCompleted,
}

/** Ordering only: a program that has started and ended has started. */
function judgeStarted(container: ObservedContainer): ConditionState {
  return container.state === 'created' ? notStarted(container) : { kind: 'met' }
}

function judgeHealthy(container: ObservedContainer): ConditionState {
  const { name, state, health, spec } = container
  if (spec.healthcheck === undefined) {
    return { kind: 'failed', reason: `"${name}" has no healthcheck, so it is never healthy` }
  }
  if (state === 'created') return notStarted(container)
  if (state === 'exited') return { kind: 'failed', reason: `"${name}" ${exitOf(container)}` }
  if (health === 'unhealthy') return { kind: 'failed', reason: `"${name}" is unhealthy` }
  if (state === 'running' && health === 'healthy') return { kind: 'met' }
  return { kind: 'waiting', for: `"${name}" to be healthy` }
}

function judgeCompleted(container: ObservedContainer): ConditionState {
  const { name, state, exitCode } = container
  if (state === 'created') return notStarted(container)
  if (state !== 'exited') return { kind: 'waiting', for: `"${name}" to complete` }
  return exitCode === 0
    ? { kind: 'met' }
    : { kind: 'failed', reason: `"${name}" ${exitOf(container)}` }
}

function notStarted({ name, failure }: ObservedContainer): ConditionState {
  const why = failure === undefined ? '' : `: ${failure}`
  return { kind: 'failed', reason: `"${name}" was not started${why}` }
}

function exitOf({ exitCode, oomKilled }: ObservedContainer): string {
  const exit = exitCode === undefined ? 'has stopped' : `exited with ${exitCode}`
  return oomKilled ? `${exit}, killed by its memory limit` : exit
}
