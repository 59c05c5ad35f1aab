/** Checks of `post_start` and `pre_stop`: they run in the container, and an empty one runs nothing. */
import type { ServiceRule } from './check.ts'

export const checkHooks: ServiceRule = (name, service, { report, placeOf }) => {
  for (const kind of ['post_start', 'pre_stop'] as const) {
    for (const [at, { command }] of (service[kind] ?? []).entries()) {
      if ((command?.length ?? 0) > 0) continue
      report.error({
        rule: 'hook-command',
        place: placeOf(['services', name, kind, at, 'command']),
        message: `Cannot run hook ${at + 1} of "${kind}" of "${name}": its command is empty`,
        hint: 'say what to run: command: [program, argument]',
      })
    }
  }
}
