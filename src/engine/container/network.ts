/** Connects an attempt: its network namespace, addresses, names, and resolver. */

import { readFileSync } from 'node:fs'
import { close, dup, type Fd } from '../../linux/index.ts'
import { allocateAddress, type DnsServer, isInside } from '../../net/index.ts'
import { EngineError } from '../../errors.ts'
import type { NetworkAttachment } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'
import {
  readLeases,
  readNetworkRecords,
  type NetworkRecord,
  writeLeases,
} from '../records/network.ts'

/** What a connected attempt holds. `netns` is absent in the host's namespace. */
export interface Connection {
  readonly netns: Fd | undefined
  readonly interfaces: readonly AttemptInterface[]
  readonly dns: DnsServer | undefined
}

/**
 * The namespace is held by descriptors and processes alone: should we die now, the kernel removes
 * it and every interface in it.
 */
export async function connect(machine: Machine, record: ContainerRecord): Promise<Connection> {
  const { network } = record.spec
  switch (network.kind) {
    case 'host':
      return { netns: undefined, interfaces: [], dns: undefined }
    case 'service':
      return shared(machine, record, (other) => other.service === network.service)
    case 'container':
      return shared(machine, record, (other) => other.name === network.container)
    case 'none':
    case 'networks':
      break
  }
  const netns = machine.namespaces.take()
  try {
    if (network.kind === 'none') {
      return { netns, interfaces: [], dns: undefined }
    }
    const interfaces = attachAll(machine, { record, netns, attachments: network.attachments })
    return { netns, interfaces, dns: await serveNames(machine, record, netns) }
  } catch (error) {
    close(netns)
    throw error
  }
}

/** Starts to answer names for an attempt that runs already. */
export function serveNames(
  machine: Machine,
  record: ContainerRecord,
  netns: Fd,
): Promise<DnsServer> {
  const networks = attachmentsOf(record).map(({ network }) => network)
  const records = networkRecords(machine, record)
  const isOpen = networks.some((name) => !records.get(name)?.spec.internal)
  const upstreams = record.spec.dns.length > 0 ? record.spec.dns : hostResolvers()
  return machine.net.serveDns({
    netnsFd: netns,
    container: record.name,
    stack: record.stack,
    networks,
    subnets: [...records.values()].flatMap(({ subnets }) => subnets),
    upstreams: isOpen ? upstreams : [],
  })
}

/** Tells every resolver the names of a container; without interfaces they are known but nowhere. */
export function publishNames(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): void {
  for (const { network, aliases } of attachmentsOf(record)) {
    const own = interfaces.find((one) => one.network === network)
    const names = [...new Set([record.name, ...aliases])]
    machine.net.names.set({
      network,
      names,
      address: own?.ipv4,
      address6: own?.ipv6,
      container: record.name,
      stack: record.stack,
    })
  }
}

export function forgetNames(machine: Machine, record: ContainerRecord): void {
  for (const { network } of attachmentsOf(record)) {
    machine.net.names.delete({ network, container: record.name })
  }
}

export function attachmentsOf(record: ContainerRecord): readonly NetworkAttachment[] {
  return record.spec.network.kind === 'networks' ? record.spec.network.attachments : []
}

/** Nameservers of the host's resolv.conf that can be reached from the supervisor. */
function hostResolvers(): readonly string[] {
  return [...hostResolvConf().matchAll(/^\s*nameserver\s+(\S+)/gm)].map(
    ([, server]) => server ?? '',
  )
}

export function hostResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8')
  } catch {
    // A host without one resolves nothing, and so does what shares its network.
    return ''
  }
}

/** Joins the namespace of a running container, which the sharers then keep alive. */
function shared(
  machine: Machine,
  record: ContainerRecord,
  isTarget: (other: ContainerRecord) => boolean,
): Connection {
  const target = [...machine.containers.values()].find(
    (other) => other.record.stack === record.stack && isTarget(other.record),
  )
  if (target?.attempt?.netns === undefined) {
    throw new EngineError(
      'DEPENDENCY',
      `Cannot start "${record.name}": the container whose network it shares does not run`,
      { hint: 'start that one first, or add it to "depends_on"' },
    )
  }
  return { netns: dup(target.attempt.netns), interfaces: [], dns: undefined }
}

