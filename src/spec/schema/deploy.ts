/** Input schema of `deploy` and of device requests. */
import {
  assignments,
  either,
  empty,
  fixed,
  integerOrText,
  listOf,
  numberOrText,
  oneOf,
  type Schema,
  text,
  texts,
} from './kinds.ts'

export function deviceRequests(required: readonly string[]): Schema {
  return listOf(
    fixed(
      {
        capabilities: texts,
        count: integerOrText,
        device_ids: texts,
        driver: text,
        options: assignments,
      },
      required,
    ),
  )
}

const updateConfig = fixed({
  parallelism: integerOrText,
  delay: text,
  failure_action: text,
  monitor: text,
  max_failure_ratio: numberOrText,
  order: oneOf('start-first', 'stop-first'),
})

const genericResources = listOf(
  fixed({ discrete_resource_spec: fixed({ kind: text, value: numberOrText }) }),
)

export const deploySchema: Schema = either(
  fixed({
    mode: text,
    endpoint_mode: text,
    replicas: integerOrText,
    labels: assignments,
    rollback_config: updateConfig,
    update_config: updateConfig,
    resources: fixed({
      limits: fixed({ cpus: numberOrText, memory: text, pids: integerOrText }),
      reservations: fixed({
        cpus: numberOrText,
        memory: text,
        generic_resources: genericResources,
        devices: deviceRequests(['capabilities']),
      }),
    }),
    restart_policy: fixed({
      condition: text,
      delay: text,
      max_attempts: integerOrText,
      window: text,
    }),
    placement: fixed({
      constraints: listOf(text),
      preferences: listOf(fixed({ spread: text })),
      max_replicas_per_node: integerOrText,
    }),
  }),
  empty,
)
