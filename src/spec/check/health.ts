/** Checks of `healthcheck`. */
import { didYouMean } from '../diagnostics/suggest.ts'
import type { ServiceRule } from './check.ts'

const WORDS = ['CMD', 'CMD-SHELL', 'NONE']

export const checkHealth: ServiceRule = (name, service, { report, placeOf }) => {
  const test = service.healthcheck?.test ?? []
  const [first] = test
  if (first === undefined || WORDS.includes(first)) return
  report.error({
    rule: 'health-test',
    place: placeOf(['services', name, 'healthcheck', 'test']),
    message:
      `Cannot check the health of "${name}": ` +
      `healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE", not "${first}"`,
    hint: didYouMean(first, WORDS) ?? 'a string instead of a list is run by a shell',
  })
}
