/**
 * Networks of stacks: bridges, addresses, names, published ports. Knows nothing of stacks but
 * their names.
 */

export { offersNftables } from './firewall/open.ts'
export { NameRegistry, type Lookup, type NameEntry } from './dns/names.ts'
export type { HostNames, HostNamesServer } from './dns/host.ts'
export type { DnsRequest, DnsServer, OpenSockets } from './dns/types.ts'
export { allocateAddress, countFree, macOf, type LeaseRequest } from './lease.ts'
export { createNet } from './net.ts'
export { findPortOwner, type PortHolder, type PortQuery } from './ports/owner.ts'
export { canonicalAddress, firstHostOf, isInside } from './subnet.ts'
export type * from './types.ts'
