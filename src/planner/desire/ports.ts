/** Published ports. */

import type { Service, ServicePort } from '../../spec/index.ts'
import type { PortSpec } from '../model.ts'
import { compareNames } from '../order.ts'
import { present } from './units.ts'

/**
 * Sorted by target, protocol and published port. A container without its own network publishes
 * nothing.
 */
export function portsOf({ ports = [], network_mode: mode }: Service): readonly PortSpec[] {
  if (mode !== undefined && mode !== 'bridge' && mode !== 'default') return []
  return ports.flatMap(portOf).toSorted(comparePorts)
}

function portOf(port: ServicePort): readonly PortSpec[] {
  const { target, published, host_ip: hostIp } = port
  const protocol = port.protocol ?? 'tcp'
  if (protocol !== 'tcp' && protocol !== 'udp') return []
  return [present({ hostIp: hostIp || undefined, published: rangeOf(published), target, protocol })]
}

/** `8080`, or `8000-8010`: the first free one of them. */
function rangeOf(published: string | undefined): PortSpec['published'] {
  if (published === undefined || published === '' || published === '0') return undefined
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
