/**
 * Published ports as elements of the firewall's maps, and back. The comment of an element names
 * its container.
 */

import type { Placed } from '../firewall/firewall.ts'
import type { Sets } from '../firewall/ruleset.ts'
import type { PublishedPort } from '../types.ts'
import { ANY_ADDRESS } from './reserve.ts'

const PROTOCOLS = { tcp: 6, udp: 17 } as const

export interface Target {
  readonly container: string
  /** Of the container, and of the bridge it is reached by. */
  readonly address: string
  readonly gateway: string
}

/** The elements that publish `port`. */
export function portElements(sets: Sets, port: PublishedPort, target: Target): readonly Placed[] {
  const comment = target.container
  const protocol = PROTOCOLS[port.protocol]
  const destination = [target.address, port.target]
  if (port.hostIp === ANY_ADDRESS) {
    const key = [protocol, port.published]
    return [
      { set: sets.anyPorts, element: { key, data: destination, comment } },
      { set: sets.anyLoopback, element: { key, data: [target.gateway], comment } },
    ]
  }
  const key = [protocol, port.hostIp, port.published]
  const published = { set: sets.addressPorts, element: { key, data: destination, comment } }
  if (!isLoopback(port.hostIp)) return [published]
  const loopback = { set: sets.addressLoopback, element: { key, data: [target.gateway], comment } }
  return [published, loopback]
}

/** The published ports among `elements`, with their containers. */
export function readPorts(
  sets: Sets,
  elements: readonly Placed[],
): readonly (PublishedPort & { readonly container: string })[] {
  return elements.flatMap(({ set, element }) => {
    if (set !== sets.anyPorts && set !== sets.addressPorts) return []
    const [protocol, ...place] = element.key
    return [
      {
        protocol: protocol === PROTOCOLS.udp ? ('udp' as const) : ('tcp' as const),
        hostIp: place.length === 2 ? String(place[0]) : ANY_ADDRESS,
        published: Number(place.at(-1)),
        target: Number(element.data?.[1]),
        container: element.comment ?? '',
      },
    ]
  })
}

function isLoopback(ip: string): boolean {
  return ip.startsWith('127.')
}
