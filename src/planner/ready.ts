/** Whether `up --wait` has to wait for a container, or need not wait any longer. */

import { hasCompleted } from './decide.ts'
import type { ObservedContainer } from './model.ts'

export type Readiness =
  | { readonly kind: 'ready' }
  | { readonly kind: 'waiting' | 'failed'; readonly reason: string; readonly service: string }

/**
 * Running is ready, and healthy where there is a check; so is a job that has completed, which
 * Compose takes for a failure (docker/compose#10596). One that will be started again is waited for.
 */
export function judgeReady(container: ObservedContainer): Readiness {
  const { name, service, state, health, exitCode, failure } = container
  const waiting = (reason: string): Readiness => ({ kind: 'waiting', reason, service })
  const failed = (reason: string): Readiness => ({ kind: 'failed', reason, service })
  if (hasCompleted(container)) return { kind: 'ready' }
  if (state === 'created') return failed(`"${name}" was not started${reasonOf(failure)}`)
  if (state === 'exited') return failed(`"${name}" exited with ${exitCode ?? 'no status'}`)
  if (state !== 'running') return waiting(`"${name}" is ${state}`)
  if (health === 'unhealthy') return failed(`"${name}" is unhealthy`)
  return health === 'starting' ? waiting(`"${name}" is not healthy yet`) : { kind: 'ready' }
}

function reasonOf(failure: string | undefined): string {
  return failure === undefined ? '' : `: ${failure}`
}
