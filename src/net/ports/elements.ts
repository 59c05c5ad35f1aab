/**
 * Published ports as elements of the firewall's maps, and back. The comment of an element names
 * its container and that container's stack.
 */

import type { Placed } from '../firewall/firewall.ts'
import { PORT_SHARES, portSets, type Sets } from '../firewall/sets.ts'
import { familyOf, type Family } from '../subnet.ts'
import type { PublishedPort } from '../types.ts'

export const PROTOCOLS = { tcp: 6, udp: 17 } as const

/** What clients of the host ask for. */
export type PortKey = Pick<PublishedPort, 'protocol' | 'hostIp' | 'published'>

/** Where they get to. */
export interface PortTarget {
  readonly container: string
  readonly stack: string | undefined
  /** Of the container, of the same family as the port's `hostIp`. */
  readonly address: string
  readonly target: number
  /** An address of the host in the container's network. */
  readonly gateway: string
}

export type KnownPort = PortKey & PortTarget

export const ANY_ADDRESS = '0.0.0.0'
export const ANY_ADDRESS_V6 = '::'

export function isEveryAddress(hostIp: string): boolean {
  return hostIp === ANY_ADDRESS || hostIp === ANY_ADDRESS_V6
}

export function keyText({ protocol, hostIp, published }: PortKey): string {
  return `${protocol} ${hostIp} ${published}`
}

/** The elements that lead clients of `port` to `targets`, in turns when they are several. */
export function portElements(
  allSets: Readonly<Record<Family, Sets>>,
  port: PortKey,
  targets: readonly PortTarget[],
): readonly Placed[] {
  const [first] = targets
  if (!first) return []
  const sets = allSets[familyOf(port.hostIp)]
  const isAny = isEveryAddress(port.hostIp)
  const key = [PROTOCOLS[port.protocol], ...(isAny ? [] : [port.hostIp]), port.published]
  const comment = commentOf(first)
  const loopback = {
    set: isAny ? sets.anyLoopback : sets.addressLoopback,
    element: { key, data: [first.gateway], comment },
  }
  return [
    ...(targets.length === 1
      ? [
          {
            set: isAny ? sets.anyPorts : sets.addressPorts,
            element: { key, data: [first.address, first.target], comment },
          },
        ]
      : shareElements(isAny ? sets.anyShares : sets.addressShares, key, targets)),
    ...(isAny || isLoopback(port.hostIp) ? [loopback] : []),
  ]
}

function shareElements(
  set: Placed['set'],
  key: readonly (string | number)[],
  targets: readonly PortTarget[],
): readonly Placed[] {
  const ordered = targets.toSorted((left, right) => (left.container < right.container ? -1 : 1))
  return Array.from({ length: PORT_SHARES }, (_, share) => share).flatMap((share) => {
    const target = ordered[share % ordered.length]
    if (!target) return []
    const data = [target.address, target.target]
    return [{ set, element: { key: [...key, share], data, comment: commentOf(target) } }]
  })
}

/** The published ports among `elements`, one for each container. */
export function readPorts(
  allSets: Readonly<Record<Family, Sets>>,
  elements: readonly Placed[],
): readonly KnownPort[] {
  const gateways = new Map<string, string>()
  const ports = new Map<string, KnownPort>()
  for (const sets of [allSets[4], allSets[6]]) {
    for (const placed of elements.filter(({ set }) => portSets(sets).includes(set))) {
      const port = readPort(sets, placed)
      const { data = [], comment } = placed.element
      if (placed.set === sets.anyLoopback || placed.set === sets.addressLoopback) {
        gateways.set(keyText(port), String(data[0]))
        continue
      }
      const [container = '', stack] = comment?.split(' of ') ?? []
      const target = { container, stack, address: String(data[0]), target: Number(data[1]) }
      ports.set(`${keyText(port)} ${container}`, { ...port, ...target, gateway: '' })
    }
  }
  return [...ports.values()].map((port) => ({
    ...port,
    gateway: gateways.get(keyText(port)) ?? port.address,
  }))
}

/** Elements of `elements` that belong to one of `ports`. */
export function elementsOf(
  allSets: Readonly<Record<Family, Sets>>,
  elements: readonly Placed[],
  ports: ReadonlySet<string>,
): readonly Placed[] {
  return [allSets[4], allSets[6]].flatMap((sets) =>
    elements.filter(
      (placed) => portSets(sets).includes(placed.set) && ports.has(keyText(readPort(sets, placed))),
    ),
  )
}

function readPort(sets: Sets, { set, element }: Placed): PortKey {
  const isShare = set === sets.anyShares || set === sets.addressShares
  const [protocol, ...place] = isShare ? element.key.slice(0, -1) : element.key
  const every = sets.family === 4 ? ANY_ADDRESS : ANY_ADDRESS_V6
  return {
    protocol: protocol === PROTOCOLS.udp ? 'udp' : 'tcp',
    hostIp: place.length === 2 ? String(place[0]) : every,
    published: Number(place.at(-1)),
  }
}

function commentOf({ container, stack }: PortTarget): string {
  return stack === undefined ? container : `${container} of ${stack}`
}

function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1'
}
