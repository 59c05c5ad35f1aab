/** All decisions of a plan, before they become actions. */

import type { Decision } from './decide.ts'
import type { NetworkDecision, VolumeDecision } from './resources.ts'

/** In agreement with each other: what restarts, restarts for a network that is really replaced. */
export interface World {
  readonly containers: readonly Decision[]
  readonly networks: readonly NetworkDecision[]
  readonly volumes: readonly VolumeDecision[]
}
