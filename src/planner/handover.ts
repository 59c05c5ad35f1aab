/**
 * What one container or network must give up before another can have it: ports, addresses, subnets.
 */

import type { ContainerSpec, NetworkSpec, ObservedContainer, PortSpec } from './model.ts'

/** True when `holder` has a host port or a fixed address that a container of `spec` asks for. */
export function needsFrom(spec: ContainerSpec, holder: ObservedContainer): boolean {
  return (
    spec.ports.some((port) => holdsPort(holder, port)) ||
    fixedAddresses(spec).some((address) => fixedAddresses(holder.spec).includes(address))
  )
}

/** True when both networks ask for the same subnet by name. */
export function shareSubnet(left: NetworkSpec, right: NetworkSpec): boolean {
  return left.subnets.some((each) => right.subnets.some((other) => each.subnet === other.subnet))
}

interface Published {
  readonly hostIp: string | undefined
  readonly first: number
  readonly last: number
  readonly protocol: 'tcp' | 'udp'
}

function holdsPort(holder: ObservedContainer, wanted: PortSpec): boolean {
  if (wanted.published === undefined) return false
  const { first, last } = wanted.published
  const asked = { hostIp: wanted.hostIp, first, last, protocol: wanted.protocol }
  return heldPorts(holder).some((held) => overlap(held, asked))
}

/** What it asked for, and what it got: a random port is known only from the machine. */
function heldPorts({ spec, ports }: ObservedContainer): readonly Published[] {
  return [
    ...spec.ports.flatMap(({ published, hostIp, protocol }) =>
      published === undefined ? [] : [{ hostIp, ...published, protocol }],
    ),
    ...ports.map(({ hostIp, published, protocol }) => ({
      hostIp,
      first: published,
      last: published,
      protocol,
    })),
  ]
}

function overlap(left: Published, right: Published): boolean {
  return (
    left.protocol === right.protocol &&
    left.first <= right.last &&
    right.first <= left.last &&
    (left.hostIp === right.hostIp || isEveryAddress(left.hostIp) || isEveryAddress(right.hostIp))
  )
}

function isEveryAddress(hostIp: string | undefined): boolean {
  return hostIp === undefined || hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::'
}

function fixedAddresses({ network }: ContainerSpec): readonly string[] {
  if (network.kind !== 'networks') return []
  return network.attachments.flatMap((each) =>
    [each.ipv4Address, each.ipv6Address, each.macAddress].flatMap((address) =>
      address === undefined ? [] : [`${each.network} ${address}`],
    ),
  )
}
