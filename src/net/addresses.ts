/** Which subnets a network gets, and what is in the way of them. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { EngineError } from '../errors.ts'
import { NETWORK_PREFIX_LENGTH, NETWORK_PREFIX_LENGTH_V6, SUBNET_POOLS } from '../limits.ts'
import {
  listAddresses,
  listLinks,
  listRoutes,
  parseAddresses,
  parseLinks,
  parseRoutes,
  type NetlinkSocket,
} from '../linux/index.ts'
import {
  chooseSubnet,
  contains,
  firstHost,
  formatSubnet,
  overlaps,
  parseSubnet,
  subnetOf,
  type Family,
  type Occupied,
  type Subnet,
} from './subnet.ts'
import type { NetworkRequest } from './types.ts'

/**
 * Routes wider than this are ways out (the default route, the two halves of a VPN), not occupied
 * space. IPv6 has fc00::/7 and 2000::/3 there.
 */
const WAY_OUT_PREFIX_MAX = { 4: 3, 6: 7 } as const

export interface Pools {
  readonly rootId: string
  readonly pools?: readonly string[] | undefined
  /** Interfaces that will be gone: what is theirs is in nobody's way. */
  readonly leaving?: readonly string[] | undefined
}

export interface ChosenSubnet {
  readonly subnet: string
  readonly gateway: string
}

/**
 * The subnets of `request`, IPv4 first: those it asks for, and one of the pool for each family it
 * is to have and asks for none. Throws SUBNET_CLASH.
 */
export function chooseSubnets(
  socket: NetlinkSocket,
  options: Pools,
  request: NetworkRequest,
): readonly ChosenSubnet[] {
  // A network on an interface of the machine has the addresses of where that leads.
  const isShared = request.driver !== undefined && request.driver.kind !== 'bridge'
  const occupied = isShared ? [] : listOccupied(socket, request.taken ?? [], options.leaving)
  const asked = (request.subnets ?? []).map((one) => ({ ...one, parsed: parseSubnet(one.subnet) }))
  const chosen: { readonly parsed: Subnet; readonly gateway: string }[] = []
  for (const { parsed, gateway } of asked) {
    const own = chosen.map((one) => ownSpace(one.parsed, request.name))
    chosen.push(checkAsked(request, [...occupied, ...own], { parsed, gateway }))
  }
  for (const family of familiesOf(request)) {
    if (chosen.some(({ parsed }) => parsed.family === family)) continue
    const own = chosen.map((one) => ownSpace(one.parsed, request.name))
    const parsed = takeFromPool(request, options, { family, occupied: [...occupied, ...own] })
    chosen.push({ parsed, gateway: firstHost(parsed) })
  }
  return chosen
    .toSorted((left, right) => left.parsed.family - right.parsed.family)
    .map(({ parsed, gateway }) => ({ subnet: formatSubnet(parsed), gateway }))
}

function familiesOf({ ipv4 = true, ipv6 = false }: NetworkRequest): readonly Family[] {
  return [...(ipv4 ? ([4] as const) : []), ...(ipv6 ? ([6] as const) : [])]
}

const ownSpace = (subnet: Subnet, name: string): Occupied => ({
  subnet,
  what: `subnet ${formatSubnet(subnet)} of "${name}" itself`,
})

