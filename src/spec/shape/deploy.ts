/** The shape of `deploy` and of device requests. */
import {
  anyInteger,
  anyText,
  float,
  integer,
  type Kind,
  list,
  struct,
  text,
  texts,
} from './kinds.ts'
import { bytes, deviceCount, duration, labels } from './values.ts'

export const deviceRequest: Kind = struct({
  capabilities: texts,
  driver: text,
  count: deviceCount,
  device_ids: texts,
  options: labels,
})

/** No duration at all is left out. */
const someDuration: Kind = (node, context) => {
  const value = duration(node, context)
  return value === '0s' ? undefined : value
}

const updateConfig = struct({
  parallelism: anyInteger,
  delay: someDuration,
  failure_action: text,
  monitor: someDuration,
  max_failure_ratio: float,
  order: text,
})

const resource = struct({
  cpus: float,
  memory: bytes,
  pids: integer,
  devices: list(deviceRequest),
  generic_resources: list(
    struct({ discrete_resource_spec: struct({ kind: anyText, value: anyInteger }) }),
  ),
})

export const deploy: Kind = struct(
  {
    mode: text,
    replicas: anyInteger,
    labels,
    update_config: updateConfig,
    rollback_config: updateConfig,
    resources: struct({ limits: resource, reservations: resource }),
    restart_policy: struct({
      condition: text,
      delay: duration,
      max_attempts: anyInteger,
      window: duration,
    }),
    placement: struct({
      constraints: texts,
      preferences: list(struct({ spread: text })),
      max_replicas_per_node: integer,
    }),
    endpoint_mode: text,
  },
  ['resources', 'placement'],
)
