/**
 * The bridges of networks, and the address space they and everything else on the machine occupy.
 */

import { EngineError } from '../errors.ts'
import { NETWORK_PREFIX_LENGTH, SUBNET_POOLS } from '../limits.ts'
import {
  addAddress,
  createBridge,
  deleteLink,
  listAddresses,
  listLinks,
  listRoutes,
  parseAddresses,
  parseLinks,
  parseRoutes,
  setLink,
  type InterfaceAddress,
  type Link,
  type NetlinkSocket,
} from '../linux/index.ts'
import { isErrno } from './attach.ts'
import { bridgeName, formatAlias, parseAlias } from './interface-name.ts'
import { macOf } from './lease.ts'
import {
  chooseSubnet,
  contains,
  firstHost,
  formatSubnet,
  overlaps,
  parseSubnet,
  subnetOf,
  type Occupied,
  type Subnet,
} from './subnet.ts'
import { hasIpv6, writeSysctl } from './sysctl.ts'
import type { NetworkRequest, NetworkState } from './types.ts'

/**
 * Routes wider than this are ways out (the default route, the two halves of a VPN), not occupied
 * space.
 */
const WAY_OUT_PREFIX_MAX = 3
const MTU_DEFAULT = 1500

export interface BridgeOptions {
  readonly rootId: string
  readonly pools?: readonly string[] | undefined
}

/** Makes the bridge of a network, or returns the one that is there. */
export function ensureBridge(
  socket: NetlinkSocket,
  options: BridgeOptions,
  request: NetworkRequest,
): NetworkState {
  const name = bridgeName(options.rootId, request.name)
  const present = listBridges(socket, options.rootId).find(({ bridge }) => bridge === name)
  if (present && present.subnets.length > 0) return checkSame(present, request)
  // Ours by name but without alias or address: made by a process that died half-way.
  removeBridge(socket, name)
  const { subnet, gateway } = chooseAddresses(socket, options, request)
  const alias = formatAlias(options.rootId, {
    kind: 'network',
    stack: request.stack,
    network: request.name,
    internal: request.internal,
  })
  const mtu = request.mtu ?? MTU_DEFAULT
  socket.request([
    createBridge(name, { mtu, mac: macOf(gateway) }),
    setLink({ name }, { alias }),
    ...(hasIpv6() ? [setLink({ name }, { ipv6LinkLocal: false })] : []),
  ])
  // A container cannot speak with an address that is reached another way than by this bridge.
  writeSysctl(`ipv4/conf/${name}/rp_filter`, '1')
  const { index } = findLink(socket, name)
  socket.request([
    addAddress({ linkIndex: index, address: gateway, prefixLength: subnet.prefixLength }),
    setLink({ index }, { up: true }),
  ])
  return {
    name: request.name,
    stack: request.stack,
    internal: request.internal,
    bridge: name,
    subnets: [formatSubnet(subnet)],
    gateways: [gateway],
    mtu,
  }
}

/** Removes a bridge by name; gone is success. Its ports stay, connected to nothing. */
export function removeBridge(socket: NetlinkSocket, name: string): void {
  try {
    socket.request([deleteLink({ name })])
  } catch (error) {
    if (!isErrno(error, 'ENODEV')) throw error
  }
}

/** The networks of `rootId` as the kernel tells them. */
export function listBridges(socket: NetlinkSocket, rootId: string): readonly NetworkState[] {
  const links = parseLinks(socket.dump(listLinks())).filter(({ kind }) => kind === 'bridge')
  const ours = links.flatMap((link) => {
    const owner = parseAlias(rootId, link.alias)
    return owner?.kind === 'network' ? [{ link, owner }] : []
  })
  if (ours.length === 0) return []
  const addresses = parseAddresses(socket.dump(listAddresses()))
  return ours.map(({ link, owner }) => {
    const own = addresses.filter((one) => one.linkIndex === link.index && one.family === 4)
    return {
      name: owner.network,
      stack: owner.stack,
      internal: owner.internal,
      bridge: link.name,
      subnets: own.map((one) => formatSubnet(subnetOf(one.address, one.prefixLength))),
      gateways: own.map(({ address }) => address),
      mtu: link.mtu,
    }
  })
}