function checkAsked(
  request: NetworkRequest,
  occupied: readonly Occupied[],
  { parsed, gateway }: { readonly parsed: Subnet; readonly gateway: string | undefined },
): { readonly parsed: Subnet; readonly gateway: string } {
  const clash = occupied.find((one) => overlaps(one.subnet, parsed))
  if (clash) {
    throw new EngineError(
      'SUBNET_CLASH',
      `Cannot create network "${request.name}" with subnet ${formatSubnet(parsed)}: ` +
        `it overlaps the ${clash.what}; choose another subnet`,
    )
  }
  if (gateway === undefined) return { parsed, gateway: firstHost(parsed) }
  if (contains(parsed, gateway)) return { parsed, gateway }
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot create network "${request.name}": gateway ${gateway} is outside of ` +
      formatSubnet(parsed),
  )
}

function takeFromPool(
  request: NetworkRequest,
  options: Pools,
  { family, occupied }: { readonly family: Family; readonly occupied: readonly Occupied[] },
): Subnet {
  const all = options.pools ?? [...SUBNET_POOLS, uniqueLocalPool(options.rootId)]
  const pools = all.filter((pool) => parseSubnet(pool).family === family)
  const length = family === 4 ? prefixLength(request.endpoints) : NETWORK_PREFIX_LENGTH_V6
  const subnet = chooseSubnet(pools, length, occupied)
  if (subnet) return subnet
  throw new EngineError(
    'SUBNET_CLASH',
    `Cannot create network "${request.name}": every IPv${family} subnet of the pools is in use`,
    { hint: 'give the network a subnet of its own under "ipam"' },
  )
}

/** Of an IPv4 network with room for twice as many: a service that is scaled up stays in it. */
function prefixLength(endpoints: number = 0): number {
  const bits = Math.ceil(Math.log2(2 * endpoints + UNUSABLE_ADDRESSES))
  return Math.min(NETWORK_PREFIX_LENGTH, 32 - bits)
}

/** Of the network itself, broadcast, and the gateway. */
const UNUSABLE_ADDRESSES = 3

/**
 * The /48 of this state root on this machine, so that no two machines that are connected one day
 * have the same. RFC 4193, 3.2.2: 40 bits that look random.
 */
function uniqueLocalPool(rootId: string): string {
  const digits = createHash('sha256').update(`${machineId()}\0${rootId}`).digest('hex')
  return `fd${digits.slice(0, 2)}:${digits.slice(2, 6)}:${digits.slice(6, 10)}::/48`
}

function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8')
  } catch {
    return '' // a minimal system has none; then the state root alone has to do
  }
}

/**
 * Address space that a new network must not touch: routes of all tables, addresses, and what the
 * caller names.
 */
function listOccupied(
  socket: NetlinkSocket,
  taken: readonly string[],
  leaving: readonly string[] = [],
): readonly Occupied[] {
  const links = new Map(parseLinks(socket.dump(listLinks())).map((link) => [link.index, link]))
  const nameOf = (index: number | undefined): string => {
    const name = index === undefined ? undefined : links.get(index)
    return name ? ` of "${name.alias ?? name.name}"` : ''
  }
  const stays = ({ linkIndex }: { readonly linkIndex: number | undefined }): boolean =>
    linkIndex === undefined || !leaving.includes(links.get(linkIndex)?.name ?? '')
  const routes = parseRoutes(socket.dump(listRoutes())).filter(isOccupied).filter(stays)
  return [
    ...parseAddresses(socket.dump(listAddresses()))
      .filter((one) => stays(one) && !isOfTheLink(one.address))
      .map((one) => ({
        subnet: subnetOf(one.address, one.prefixLength),
        what: `address ${one.address}/${one.prefixLength}${nameOf(one.linkIndex)}`,
      })),
    ...routes.map((one) => ({
      subnet: subnetOf(one.destination, one.prefixLength),
      what: `route ${one.destination}/${one.prefixLength}${nameOf(one.linkIndex)}`,
    })),
    ...taken.map((text) => ({
      subnet: parseSubnet(text),
      what: `network ${text} of another stack`,
    })),
  ]
}

function isOccupied(route: {
  readonly family: Family
  readonly destination: string
  readonly prefixLength: number
}): boolean {
  return route.prefixLength > WAY_OUT_PREFIX_MAX[route.family] && !isOfTheLink(route.destination)
}

/** Link-local and multicast space of IPv6 is on every link. */
function isOfTheLink(address: string): boolean {
  return /^(?:fe[89ab]|ff)/i.test(address)
}
