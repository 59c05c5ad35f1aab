/**
 * Connecting a container's network namespace to a network: one interface, its addresses, perhaps
 * the default route.
 */

import { EngineError, isErrno } from '../errors.ts'
import {
  AddressNews,
  NETLINK_ROUTE,
  NetlinkSocket,
  addAddress,
  addRoute,
  createVeth,
  deleteLink,
  getLink,
  parseLinks,
  setLink,
  withNamespace,
  type NetlinkRequest,
  lastGroup,
} from '../linux/index.ts'
import { familyOf } from './subnet.ts'
import { hasIpv6, readSysctl, writeSysctl } from './sysctl.ts'

export interface Cable {
  readonly netnsFd: number
  readonly interfaceName: string
  readonly mac: string
  readonly addresses: readonly InsideAddress[]
  /** Where default routes go; at most one of each family. */
  readonly gateways: readonly string[]
  /** See AttachRequest. */
  readonly sysctls: Readonly<Record<string, string>>
  /** Others are laid meanwhile: this thread has something else to do while the kernel works. */
  readonly beside: boolean
  /** The end outside; absent for an interface that is made by `create` inside the namespace. */
  readonly outside: Outside | { readonly create: NetlinkRequest }
}

interface InsideAddress {
  readonly address: string
  readonly prefixLength: number
}

interface Outside {
  readonly hostInterface: string
  readonly alias: string
  readonly bridgeIndex: number
  readonly mtu: number
  /** Frames to other such ports of the bridge are dropped. */
  readonly isolated: boolean
}

/**
 * Lays the cable. A link of the same name, left by an attempt whose namespace still dies, is
 * replaced.
 */
export async function layCable(host: NetlinkSocket, cable: Cable): Promise<void> {
  const { outside } = cable
  if ('create' in outside) {
    await ask(host, cable, [outside.create])
    await configureInside(cable)
    return
  }
  const requests = hostRequests(cable, outside)
  try {
    await ask(host, cable, requests)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
    await removeCable(host, outside.hostInterface)
    await ask(host, cable, requests)
  }
  try {
    await configureInside(cable)
    // The end that was up first drops what it is to send until the kernel has come to know, at its
    // leisure, that the other one is up; who asks for the link makes it look (linkwatch_sync_dev in
    // rtnl_getlink, Linux 6.8 on).
    await ask(host, cable, [getLink({ name: outside.hostInterface })])
  } catch (error) {
    await removeCable(host, outside.hostInterface)
    throw error
  }
}

/** In the order of the calls, however they are asked. */
function ask(
  socket: NetlinkSocket,
  { beside }: Pick<Cable, 'beside'>,
  requests: readonly NetlinkRequest[],
): Promise<ReturnType<NetlinkSocket['request']>> {
  return beside ? socket.requestBeside(requests) : socket.requestInTurn(requests)
}

/** Takes the cable away by its host end; gone is success. */
export async function removeCable(host: NetlinkSocket, hostInterface: string): Promise<void> {
  try {
    await host.requestBeside([deleteLink({ name: hostInterface })])
  } catch (error) {
    if (!isErrno(error, 'ENODEV')) throw error
  }
}

/**
 * What a namespace needs once, before its first program: loopback, low ports and ping for
 * everybody.
 */
export function prepareNamespace(netnsFd: number): void {
  using socket = withNamespace(netnsFd, 'net', () => {
    for (const [name, value] of namespaceSettings()) writeSysctl(name, value)
    return new NetlinkSocket(NETLINK_ROUTE)
  })
  socket.request([LOOPBACK_UP])
}

export const LOOPBACK_UP: NetlinkRequest = setLink({ name: 'lo' }, { up: true })

/** Names below /proc/sys/net, and values. */
export function namespaceSettings(): readonly (readonly [name: string, value: string])[] {
  return [
    // As Docker: inside its own namespace a container needs no privilege for port 80 or for ping.
    ['ipv4/ip_unprivileged_port_start', '0'],
    ['ipv4/ping_group_range', `0 ${lastGroup()}`],
    // A neighbour on the bridge must not become a router by saying so (CVE-2020-10749).
    ['ipv6/conf/default/accept_ra', '0'],
  ]
}

function hostRequests(cable: Cable, outside: Outside): readonly NetlinkRequest[] {
  const { hostInterface: name, alias, bridgeIndex: master, mtu, isolated } = outside
  const { mac, netnsFd } = cable
  const peer = { name: cable.interfaceName, netnsFd, mac, mtu }
  return [
    createVeth(name, { master, mtu }, peer),
    ...(hasIpv6() ? [setLink({ name }, { ipv6LinkLocal: false })] : []),
    setLink({ name }, { alias, up: true }),
    ...(isolated ? [setLink({ name }, { isolated })] : []),
    ...(isBridgeFiltered() ? [setLink({ name }, { hairpin: true })] : []),
  ]
}

/**
 * Where br_netfilter is on, a container's packet to a published port of its own network is
 * translated inside the bridge and never comes up to the machine; to reach the container itself
 * it has to leave by the port it came from.
 */
function isBridgeFiltered(): boolean {
  return readSysctl('bridge/bridge-nf-call-iptables') === '1'
}

async function configureInside(cable: Cable): Promise<void> {
  const { interfaceName: name, addresses, gateways } = cable
  const addresses6 = addresses.map(({ address }) => address).filter((one) => familyOf(one) === 6)
  const hasV6 = addresses6.length > 0
  using news = hasV6 ? withNamespace(cable.netnsFd, 'net', () => new AddressNews()) : undefined
  using socket = withNamespace(cable.netnsFd, 'net', () => {
    // Nobody else can have an address that was given out here: it is used from the first moment.
    if (hasV6) writeSysctl(`ipv6/conf/${name}/accept_dad`, '0')
    writeSettings(cable)
    return new NetlinkSocket(NETLINK_ROUTE)
  })
  const answers = await ask(socket, cable, [
    ...(hasIpv6() && !hasV6 ? [setLink({ name }, { ipv6LinkLocal: false })] : []),
    setLink({ name }, { up: true }),
    getLink({ name }),
  ])
  const linkIndex = parseLinks(answers)[0]?.index ?? 0
  await ask(socket, cable, [
    ...addresses.map((one) => addAddress({ linkIndex, ...one })),
    ...gateways.map((gateway) => addRoute({ gateway, linkIndex })),
  ])
  if (news === undefined) return
  await news.untilUsed(addresses6)
  // It is told just before it is done, under the lock that a look at a link waits for.
  await ask(socket, cable, [getLink({ name })])
}

/** Settings of the stack file, in the namespace this thread is in. */
function writeSettings({ sysctls, interfaceName }: Cable): void {
  for (const [key, value] of Object.entries(sysctls)) {
    // An interface may have a dot in its name, so that the name comes in last.
    const path = key.replaceAll('.', '/').replaceAll('IFNAME', interfaceName)
    if (writeSysctl(path, value)) continue
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot set "net.${key}" for interface "${interfaceName}": this kernel has no such setting`,
    )
  }
}
