/** Input schema of `develop` and of the hooks of a service's life. */
import {
  assignments,
  command,
  either,
  empty,
  fixed,
  flag,
  listOf,
  oneOf,
  type Schema,
  strictFlag,
  text,
  textOrTexts,
} from './kinds.ts'

const hookKeys: Readonly<Record<string, Schema>> = {
  command,
  user: text,
  privileged: flag,
  working_dir: text,
  environment: assignments,
}

export const hook: Schema = fixed(hookKeys, ['command'])

/** `pre_start`: a container of its own, whose image may know what to run. */
export const initHook: Schema = fixed({ ...hookKeys, image: text, per_replica: flag })

export const developSchema: Schema = either(
  fixed({
    watch: listOf(
      fixed(
        {
          ignore: textOrTexts,
          include: textOrTexts,
          path: text,
          action: oneOf('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
          target: text,
          exec: hook,
          initial_sync: strictFlag,
        },
        ['path', 'action'],
      ),
    ),
  }),
  empty,
)
