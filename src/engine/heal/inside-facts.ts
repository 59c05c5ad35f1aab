/** The inside of a running container's network: its addresses, its ways out, and who answers names. */

import type { AttachRequest } from '../../net/index.ts'
import { serveNames } from '../container/network.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { attachAll, requestsOf } from '../network/attach.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'
import type { Fact } from './facts.ts'

/** `connected`: its interfaces whose other ends are in their networks. */
export function insideFacts(
  machine: Machine,
  { record }: LiveContainer,
  attempt: LiveAttempt,
  connected: readonly AttemptInterface[],
): readonly Fact[] {
  const { netns } = attempt
  if (netns === undefined || attempt.record.interfaces.length === 0) return []
  const names = namesFact(machine, record, attempt)
  if (changesItsNetwork(machine, record)) return [names]
  const isConnected = new Set(connected.map(({ network }) => network))
  const present = attempt.record.interfaces
  const requests = requestsOf(machine, record, { netns, present }, (one) => isConnected.has(one))
  const missing = machine.net.missingInside(requests)
  return [
    ...requests.map((request) =>
      insideFact(machine, record, {
        request,
        present,
        missing: missing.get(request.network) ?? [],
      }),
    ),
    names,
  ]
}

/** With the privilege it may have other plans, such as a way out through a tunnel. */
function changesItsNetwork(machine: Machine, record: ContainerRecord): boolean {
  return [...machine.containers.values()].some(
    (one) => (one.record === record || isGuestOf(one.record, record)) && isAdmin(one.record),
  )
}

function isAdmin({ spec: { privileged, capAdd, capDrop } }: ContainerRecord): boolean {
  const has = (name: string): boolean => capAdd.includes(name) && !capDrop.includes(name)
  return privileged || has('NET_ADMIN') || capAdd.includes('ALL')
}

function isGuestOf({ stack, spec: { network } }: ContainerRecord, host: ContainerRecord): boolean {
  if (stack !== host.stack) return false
  if (network.kind === 'service') return network.service === host.service
  return network.kind === 'container' && network.container === host.name
}

function insideFact(
  machine: Machine,
  record: ContainerRecord,
  {
    request,
    present,
    missing,
  }: {
    readonly request: AttachRequest
    readonly present: readonly AttemptInterface[]
    readonly missing: readonly string[]
  },
): Fact {
  const { network, netnsFd: netns, interfaceName = 'eth0', address, address6 } = request
  const addresses = [address, address6].filter((one) => one !== undefined).join(' and ')
  const desired = `${interfaceName} with ${addresses}`
  return {
    subject: 'container',
    name: record.name,
    field: `inside ${network}`,
    desired,
    actual: missing.length === 0 ? desired : missing.join(', '),
    mend: async () => {
      const others = present.filter((one) => one.network !== network)
      // Renamed or moved elsewhere: a new one, in its place.
      if (missing.includes(`no ${interfaceName}`))
        await attachAll(machine, record, { netns, present: others })
      else machine.net.restoreInside(request)
    },
  }
}

const ANSWERED = '127.0.0.11 answers'

function namesFact(machine: Machine, record: ContainerRecord, attempt: LiveAttempt): Fact {
  const { dns, netns } = attempt
  const fault = dns ? dns.fault() : 'nobody answers'
  return {
    subject: 'container',
    name: record.name,
    field: 'names',
    desired: ANSWERED,
    actual: fault ?? ANSWERED,
    mend: async () => {
      if (dns) await dns.mend()
      else if (netns !== undefined) attempt.dns = await serveNames(machine, record, { netns })
    },
  }
}
