/** Interfaces of an attempt: one for each network, in order, with routes out. */

import { EngineError } from '../../errors.ts'
import type { Fd } from '../../linux/index.ts'
import type { AttachRequest } from '../../net/index.ts'
import type { NetworkAttachment } from '../../planner/index.ts'
import type { Machine } from '../machine.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'
import type { NetworkRecord } from '../records/network.ts'
import { leaseAddresses } from './lease.ts'
import { networkRecords, type NetworkRecords } from './records.ts'
import { optionOf } from './request.ts'

/** Connects `netns` to all networks of the container; `present` are those it has already. */
export async function attachAll(
  machine: Machine,
  record: ContainerRecord,
  place: Place,
): Promise<readonly AttemptInterface[]> {
  const { present = [] } = place
  const known = new Map(present.map((one) => [one.network, one]))
  const missing = requestsOf(machine, record, place, (network) => !known.has(network))
  // One after another: the first is eth0.
  for (const request of missing) known.set(request.network, await lay(machine, request))
  return byPriority(attachmentsOf(record)).flatMap(({ network }) => known.get(network) ?? [])
}

/** The namespace, and the interfaces that it has already. */
export interface Place {
  readonly netns: Fd
  readonly present?: readonly AttemptInterface[]
  /** See AttachRequest. */
  readonly beside?: boolean
}

/** What is asked for each network of the container that is chosen, in the order of interfaces. */
export function requestsOf(
  machine: Machine,
  record: ContainerRecord,
  { netns, present = [], beside = false }: Place,
  isChosen: (network: string) => boolean = () => true,
): readonly AttachRequest[] {
  const records = networkRecords(machine, record)
  const attachments = byPriority(attachmentsOf(record))
  const gateways = defaultRoutesOf(attachments, records)
  const names = interfaceNames(attachments, records, present)
  return attachments
    .filter(({ network }) => isChosen(network))
    .map((attachment) => {
      const network = records.get(attachment.network)
      if (!network) throw noNetwork(record, attachment.network)
      const { ipv4, ipv6 } = leaseAddresses(machine, record, { attachment, network })
      return {
        netnsFd: netns,
        beside,
        container: record.name,
        network: attachment.network,
        interfaceName: names.get(attachment.network) ?? 'eth0',
        address: ipv4,
        address6: ipv6,
        linkLocalAddresses: attachment.linkLocalAddresses,
        mac: attachment.macAddress,
        sysctls: sysctlsOf(attachment),
        defaultRoute: attachment.network === gateways.v4,
        defaultRoute6: attachment.network === gateways.v6,
      }
    })
}

async function lay(machine: Machine, request: AttachRequest): Promise<AttemptInterface> {
  const { hostInterface, interfaceName } = await machine.net.attach(request)
  const { network, address: ipv4, address6: ipv6 } = request
  return {
    network,
    hostInterface,
    interfaceName,
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
  }
}

export function attachmentsOf({
  spec,
}: Pick<ContainerRecord, 'spec'>): readonly NetworkAttachment[] {
  return spec.network.kind === 'networks' ? spec.network.attachments : []
}

/** Networks that the default routes lead through; absent: there is none of that family. */
export interface DefaultRoutes {
  readonly v4: string | undefined
  readonly v6: string | undefined
}

export function defaultRoutes(machine: Machine, record: ContainerRecord): DefaultRoutes {
  return defaultRoutesOf(byPriority(attachmentsOf(record)), networkRecords(machine, record))
}

/** In the order of their interfaces: eth0 first. */
function byPriority(attachments: readonly NetworkAttachment[]): readonly NetworkAttachment[] {
  return [...attachments].sort((left, right) => right.priority - left.priority)
}

/**
 * The network with the highest gw_priority that leads anywhere. @see Compose specification,
 * `networks`
 */
function defaultRoutesOf(
  attachments: readonly NetworkAttachment[],
  records: NetworkRecords,
): DefaultRoutes {
  const best = (isOfFamily: (subnet: string) => boolean): string | undefined =>
    attachments
      .filter(({ network }) => {
        const found = records.get(network)
        return found && !found.spec.internal && found.subnets.some(isOfFamily)
      })
      .reduce<NetworkAttachment | undefined>(
        (found, one) => (found && found.gatewayPriority >= one.gatewayPriority ? found : one),
        undefined,
      )?.network
  return { v4: best((subnet) => !subnet.includes(':')), v6: best((subnet) => subnet.includes(':')) }
}

/** Names of the stack file, of the network's prefix, or `eth` with the lowest number free. */
function interfaceNames(
  attachments: readonly NetworkAttachment[],
  records: NetworkRecords,
  present: readonly AttemptInterface[],
): ReadonlyMap<string, string> {
  const names = new Map(
    attachments.flatMap(({ network, interfaceName }) =>
      interfaceName === undefined ? [] : [[network, interfaceName] as const],
    ),
  )
  for (const { network, interfaceName } of present) {
    if (interfaceName !== undefined) names.set(network, interfaceName)
  }
  const taken = new Set(names.values())
  for (const { network } of attachments) {
    if (names.has(network)) continue
    const prefix = prefixOf(records.get(network))
    let number = 0
    while (taken.has(`${prefix}${number}`)) number++
    names.set(network, `${prefix}${number}`)
    taken.add(`${prefix}${number}`)
  }
  return names
}

function prefixOf(network: NetworkRecord | undefined): string {
  return (network && optionOf(network.spec, 'prefix')) ?? 'eth'
}

/** `net.ipv4.conf.IFNAME.log_martians=1,…` @see docker network connect --driver-opt */
const ENDPOINT_SYSCTLS = 'com.docker.network.endpoint.sysctls'

function sysctlsOf({ driverOptions = {} }: NetworkAttachment): Readonly<Record<string, string>> {
  const text = driverOptions[ENDPOINT_SYSCTLS] ?? ''
  const settings = text.split(',').filter((one) => one.includes('='))
  return Object.fromEntries(
    settings.map((one) => {
      const [key = '', ...value] = one.trim().split('=')
      return [key.replace(/^net\./, ''), value.join('=')]
    }),
  )
}

function noNetwork(record: ContainerRecord, network: string): EngineError {
  return new EngineError(
    'ACTION_FAILED',
    `Cannot connect "${record.name}" to network "${network}": it does not exist`,
    { hint: 'run "tsstack up" for the whole stack, which creates it' },
  )
}
