/** Checks that `ulimits` names limits that Linux has, and numbers that it takes. */
import type { Finding } from '../diagnostics/report.ts'
import { didYouMean } from '../diagnostics/suggest.ts'
import type { Service } from '../model.ts'
import type { ServiceRule } from './check.ts'

/** RLIMIT_* of include/uapi/asm-generic/resource.h, as `docker run --ulimit` spells them. */
const ULIMITS: readonly string[] = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]

/** Docker refuses them when it creates the container, so `config` alone only warns. */
export const checkUlimits: ServiceRule = (name, { ulimits = {} }, context) => {
  const { report, placeOf, feasibility } = context
  for (const [limit, value] of Object.entries(ulimits)) {
    const problem = problemOf(limit, value)
    if (problem === undefined) continue
    const finding: Finding = {
      rule: 'ulimit',
      place: placeOf(['services', name, 'ulimits', limit], problem.at),
      message: `Cannot limit "${limit}" of "${name}": ${problem.text}`,
      hint: problem.hint,
    }
    if (feasibility) report.error(finding)
    else report.warn(finding)
  }
}

interface Problem {
  readonly at: 'key' | 'value'
  readonly text: string
  readonly hint?: string | undefined
}

function problemOf(
  limit: string,
  value: NonNullable<Service['ulimits']>[string],
): Problem | undefined {
  if (!ULIMITS.includes(limit)) {
    const text = `there is no such limit; there are ${ULIMITS.join(', ')}`
    return { at: 'key', text, hint: didYouMean(limit, ULIMITS) }
  }
  if (typeof value === 'number') return undefined
  const { soft, hard } = value
  // Below zero is no limit at all.
  if (hard < 0 || (soft >= 0 && soft <= hard)) return undefined
  return { at: 'value', text: `soft ${soft} is above hard ${hard}; it has to be at most that` }
}
