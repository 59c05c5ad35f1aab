/** What is known of a container's health. */

import type { HealthState } from '../planner/index.ts'
import type { LiveContainer } from './machine.ts'

/** What `ps` shows: `none` for a container without a check or without a run. */
export function healthOf({ attempt }: LiveContainer): HealthState {
  return attempt?.exit ? 'none' : (attempt?.health?.state ?? 'none')
}
