/**
 * A container's end of its connections while its programs run on: what of it is missing and how it
 * is put back, its default routes, and how an interface is taken out.
 */

import {
  addAddress,
  addRoute,
  deleteRoute,
  listAddresses,
  listLinks,
  listRoutes,
  NETLINK_ROUTE,
  NetlinkSocket,
  parseAddresses,
  parseLinks,
  parseRoutes,
  setLink,
  withNamespace,
  type InterfaceAddress,
  type Link,
  type NetlinkRequest,
  type Route,
} from '../linux/index.ts'
import { removeCable, type Cable } from './attach.ts'
import { canonicalAddress } from './subnet.ts'

/** What a network namespace has, looked at once for all its interfaces. */
export interface Inside {
  readonly links: readonly Link[]
  readonly addresses: readonly InterfaceAddress[]
  readonly routes: readonly Route[]
}

/** What an interface should be like; `mac` is absent where it has that of the machine. */
export type Wanted = Pick<Cable, 'interfaceName' | 'addresses' | 'gateways'> & {
  readonly mac: string | undefined
}

export function lookInside(netnsFd: number): Inside {
  using socket = openInside(netnsFd)
  return {
    links: parseLinks(socket.dump(listLinks())),
    addresses: parseAddresses(socket.dump(listAddresses())),
    routes: parseRoutes(socket.dump(listRoutes())),
  }
}

/** In words: `no address 10.89.0.2`; empty when it is whole. */
export function missingInside(inside: Inside, wanted: Wanted): readonly string[] {
  return faultsOf(inside, wanted).map(({ words }) => words)
}

/** An interface that is gone altogether is laid anew by whoever asks. */
export function restoreInside(netnsFd: number, wanted: Wanted): void {
  const requests = faultsOf(lookInside(netnsFd), wanted).flatMap(({ cure }) => cure)
  if (requests.length === 0) return
  using socket = openInside(netnsFd)
  socket.request(requests)
  // What went with the interface when it went down: routes, and addresses of IPv6.
  const rest = faultsOf(lookInside(netnsFd), wanted).flatMap(({ cure }) => cure)
  if (rest.length > 0) socket.request(rest)
}

/** Takes an interface out of a container that goes on running, with the cable's other end. */
export async function removeInside(netnsFd: number, interfaceName: string): Promise<void> {
  using socket = openInside(netnsFd)
  await removeCable(socket, interfaceName)
}

/**
 * Makes these the default routes of a namespace, instead of those that are there. Whoever lays an
 * interface anew that has been lost lays its route with it.
 */
export function setDefaultRoutes(
  netnsFd: number,
  ways: readonly { readonly gateway: string; readonly interfaceName: string }[],
): void {
  using socket = openInside(netnsFd)
  const links = parseLinks(socket.dump(listLinks()))
  const wanted = ways.flatMap(({ gateway, interfaceName }) => {
    const link = links.find(({ name }) => name === interfaceName)
    return link === undefined ? [] : [{ gateway, linkIndex: link.index }]
  })
  const present = parseRoutes(socket.dump(listRoutes())).flatMap((route) => {
    const { gateway, linkIndex } = route
    return isDefault(route) && gateway !== undefined && linkIndex !== undefined
      ? [{ gateway, linkIndex }]
      : []
  })
  const isIn = (list: typeof wanted, one: (typeof wanted)[number]): boolean =>
    list.some((other) => other.gateway === one.gateway && other.linkIndex === one.linkIndex)
  socket.request([
    ...present.filter((one) => !isIn(wanted, one)).map(deleteRoute),
    ...wanted.filter((one) => !isIn(present, one)).map(addRoute),
  ])
}

interface Fault {
  readonly words: string
  readonly cure: readonly NetlinkRequest[]
}

function faultsOf({ links, addresses, routes }: Inside, wanted: Wanted): readonly Fault[] {
  const { interfaceName: name, mac, gateways } = wanted
  const link = links.find((one) => one.name === name)
  if (link === undefined) return [{ words: `no ${name}`, cure: [] }]
  const linkIndex = link.index
  const own = addresses.filter((one) => one.linkIndex === linkIndex)
  const present = new Set(own.map(({ address }) => canonicalAddress(address)))
  const ways = routes.filter((one) => one.linkIndex === linkIndex && isDefault(one))
  const routed = new Set(ways.map(({ gateway = '' }) => canonicalAddress(gateway)))
  return [
    ...(mac === undefined || mac === link.mac
      ? []
      : [{ words: `hardware address ${link.mac ?? 'gone'}`, cure: [setLink({ name }, { mac })] }]),
    ...(link.up ? [] : [{ words: `${name} down`, cure: [setLink({ name }, { up: true })] }]),
    ...wanted.addresses
      .filter(({ address }) => !present.has(canonicalAddress(address)))
      .map((one) => ({
        words: `no address ${one.address}`,
        cure: [addAddress({ linkIndex, ...one })],
      })),
    ...gateways
      .filter((gateway) => !routed.has(canonicalAddress(gateway)))
      .map((gateway) => ({
        words: `no route by ${gateway}`,
        // By an interface that is down nothing leads anywhere: it comes with the second look.
        cure: link.up ? [addRoute({ gateway, linkIndex })] : [],
      })),
  ]
}

const MAIN_TABLE = 254 // RT_TABLE_MAIN, include/uapi/linux/rtnetlink.h

const isDefault = ({ prefixLength, table }: Route): boolean =>
  prefixLength === 0 && table === MAIN_TABLE

const openInside = (netnsFd: number): NetlinkSocket =>
  withNamespace(netnsFd, 'net', () => new NetlinkSocket(NETLINK_ROUTE))
