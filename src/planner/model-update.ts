/** The part of the planner's data that says how the replicas of a service are updated. */

import type { DesiredContainer } from './model.ts'

/** `deploy.update_config` of a service, and what it is done with. */
export interface ServiceUpdate {
  readonly update: UpdateRule
  /** `deploy.rollback_config`: of the way back. */
  readonly rollback: UpdateRule
  /**
   * As many further places as there are replicas: with start-first a new replica takes one beside
   * the one that it follows. None where two replicas cannot be there at once.
   */
  readonly spares: readonly DesiredContainer[]
  /** Why it is not updated start-first, though that was asked for. */
  readonly obstacle?: string
}

export interface UpdateRule {
  /** Replicas at a time; 0: all at once. */
  readonly parallelism: number
  /** Whether a new replica has to serve before an old one is stopped. */
  readonly order: 'start-first' | 'stop-first'
  /** Between one batch and the next. */
  readonly delayMs: number
  /** How long a new replica has to stay well. */
  readonly monitorMs: number
  readonly failureAction: 'pause' | 'continue' | 'rollback'
  /** Failed replicas that are put up with, 0 to 1 of all that are updated. */
  readonly maxFailureRatio: number
}
