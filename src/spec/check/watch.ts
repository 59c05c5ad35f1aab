/** Checks of `develop.watch`. */
import type { ServiceRule } from './check.ts'

/** They do not copy files into the container. */
const WITHOUT_TARGET = new Set(['rebuild', 'restart'])

export const checkWatch: ServiceRule = (name, service, { report, placeOf }) => {
  for (const [index, { action, target }] of (service.develop?.watch ?? []).entries()) {
    if (target !== undefined || WITHOUT_TARGET.has(action)) continue
    report.error({
      rule: 'watch-target',
      place: placeOf(['services', name, 'develop', 'watch', index, 'action'], 'key'),
      message:
        `Cannot watch files of "${name}" with the action "${action}": ` +
        'target is required for non-rebuild actions',
      hint: 'add "target", the path in the container that the files go to',
    })
  }
}
