/** `pre_start`, `post_start` and `pre_stop`. */

import type { Service, ServiceHook } from '../../spec/index.ts'
import type { HookSpec, HooksSpec } from '../model-hooks.ts'
import { present } from './units.ts'

/** Undefined when the service has none. */
export function hooksOf(service: Service): HooksSpec | undefined {
  const { pre_start: preStart, post_start: postStart, pre_stop: preStop } = service
  const hooks = {
    preStart: (preStart ?? []).map(hookOf),
    postStart: (postStart ?? []).map(hookOf),
    preStop: (preStop ?? []).map(hookOf),
  }
  return Object.values(hooks).some((list) => list.length > 0) ? hooks : undefined
}

function hookOf(hook: ServiceHook): HookSpec {
  const variables = Object.entries(hook.environment ?? {})
  return present({
    command: hook.command ?? [],
    image: hook.image,
    perReplica: hook.per_replica === true ? (true as const) : undefined,
    user: hook.user,
    workingDir: hook.working_dir,
    environment: Object.fromEntries(
      variables.flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
    ),
    privileged: hook.privileged ?? false,
  })
}
