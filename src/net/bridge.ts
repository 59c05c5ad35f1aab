/**
 * Networks in the kernel: a bridge for each, or for those that need none an interface as a sign.
 */

import { EngineError, isErrno } from '../errors.ts'
import {
  addAddress,
  createBridge,
  deleteLink,
  getLink,
  listAddresses,
  listLinks,
  parseAddresses,
  parseLinks,
  setLink,
  type InterfaceAddress,
  type Link,
  type NetlinkSocket,
} from '../linux/index.ts'
import { chooseSubnets, type ChosenSubnet, type Pools } from './addresses.ts'
import { familiesOf } from './firewall/firewall.ts'
import { BRIDGE_GROUP, bridgeName, formatAlias, parseAlias, type Traits } from './interface-name.ts'
import { macOf } from './lease.ts'
import { checkKind, checkParent, ensureParent, explained } from './shared.ts'
import { formatSubnet, parseSubnet, subnetOf } from './subnet.ts'
import { hasIpv6, writeSysctl } from './sysctl.ts'
import type { NetworkRequest, NetworkState } from './types.ts'

const MTU_DEFAULT = 1500
/** By which it is found as a neighbour; the same on every bridge, as Docker has it. */
const LINK_LOCAL_GATEWAY = 'fe80::1'

/** Makes the network, or returns the one that is there. */
export function ensureNetwork(
  socket: NetlinkSocket,
  options: Pools,
  request: NetworkRequest,
): NetworkState {
  const name = request.bridge ?? bridgeName(options.rootId, request.name)
  const present = listNetworks(socket, options.rootId).find((one) => one.name === request.name)
  if (present && present.subnets.length > 0) return checkSame(present, request)
  if (present) removeLink(socket, present.bridge)
  checkIpv6(request)
  // Ours by name but without alias or address: made by a process that died half-way.
  if (request.bridge === undefined) removeLink(socket, name)
  else checkFree(socket, request.name, name)
  const chosen = chooseSubnets(socket, options, request)
  const traits = traitsOf(request, chosen)
  const alias = formatAlias(options.rootId, {
    kind: 'network',
    stack: request.stack,
    network: request.name,
    ...traits,
  })
  const state = stateOf(request, { name, chosen, traits })
  try {
    if (traits.driver.kind !== 'bridge') {
      ensureParent(socket, options.rootId, { ...request, parent: traits.driver.parent })
    }
    explained(request.name, 'bridge', () => makeBridge(socket, state, alias))
  } catch (error) {
    removeLink(socket, name)
    throw error
  }
  return state
}

/** Throws for a network that could not be made; what is there under its name is no obstacle. */
export function checkNetwork(
  socket: NetlinkSocket,
  options: Pools,
  request: NetworkRequest & { readonly removed?: readonly string[] },
): void {
  const { removed = [] } = request
  const present = listNetworks(socket, options.rootId)
  if (present.some(({ name }) => name === request.name)) return
  checkKind(socket, request.name, 'bridge')
  checkIpv6(request)
  const going = present.filter(({ name }) => removed.includes(name))
  if (request.bridge !== undefined && !going.some(({ bridge }) => bridge === request.bridge)) {
    checkFree(socket, request.name, request.bridge)
  }
  const leaving = going.map(({ bridge }) => bridge)
  const chosen = chooseSubnets(socket, { ...options, leaving }, request)
  if (request.driver !== undefined && request.driver.kind !== 'bridge') {
    checkParent(socket, request.name, request.driver.parent)
  }
  formatAlias(options.rootId, {
    kind: 'network',
    stack: request.stack,
    network: request.name,
    ...traitsOf(request, chosen),
  })
}

/** Removes an interface by name; gone is success. Ports of a bridge stay, connected to nothing. */
export function removeLink(socket: NetlinkSocket, name: string): void {
  try {
    socket.request([deleteLink({ name })])
  } catch (error) {
    if (!isErrno(error, 'ENODEV')) throw error
  }
}

/** The networks of `rootId` as the kernel tells them. */
export function listNetworks(socket: NetlinkSocket, rootId: string): readonly NetworkState[] {
  const links = parseLinks(socket.dump(listLinks())).filter(({ kind }) => kind === 'bridge')
  const ours = links.filter(({ alias }) => parseAlias(rootId, alias)?.kind === 'network')
  if (ours.length === 0) return []
  const addresses = parseAddresses(socket.dump(listAddresses()))
  return ours.flatMap((link) => readNetwork(rootId, link, addresses) ?? [])
}

