/** Checks `x-tsstack` of services. */
import { ON_UNHEALTHY, ownOptions } from '../units/own-options.ts'
import type { ServiceRule } from './check.ts'

const KEYS = ['on-unhealthy'] as const

export const checkOwnOptions: ServiceRule = (name, service, { report, placeOf }) => {
  const refuse = (key: string, problem: string): void =>
    report.error({
      rule: 'invalid-x-tsstack',
      place: placeOf(['services', name, 'x-tsstack', key]),
      message: `Cannot read "x-tsstack" of "${name}": ${problem}`,
    })
  const options = ownOptions(service) ?? {}
  for (const [key, value] of Object.entries(options)) {
    if (!KEYS.some((known) => known === key)) {
      refuse(key, `it has no "${key}"; it has ${KEYS.join(', ')}`)
    } else if (!ON_UNHEALTHY.some((word) => word === value)) {
      const words = ON_UNHEALTHY.join(', ')
      refuse(key, `on-unhealthy is "${String(value)}"; it has to be one of ${words}`)
    }
  }
  const asks = options['on-unhealthy'] === 'restart' || options['on-unhealthy'] === 'stop'
  if (asks && service.healthcheck?.disable === true) {
    refuse('on-unhealthy', 'its healthcheck is disabled, so it is never unhealthy')
  }
}
