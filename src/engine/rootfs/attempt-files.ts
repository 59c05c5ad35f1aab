/** The files of /etc that belong to one attempt; what they say depends on its network. */

import { hostResolvConf } from '../container/network.ts'
import { containersOf, type Machine } from '../machine.ts'
import { defaultRoutes } from '../network/attach.ts'
import { networkRecords } from '../network/records.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'
import { type EtcFile, type HostsInput, hostsText, resolvText } from './network-files.ts'

/** `interfaces` are the attempt's own; one that shares a network has the other's addresses. */
export function etcFiles(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): readonly EtcFile[] {
  const { spec } = record
  const network = networkOf(machine, record, interfaces)
  const hosts = hostsText(hostsIn(machine, record, network))
  const resolvConf = resolvText({
    resolver: network.kind === 'networks' ? 'embedded' : 'direct',
    dns: spec.dns,
    dnsSearch: spec.dnsSearch,
    dnsOptions: spec.dnsOptions,
    host: hostResolvConf(),
  })
  return [
    { name: 'hosts', content: hosts },
    { name: 'hostname', content: `${spec.hostname}\n` },
    { name: 'resolv.conf', content: resolvConf },
  ]
}

/** What /etc/hosts of a container depends on, as things are now. */
export function hostsInput(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): HostsInput {
  return hostsIn(machine, record, networkOf(machine, record, interfaces))
}

function hostsIn(machine: Machine, record: ContainerRecord, network: NetworkView): HostsInput {
  const { spec, name } = record
  return {
    hostname: spec.hostname,
    domainname: spec.domainname,
    aliases: [name],
    addresses: network.interfaces.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]).filter(isPresent),
    extraHosts: spec.extraHosts.map((extra) =>
      extra.address === HOST_GATEWAY ? { ...extra, address: hostAddress(machine, network) } : extra,
    ),
  }
}

interface NetworkView {
  readonly kind: 'networks' | 'host' | 'none'
  readonly interfaces: readonly AttemptInterface[]
  /** Whose interfaces they are: it, or whose network it shares. */
  readonly owner: ContainerRecord
}

/** The network a container is really in. No cycle can run: its first would never have started. */
function networkOf(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): NetworkView {
  const { network } = record.spec
  if (network.kind !== 'service' && network.kind !== 'container') {
    return { kind: network.kind, interfaces, owner: record }
  }
  const other = containersOf(machine, record.stack).find(
    (one) =>
      one.attempt !== undefined &&
      (network.kind === 'service'
        ? one.record.service === network.service
        : one.record.name === network.container),
  )
  if (other?.attempt === undefined) return { kind: 'none', interfaces: [], owner: record }
  return networkOf(machine, other.record, other.attempt.record.interfaces)
}

/** @see docker run --add-host: stands for an address of the host that the container can reach */
const HOST_GATEWAY = 'host-gateway'

/** Of the network that leads out, as the host is nearest there; without one, of the first. */
function hostAddress(machine: Machine, { owner, interfaces }: NetworkView): string {
  const { v4, v6 } = defaultRoutes(machine, owner)
  const way = v4 ?? v6 ?? interfaces[0]?.network
  const record = way === undefined ? undefined : networkRecords(machine, owner).get(way)
  return record?.gateways[0] ?? '127.0.0.1'
}

function isPresent(address: string | undefined): address is string {
  return address !== undefined
}
