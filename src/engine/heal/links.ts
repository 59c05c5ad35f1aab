/** The links and addresses of the machine, looked at once for all that ask. */

import {
  listAddresses,
  listLinks,
  NETLINK_ROUTE,
  NetlinkSocket,
  parseAddresses,
  parseLinks,
  setLink,
  type Link,
} from '../../linux/index.ts'

export interface Links {
  readonly byName: ReadonlyMap<string, Link>
  /** By the index of their link. */
  readonly addresses: ReadonlyMap<number, readonly string[]>
}

/** In the network namespace of the supervisor. */
export function lookAtLinks(): Links {
  using socket = new NetlinkSocket(NETLINK_ROUTE)
  const links = parseLinks(socket.dump(listLinks()))
  const addresses = Map.groupBy(
    parseAddresses(socket.dump(listAddresses())),
    ({ linkIndex }) => linkIndex,
  )
  return {
    byName: new Map(links.map((link) => [link.name, link])),
    addresses: new Map(
      [...addresses].map(([index, list]) => [index, list.map(({ address }) => address)]),
    ),
  }
}

/** Up, and in the bridge `master` where one is given. */
export function connectLink(index: number, master?: number): void {
  using socket = new NetlinkSocket(NETLINK_ROUTE)
  const changes = master === undefined ? { up: true } : { up: true, master }
  socket.request([setLink({ index }, changes)])
}
