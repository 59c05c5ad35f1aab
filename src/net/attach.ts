/**
 * Connecting a container's network namespace to a network: one veth, one address, perhaps the
 * default route.
 */

import { randomInt } from 'node:crypto'
import { KernelError } from '../errors.ts'
import {
  NETLINK_ROUTE,
  NetlinkSocket,
  addAddress,
  addRoute,
  createVeth,
  deleteLink,
  deleteLinkGroup,
  getLink,
  parseLinks,
  setLink,
  withNamespace,
  type LinkKey,
  type NetlinkRequest,
} from '../linux/index.ts'
import { hasIpv6, readSysctl, writeSysctl } from './sysctl.ts'

export interface Cable {
  readonly netnsFd: number
  readonly hostInterface: string
  readonly alias: string
  readonly bridgeIndex: number
  readonly mtu: number
  readonly interfaceName: string
  readonly mac: string
  readonly address: string
  readonly prefixLength: number
  /** Present: the default route goes there. */
  readonly gateway: string | undefined
}

/**
 * Lays the cable. A link of the same name, left by an attempt whose namespace still dies, is
 * replaced.
 */
export function layCable(host: NetlinkSocket, cable: Cable): void {
  const requests = hostRequests(cable)
  try {
    host.request(requests)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
    removeCable(host, cable.hostInterface)
    host.request(requests)
  }
  try {
    configureInside(cable)
  } catch (error) {
    removeCable(host, cable.hostInterface)
    throw error
  }
}

/** Takes the cable away by its host end; gone is success. */
function removeCable(host: NetlinkSocket, hostInterface: string): void {
  try {
    host.request([deleteLink({ name: hostInterface })])
  } catch (error) {
    if (!isErrno(error, 'ENODEV')) throw error
  }
}

/** Deletes links in one go; gone is success. */
export function removeLinks(host: NetlinkSocket, links: readonly LinkKey[]): void {
  if (links.length === 0) return
  // A group that nobody else uses, for as long as this call takes.
  const group = randomInt(GROUP_MIN, GROUP_MIN + 0x1000000)
  const marks = links.map((key) => setLink(key, { group }))
  for (const request of [...marks, deleteLinkGroup(group)]) {
    try {
      host.request([request])
    } catch (error) {
      if (!isErrno(error, 'ENODEV')) throw error
    }
  }
}

const GROUP_MIN = 0x74000000

/**
 * What a namespace needs once, before its first program: loopback, low ports and ping for
 * everybody.
 */
export function prepareNamespace(netnsFd: number): void {
  using socket = withNamespace(netnsFd, 'net', () => {
    // As Docker: inside its own namespace a container needs no privilege for port 80 or for ping.
    writeSysctl('ipv4/ip_unprivileged_port_start', '0')
    writeSysctl('ipv4/ping_group_range', '0 2147483647')
    // A neighbour on the bridge must not become a router by saying so (CVE-2020-10749).
    writeSysctl('ipv6/conf/default/accept_ra', '0')
    return new NetlinkSocket(NETLINK_ROUTE)
  })
  socket.request([setLink({ name: 'lo' }, { up: true })])
}

export function isErrno(error: unknown, name: string): boolean {
  return error instanceof KernelError && error.errnoName === name
}

function hostRequests(cable: Cable): readonly NetlinkRequest[] {
  const { hostInterface: name, alias, bridgeIndex: master, mtu, mac, netnsFd } = cable
  const peer = { name: cable.interfaceName, netnsFd, mac, mtu }
  return [
    createVeth(name, { master, mtu }, peer),
    ...(hasIpv6() ? [setLink({ name }, { ipv6LinkLocal: false })] : []),
    setLink({ name }, { alias, up: true }),
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

function configureInside(cable: Cable): void {
  const name = cable.interfaceName
  using socket = withNamespace(cable.netnsFd, 'net', () => {
    writeSysctl(`ipv6/conf/${name}/accept_ra`, '0')
    return new NetlinkSocket(NETLINK_ROUTE)
  })
  const answers = socket.request([
    ...(hasIpv6() ? [setLink({ name }, { ipv6LinkLocal: false })] : []),
    setLink({ name }, { up: true }),
    getLink({ name }),
  ])
  const linkIndex = parseLinks(answers)[0]?.index ?? 0
  const { address, prefixLength, gateway } = cable
  socket.request([
    addAddress({ linkIndex, address, prefixLength }),
    ...(gateway === undefined ? [] : [addRoute({ gateway })]),
  ])
}