/** The network that `link` carries; undefined when it is none of `rootId`. */
export function readNetwork(
  rootId: string,
  link: Link,
  addresses: readonly InterfaceAddress[],
): NetworkState | undefined {
  const owner = parseAlias(rootId, link.alias)
  if (owner?.kind !== 'network') return undefined
  const { subnets, network: name, kind: _, ...traits } = owner
  const own = addresses
    .filter((one) => one.linkIndex === link.index && one.address !== LINK_LOCAL_GATEWAY)
    .toSorted((left, right) => left.family - right.family)
    .map((one) => ({
      subnet: formatSubnet(subnetOf(one.address, one.prefixLength)),
      gateway: one.address,
    }))
  const all = traits.driver.kind === 'bridge' ? own : subnets
  return {
    name,
    ...traits,
    bridge: link.name,
    subnets: all.map(({ subnet }) => subnet),
    gateways: all.map(({ gateway }) => gateway),
    mtu: link.mtu,
  }
}

function traitsOf(request: NetworkRequest, chosen: readonly ChosenSubnet[]): Traits {
  const driver = request.driver ?? { kind: 'bridge' }
  return {
    internal: request.internal,
    icc: request.icc ?? true,
    masquerade: request.masquerade ?? true,
    guarded: request.guarded ?? false,
    driver,
    subnets: driver.kind === 'bridge' ? [] : chosen,
  }
}

function stateOf(
  { name, stack, mtu }: NetworkRequest,
  made: {
    readonly name: string
    readonly chosen: readonly ChosenSubnet[]
    readonly traits: Traits
  },
): NetworkState {
  const { subnets: _, ...traits } = made.traits
  return {
    name,
    stack,
    ...traits,
    bridge: made.name,
    subnets: made.chosen.map(({ subnet }) => subnet),
    gateways: made.chosen.map(({ gateway }) => gateway),
    mtu: mtu ?? MTU_DEFAULT,
  }
}

function makeBridge(socket: NetlinkSocket, network: NetworkState, alias: string): void {
  const { bridge: name, gateways, mtu, subnets } = network
  const isBridge = network.driver.kind === 'bridge'
  socket.request([
    createBridge(name, { mtu, mac: macOf(gateways[0] ?? '') }),
    setLink({ name }, { alias, ...(isBridge ? { group: BRIDGE_GROUP } : {}) }),
    ...(hasIpv6() ? [setLink({ name }, { ipv6LinkLocal: false })] : []),
  ])
  if (!isBridge) return
  const hasV6 = familiesOf(subnets).includes(6)
  writeSysctl(`ipv6/conf/${name}/accept_ra`, '0')
  // Nothing that its containers invent is taken for IPv6 of the machine.
  // And where IPv6 is switched off for new interfaces, this one was asked for.
  writeSysctl(`ipv6/conf/${name}/disable_ipv6`, hasV6 ? '0' : '1')
  // A container cannot speak with an address that is reached another way than by this bridge.
  writeSysctl(`ipv4/conf/${name}/rp_filter`, '1')
  const { index } = findLink(socket, name)
  socket.request([
    ...gateways.map((address, at) => {
      const { prefixLength } = parseSubnet(subnets[at] ?? '')
      return addAddress({ linkIndex: index, address, prefixLength })
    }),
    ...(hasV6
      ? [addAddress({ linkIndex: index, address: LINK_LOCAL_GATEWAY, prefixLength: 64 })]
      : []),
    setLink({ index }, { up: true }),
  ])
}

function findLink(socket: NetlinkSocket, name: string): Link {
  const [link] = parseLinks(socket.request([getLink({ name })]))
  if (link) return link
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot use network interface "${name}": it does not exist`,
  )
}

function checkFree(socket: NetlinkSocket, network: string, name: string): void {
  try {
    findLink(socket, name)
  } catch (error) {
    if (isErrno(error, 'ENODEV')) return
    throw error
  }
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot create network "${network}" with bridge "${name}": an interface has that name; ` +
      'choose another "com.docker.network.bridge.name", or remove the interface',
  )
}

function checkIpv6({ name, ipv6, subnets = [] }: NetworkRequest): void {
  const wants = ipv6 === true || familiesOf(subnets.map(({ subnet }) => subnet)).includes(6)
  if (!wants || hasIpv6()) return
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot create network "${name}" with IPv6: this machine has IPv6 switched off; ` +
      'switch it on (ipv6.disable=0 at boot), or remove "enable_ipv6" and its subnets',
  )
}

function checkSame(present: NetworkState, request: NetworkRequest): NetworkState {
  const wanted = (request.subnets ?? []).map(({ subnet }) => formatSubnet(parseSubnet(subnet)))
  const isSame = wanted.every((subnet) => present.subnets.includes(subnet))
  if (isSame && present.internal === request.internal) return present
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot create network "${request.name}": bridge "${present.bridge}" has it already with ` +
      `${present.subnets.join(', ')}${present.internal ? ', internal' : ''}; remove the network first`,
  )
}
