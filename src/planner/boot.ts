/** Whether a container is started again after the machine was. */

import type { ObservedContainer } from './model.ts'

/**
 * As Docker: `always` in any case, the others unless they were stopped by hand. Without a policy,
 * and with `on-failure`, what ran when the machine went down, as it did not end by itself.
 */
export function startsAtBoot(container: ObservedContainer): boolean {
  const { attempt, spec, stoppedByUser, history = [] } = container
  if (attempt === 0) return false
  const { condition } = spec.restart
  if (condition === 'always') return true
  if (stoppedByUser) return false
  return condition === 'unless-stopped' || (history.at(-1)?.attempt ?? 0) < attempt
}
