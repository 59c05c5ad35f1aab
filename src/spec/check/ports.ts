/** Checks ports that could not be published, or not in the way that they say. */
import type { Service } from '../model.ts'
import type { CheckContext, ServiceRule } from './check.ts'

const PORT_MAX = 65_535

/** Only what can be said of the file alone: who else has a port is seen when it is published. */
export const checkPorts: ServiceRule = (name, service, context) => {
  for (const [at, port] of (service.ports ?? []).entries()) {
    const say = sayer(context, name, ['ports', at])
    const { protocol = 'tcp', published, target } = port
    if (protocol === 'sctp') {
      say.error('sctp is not published; use tcp or udp, or network_mode: host', 'protocol')
    }
    for (const number of [target, ...numbersOf(published)]) {
      if (number > PORT_MAX) say.error(`port ${number} is larger than ${PORT_MAX}`)
    }
    // Absent: 0 as well, as everywhere in the model.
    if (!((target as number | undefined) ?? 0)) {
      say.infeasible('a program listens on a port from 1 to 65535, and not on 0')
    }
  }
  checkTargets(name, service, context)
  checkExposed(name, service, context)
}

/** Replicas and services may share a port of the machine; two ports of one container cannot. */
function checkTargets(name: string, service: Service, context: CheckContext): void {
  const targets = new Map<string, number>()
  for (const [at, { protocol = 'tcp', host_ip: ip, published, target }] of (
    service.ports ?? []
  ).entries()) {
    if (!/^\d+$/.test(published ?? '') || published === '0') continue
    const key = `${ip ?? ''} ${published}/${protocol}`
    const other = targets.get(key) ?? target
    targets.set(key, other)
    if (other === target) continue
    const say = sayer(context, name, ['ports', at])
    say.infeasible(`${published}/${protocol} leads to its port ${other} already`)
  }
}

function checkExposed(name: string, service: Service, context: CheckContext): void {
  for (const [at, text] of ((service as Partial<Service>).expose ?? []).entries()) {
    const wrong = numbersOf(text.replace(/\/\w+$/, '')).find((one) => one > PORT_MAX)
    if (wrong === undefined) continue
    sayer(context, name, ['expose', at]).infeasible(`port ${wrong} is larger than ${PORT_MAX}`)
  }
}

interface Say {
  readonly error: (problem: string, key?: string) => void
  /** For what the specification allows and no machine can do. */
  readonly infeasible: (problem: string) => void
}

function sayer(
  { report, placeOf, feasibility }: CheckContext,
  service: string,
  inside: readonly (string | number)[],
): Say {
  const what = inside[0] === 'ports' ? 'publish' : 'expose'
  const finding = (problem: string, path: readonly string[]) => ({
    rule: 'invalid-port',
    place: placeOf(['services', service, ...inside, ...path]),
    message: `Cannot ${what} a port of "${service}": ${problem}`,
  })
  return {
    error: (problem, key) => report.error(finding(problem, key === undefined ? [] : [key])),
    infeasible: (problem) =>
      feasibility ? report.error(finding(problem, [])) : report.warn(finding(problem, [])),
  }
}

function numbersOf(published: string | undefined): readonly number[] {
  return (published ?? '')
    .split('-')
    .filter((part) => /^\d+$/.test(part))
    .map(Number)
}