function attachAll(
  machine: Machine,
  connecting: {
    readonly record: ContainerRecord
    readonly netns: Fd
    readonly attachments: readonly NetworkAttachment[]
  },
): readonly AttemptInterface[] {
  const { record, netns } = connecting
  const records = networkRecords(machine, record)
  const ordered = byPriority(connecting.attachments)
  const gateway = defaultRouteOf(ordered, records)
  return ordered.map((attachment, index) => {
    const network = records.get(attachment.network)
    if (!network) throw noNetwork(record, attachment.network)
    const address = leaseAddress(machine, record, { attachment, network })
    const { hostInterface } = machine.net.attach({
      netnsFd: netns,
      container: record.name,
      network: attachment.network,
      interfaceName: `eth${index}`,
      address,
      mac: attachment.macAddress,
      defaultRoute: attachment === gateway,
    })
    return { network: attachment.network, hostInterface, ipv4: address }
  })
}

/** Name of the network that a container's default route leads through; absent: it has none. */
export function defaultNetwork(machine: Machine, record: ContainerRecord): string | undefined {
  const attachments = byPriority(attachmentsOf(record))
  return defaultRouteOf(attachments, networkRecords(machine, record))?.network
}

/** In the order of their interfaces: eth0 first. */
function byPriority(attachments: readonly NetworkAttachment[]): readonly NetworkAttachment[] {
  return [...attachments].sort((left, right) => right.priority - left.priority)
}

/**
 * The network with the highest gw_priority that leads anywhere. @see Compose specification,
 * `networks`
 */
function defaultRouteOf(
  attachments: readonly NetworkAttachment[],
  records: ReadonlyMap<string, NetworkRecord>,
): NetworkAttachment | undefined {
  return attachments
    .filter(({ network }) => !records.get(network)?.spec.internal)
    .reduce<NetworkAttachment | undefined>(
      (best, one) => (best && best.gatewayPriority >= one.gatewayPriority ? best : one),
      undefined,
    )
}

/**
 * The address the container had before, or asked for, or the next free one; kept until it is
 * removed.
 */
function leaseAddress(
  machine: Machine,
  record: ContainerRecord,
  wanted: { readonly attachment: NetworkAttachment; readonly network: NetworkRecord },
): string {
  const { attachment, network } = wanted
  const leases = readLeases(machine.paths, record.stack)
  const known = leases[attachment.network] ?? {}
  const others = Object.entries(known).filter(([name]) => name !== record.name)
  const subnet = network.subnets[0] ?? ''
  const range = network.spec.subnets.find((one) => one.subnet === subnet)?.range
  const address = allocateAddress({
    subnet,
    taken: [...network.gateways, ...others.map(([, taken]) => taken)],
    requested: attachment.ipv4Address ?? keptLease(known[record.name], subnet),
    range,
    container: record.name,
  })
  if (known[record.name] !== address) {
    const changed = { ...known, [record.name]: address }
    writeLeases(machine.paths, record.stack, { ...leases, [attachment.network]: changed })
  }
  return address
}

/** A lease from before the network was made anew with another subnet counts no more. */
function keptLease(address: string | undefined, subnet: string): string | undefined {
  return address !== undefined && isInside(subnet, address) ? address : undefined
}

function networkRecords(
  machine: Machine,
  record: ContainerRecord,
): ReadonlyMap<string, NetworkRecord> {
  return new Map(
    readNetworkRecords(machine.paths, record.stack).map((network) => [network.spec.name, network]),
  )
}

function noNetwork(record: ContainerRecord, network: string): EngineError {
  return new EngineError(
    'ACTION_FAILED',
    `Cannot connect "${record.name}" to network "${network}": it does not exist`,
    { hint: 'run "tsstack up" for the whole stack, which creates it' },
  )
}
