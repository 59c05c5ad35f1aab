/** Checks by what names and through whom a container finds others: DNS, /etc/hosts, its own name. */
import type { Service } from '../model.ts'
import { addressOf } from '../units/ip.ts'
import { macProblem } from './attachments.ts'
import type { ServiceRule } from './check.ts'

interface Look {
  readonly path: readonly (string | number)[]
  /** Undefined: all is well. */
  readonly problem: string | undefined
}

/** Ends or begins another word, line or comment in /etc/hosts. @see hosts(5) */
const ODD = /[\s#\p{Cc}]/u

/** A line of /etc/resolv.conf ends there. */
const LINE_END = /[\p{Cc}\u2028\u2029]/u

/** uname(2): what the kernel takes of a name of a machine, in bytes. */
const NAME_BYTES_MAX = 64

export const checkResolving: ServiceRule = (name, service, { report, feasibility, placeOf }) => {
  for (const { path, problem } of looksAt(service)) {
    if (problem === undefined) continue
    const finding = {
      rule: 'invalid-network',
      place: placeOf(['services', name, ...path]),
      message: `Cannot connect "${name}": ${problem}`,
    } as const
    if (feasibility) report.error(finding)
    else report.warn(finding)
  }
}

function looksAt(service: Service): readonly Look[] {
  const { dns = [], extra_hosts: hosts = [], mac_address: mac } = service
  return [
    ...(['hostname', 'domainname'] as const).map((key) => ({
      path: [key],
      problem: nameProblem(key, service[key] ?? ''),
    })),
    ...dns.map((address, at) => ({
      path: ['dns', at],
      problem: addressOf(address) ? undefined : `dns: "${address}" is no IP address`,
    })),
    ...(['dns_search', 'dns_opt'] as const).flatMap((key) =>
      (service[key] ?? []).map((text, at) => ({
        path: [key, at],
        problem: LINE_END.test(text)
          ? `${key}: ${JSON.stringify(text)} has a control character in it`
          : undefined,
      })),
    ),
    ...hosts.map((entry, at) => ({ path: ['extra_hosts', at], problem: hostProblem(entry) })),
    { path: ['mac_address'], problem: mac === undefined ? undefined : macProblem(mac) },
  ]
}

function nameProblem(key: string, name: string): string | undefined {
  const odd = ODD.exec(name)
  // JSON shows what has no sign of its own.
  if (odd) {
    const what = odd[0] === ' ' ? 'a space' : JSON.stringify(odd[0])
    return `${key} ${JSON.stringify(name)} has ${what} in it`
  }
  return new TextEncoder().encode(name).length > NAME_BYTES_MAX
    ? `${key} "${name}" is longer than the ${NAME_BYTES_MAX} bytes that the kernel takes`
    : undefined
}

/** `name=address`, as its short forms are written in full. */
function hostProblem(entry: string): string | undefined {
  const at = entry.indexOf('=')
  const [name, address] = [entry.slice(0, at), entry.slice(at + 1)]
  if (name === '' || ODD.test(name)) {
    return `extra_hosts: ${JSON.stringify(name)} is no name of a host`
  }
  const bare = address.replace(/^\[(?<inside>.*)\]$/u, '$<inside>')
  if (bare === 'host-gateway' || addressOf(bare)) return undefined
  return `extra_hosts: "${address}" of "${name}" is neither an IP address nor host-gateway`
}
