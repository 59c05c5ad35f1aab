/** `restart`, which `deploy.restart_policy` overrides. */

import type { DeployRestartPolicy, Service } from '../../spec/index.ts'
import type { RestartPolicy } from '../model.ts'
import { durationMs, present } from './units.ts'

export function restartPolicyOf({ restart, deploy }: Service): RestartPolicy {
  if (deploy?.restart_policy !== undefined) return fromDeploy(deploy.restart_policy)
  const [condition = 'no', count] = (restart ?? 'no').split(':')
  const attempts = attemptsOf(count === undefined ? undefined : Number(count))
  switch (condition) {
    case 'always':
    case 'unless-stopped':
      return { condition }
    case 'on-failure':
      return present({ condition: 'on-failure' as const, attemptsMax: attempts })
    default:
      return { condition: 'no' }
  }
}

/** Without a condition it is `any`. @see Compose specification, `deploy.restart_policy` */
function fromDeploy(policy: DeployRestartPolicy): RestartPolicy {
  if (policy.condition === 'none') return { condition: 'no' }
  return present({
    condition: policy.condition === 'on-failure' ? ('on-failure' as const) : ('always' as const),
    attemptsMax: attemptsOf(policy.max_attempts),
    delayMs: durationMs(policy.delay),
    windowMs: durationMs(policy.window),
  })
}

/** 0 means no bound, as in Docker. */
function attemptsOf(count: number | undefined): number | undefined {
  return count === undefined || Number.isNaN(count) || count <= 0 ? undefined : count
}
