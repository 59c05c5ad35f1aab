/** The time that new files of a step get. */

import type { BuildSession } from '../build.ts'

/** Whole seconds since the epoch; SOURCE_DATE_EPOCH when it is given. */
export function stepTime({ build }: BuildSession): number {
  return build.request.sourceDateEpoch ?? Math.floor(build.ports.now() / 1000)
}

/** RFC 3339, in whole seconds: other tools write fractions in their own way. */
export function timeText(seconds: number): string {
  return new Date(Math.floor(seconds) * 1000).toISOString().replace('.000Z', 'Z')
}
