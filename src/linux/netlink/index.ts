/** Netlink: interfaces, addresses, routes, neighbours, and nf_tables (as the namespace `nft`). */

export { DeletedLinks } from './deleted-links.ts'
export { watchNetwork, type NetworkChange } from './events.ts'
export { namespaceId } from './namespace-id.ts'
export { AddressNews } from './address-news.ts'
export {
  addAddress,
  deleteAddress,
  listAddresses,
  parseAddresses,
  type InterfaceAddress,
} from './address.ts'
export {
  deleteConnection,
  listConnections,
  parseConnections,
  type TrackedConnection,
} from './conntrack.ts'
export { isListening, openInetSocket, type InetSocketRequest } from './inet.ts'
export { addressBytes, formatAddress } from './ip.ts'
export {
  createBridge,
  createShared,
  createVeth,
  deleteLink,
  deleteLinkGroup,
  getLink,
  listLinks,
  parseLinks,
  setLink,
  type Link,
  type LinkChanges,
  type LinkKey,
  type LinkSettings,
  type Shared,
  type VethPeer,
} from './link.ts'
export type { Message as NetlinkMessage, Request as NetlinkRequest } from './message.ts'
export {
  deleteNeighbour,
  listNeighbours,
  parseNeighbours,
  setNeighbour,
  type Neighbour,
} from './neighbour.ts'
export * as nft from './nftables/index.ts'
export { removeQdisc, setDelay, setRate, type Delay } from './qdisc.ts'
export { addRoute, deleteRoute, listRoutes, parseRoutes, type Route } from './route.ts'
export { acknowledged, NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from './socket.ts'