/** The link called `name`. Throws ENODEV. */
function findLink(socket: NetlinkSocket, name: string): Link {
  const link = parseLinks(socket.dump(listLinks())).find((one) => one.name === name)
  if (link) return link
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot use network interface "${name}": it does not exist`,
  )
}

function checkSame(present: NetworkState, request: NetworkRequest): NetworkState {
  const wanted = request.subnets?.map(({ subnet }) => formatSubnet(parseSubnet(subnet))) ?? []
  const isSame = wanted.length === 0 || wanted.join() === present.subnets.join()
  if (isSame && present.internal === request.internal) return present
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot create network "${request.name}": bridge "${present.bridge}" has it already with ` +
      `${present.subnets.join(', ')}${present.internal ? ', internal' : ''}; remove the network first`,
  )
}

function chooseAddresses(
  socket: NetlinkSocket,
  options: BridgeOptions,
  request: NetworkRequest,
): { readonly subnet: Subnet; readonly gateway: string } {
  const [explicit, second] = request.subnets ?? []
  if (second) {
    throw new EngineError(
      'NOT_SUPPORTED',
      `Cannot create network "${request.name}" with ${request.subnets?.length} subnets: one is supported`,
    )
  }
  const occupied = listOccupied(socket, request.taken ?? [])
  if (explicit === undefined) {
    const subnet = chooseSubnet(options.pools ?? SUBNET_POOLS, NETWORK_PREFIX_LENGTH, occupied)
    if (subnet) return { subnet, gateway: firstHost(subnet) }
    throw new EngineError(
      'SUBNET_CLASH',
      `Cannot create network "${request.name}": every subnet of the pools is in use`,
      { hint: 'give the network a subnet of its own under "ipam"' },
    )
  }
  const subnet = parseSubnet(explicit.subnet)
  const clash = occupied.find((one) => overlaps(one.subnet, subnet))
  if (clash) {
    throw new EngineError(
      'SUBNET_CLASH',
      `Cannot create network "${request.name}" with subnet ${formatSubnet(subnet)}: ` +
        `it overlaps the ${clash.what}; choose another subnet`,
    )
  }
  return { subnet, gateway: checkGateway(subnet, request.name, explicit.gateway) }
}

function checkGateway(subnet: Subnet, network: string, gateway: string | undefined): string {
  if (gateway === undefined) return firstHost(subnet)
  if (contains(subnet, gateway)) return gateway
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot create network "${network}": gateway ${gateway} is outside of ${formatSubnet(subnet)}`,
  )
}

/**
 * Address space that a new network must not touch: routes of all tables, addresses, and what the
 * caller names.
 */
function listOccupied(socket: NetlinkSocket, taken: readonly string[]): readonly Occupied[] {
  const links = new Map(parseLinks(socket.dump(listLinks())).map((link) => [link.index, link]))
  const nameOf = (index: number | undefined): string => {
    const name = index === undefined ? undefined : links.get(index)
    return name ? ` of "${name.alias ?? name.name}"` : ''
  }
  const addresses = parseAddresses(socket.dump(listAddresses())).filter(
    ({ family }) => family === 4,
  )
  const routes = parseRoutes(socket.dump(listRoutes())).filter(
    ({ family, prefixLength }) => family === 4 && prefixLength > WAY_OUT_PREFIX_MAX,
  )
  return [
    ...addresses.map((one) => ({
      subnet: addressSubnet(one),
      what: `${formatAddress(one)}${nameOf(one.linkIndex)}`,
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

function addressSubnet(address: InterfaceAddress): Subnet {
  return subnetOf(address.address, address.prefixLength)
}

function formatAddress({ address, prefixLength }: InterfaceAddress): string {
  return `address ${address}/${prefixLength}`
}
