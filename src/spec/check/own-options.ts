/** Checks `x-tsstack` of services. */
import {
  hugetlbTexts,
  isHugetlb,
  ON_UNHEALTHY,
  ownOptions,
  PROCFS,
  SHARED_PORTS,
} from '../units/own-options.ts'
import type { ServiceRule } from './check.ts'

const KEYS = ['on-unhealthy', 'procfs', 'hugetlb', 'shared-ports'] as const

export const checkOwnOptions: ServiceRule = (name, service, { report, placeOf }) => {
  const refuse = (key: string, problem: string): void =>
    report.error({
      rule: 'invalid-x-tsstack',
      place: placeOf(['services', name, 'x-tsstack', key]),
      message: `Cannot read "x-tsstack" of "${name}": ${problem}`,
    })
  const options = ownOptions(service) ?? {}
  for (const [key, value] of Object.entries(options)) {
    const problem = problemOf(key, value, service)
    if (problem !== undefined) refuse(key, problem)
  }
  const asks = options['on-unhealthy'] === 'restart' || options['on-unhealthy'] === 'stop'
  if (asks && service.healthcheck?.disable === true) {
    refuse('on-unhealthy', 'its healthcheck is disabled, so it is never unhealthy')
  }
}

function problemOf(key: string, value: unknown, service: object): string | undefined {
  switch (key) {
    case 'on-unhealthy':
      return wordProblem(key, value, ON_UNHEALTHY)
    case 'procfs':
      return wordProblem(key, value, PROCFS)
    case 'hugetlb':
      return hugetlbProblem(service)
    case 'shared-ports':
      return wordProblem(key, value, SHARED_PORTS)
    default:
      return `it has no "${key}"; it has ${KEYS.join(', ')}`
  }
}

function wordProblem(key: string, value: unknown, words: readonly string[]): string | undefined {
  if (words.some((word) => word === value)) return undefined
  return `${key} is "${String(value)}"; it has to be one of ${words.join(', ')}`
}

function hugetlbProblem(service: object): string | undefined {
  const limits = hugetlbTexts(service)
  const example = 'it is written as {2MB: 64m}'
  if (limits === undefined) return `hugetlb is no list of limits; ${example}`
  const bad = Object.entries(limits).find(([size, limit]) => !isHugetlb(size, limit))
  return bad === undefined ? undefined : `hugetlb has "${bad.join(': ')}"; ${example}`
}
