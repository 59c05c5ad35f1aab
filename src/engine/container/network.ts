/** Connects an attempt: its network namespace, addresses, names, and resolver. */

import { readFileSync } from 'node:fs'
import { close, dup, type Fd } from '../../linux/index.ts'
import type { DnsRequest, DnsServer } from '../../net/index.ts'
import { EngineError } from '../../errors.ts'
import type { Machine } from '../machine.ts'
import { attachAll, attachmentsOf } from '../network/attach.ts'
import { networkRecords } from '../network/records.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'

/** What a connected attempt holds. `netns` is absent in the host's namespace. */
export interface Connection {
  readonly netns: Fd | undefined
  readonly interfaces: readonly AttemptInterface[]
  readonly dns: DnsServer | undefined
}

/**
 * The namespace is held by descriptors and processes alone: should we die now, the kernel removes
 * it and every interface in it. `own`: made already, where a new one is needed. `beside`: others
 * are connected meanwhile.
 */
export async function connect(
  machine: Machine,
  record: ContainerRecord,
  { own, beside }: { readonly own: Fd | undefined; readonly beside: boolean },
): Promise<Connection> {
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
  const { fd: netns, sockets } = own === undefined ? machine.namespaces.take() : { fd: own }
  let unused = sockets
  try {
    if (network.kind === 'none') return { netns, interfaces: [], dns: undefined }
    const interfaces = await attachAll(machine, record, { netns, beside })
    unused = undefined
    const dns = await serveNames(machine, record, { netns, isNew: true, sockets })
    return { netns, interfaces, dns }
  } catch (error) {
    close(netns)
    throw error
  } finally {
    for (const { fd } of Object.values(unused ?? {})) close(fd)
  }
}

/** Starts to answer names for an attempt that runs already. `isNew`: see DnsRequest. */
export function serveNames(
  machine: Machine,
  record: ContainerRecord,
  { netns, ...how }: { readonly netns: Fd } & Pick<DnsRequest, 'isNew' | 'sockets'>,
): Promise<DnsServer> {
  const view = namesView(machine, record)
  const request = { netnsFd: netns, ...how, container: record.name, stack: record.stack, ...view }
  return machine.net.serveDns(request, () => machine.lookInside?.(record.name))
}

/** What a container can look up, by its networks. */
export function namesView(
  machine: Machine,
  record: ContainerRecord,
): Pick<DnsRequest, 'networks' | 'subnets' | 'upstreams' | 'links'> {
  const networks = attachmentsOf(record).map(({ network }) => network)
  const records = networkRecords(machine, record)
  const isOpen = networks.some((name) => !records.get(name)?.spec.internal)
  const upstreams = record.spec.dns.length > 0 ? record.spec.dns : hostResolvers()
  return {
    networks,
    subnets: [...records.values()].flatMap(({ subnets }) => subnets),
    upstreams: isOpen ? upstreams : [],
    links: record.spec.links,
  }
}

/** Tells every resolver the names of a container; without interfaces they are known but nowhere. */
export function publishNames(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): void {
  const isServing = isReady(machine, record)
  for (const { network, aliases } of attachmentsOf(record)) {
    const own = interfaces.find((one) => one.network === network)
    const names = [...new Set([record.name, ...aliases])]
    machine.net.names.set({
      network,
      names,
      address: own?.ipv4,
      address6: own?.ipv6,
      isReady: isServing,
      container: record.name,
      stack: record.stack,
    })
  }
  machine.net.setServing(record.name, isServing)
}

/**
 * Whether clients are to be led to it while others of its service could serve them as well. A
 * container without a check is ready as soon as it runs.
 */
export function isReady(machine: Machine, { name, spec }: ContainerRecord): boolean {
  const container = machine.containers.get(name)
  if (container?.draining === true) return false
  if (spec.healthcheck === undefined) return true
  const { attempt } = container ?? {}
  return (attempt?.health?.state ?? attempt?.record.health) === 'healthy'
}

export function forgetNames(machine: Machine, record: ContainerRecord): void {
  for (const { network } of attachmentsOf(record)) {
    machine.net.names.delete({ network, container: record.name })
  }
  machine.net.setServing(record.name, true)
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
  // Of one that has ended the network is being taken away.
  const netns = target?.attempt?.exit ? undefined : target?.attempt?.netns
  if (netns === undefined) {
    throw new EngineError(
      'DEPENDENCY',
      `Cannot start "${record.name}": the container whose network it shares does not run`,
      { hint: 'start that one first, or add it to "depends_on"' },
    )
  }
  return { netns: dup(netns), interfaces: [], dns: undefined }
}
