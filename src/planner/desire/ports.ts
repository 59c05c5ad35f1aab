/** Published ports. */

import type { Service, ServicePort, Stack } from '../../spec/index.ts'
import type { PortSpec } from '../model.ts'
import { compareNames } from '../order.ts'
import { present } from './units.ts'

/**
 * Sorted by target, protocol and published port. A container without its own network publishes
 * nothing. `address`: that of ports that name none; undefined: every one of the host.
 */
export function portsOf(
  { ports = [], network_mode: mode }: Service,
  address: string | undefined,
): readonly PortSpec[] {
  if (mode !== undefined && mode !== 'bridge' && mode !== 'default') return []
  return ports.flatMap((port) => portOf(port, address)).toSorted(comparePorts)
}

/** `x-publish: 127.0.0.1` at the top of the file. */
export function publishAddressOf(stack: Stack): string | undefined {
  const said = stack['x-publish']
  return typeof said === 'string' && said !== '' ? said : undefined
}

function portOf(port: ServicePort, address: string | undefined): readonly PortSpec[] {
  const { target, published, host_ip: hostIp = address } = port
  const protocol = port.protocol ?? 'tcp'
  if (protocol !== 'tcp' && protocol !== 'udp') return []
  return [present({ hostIp: hostIp || undefined, published: rangeOf(published), target, protocol })]
}

/** `8080`, or `8000-8010`: the first free one of them. */
function rangeOf(published: string | undefined): PortSpec['published'] {
  if (published === undefined || published === '' || published === '0' || published === 'auto')
    return undefined
  const [first = 0, last = first] = published.split('-').map(Number)
  return { first, last }
}

function comparePorts(left: PortSpec, right: PortSpec): number {
  return (
    left.target - right.target ||
    compareNames(left.protocol, right.protocol) ||
    (left.published?.first ?? 0) - (right.published?.first ?? 0) ||
    compareNames(left.hostIp ?? '', right.hostIp ?? '')
  )
}
