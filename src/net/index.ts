/** Networks of stacks: bridges, addresses, names, published ports. Knows nothing of stacks but their names. */

export { NameRegistry, type Lookup, type NameEntry } from './dns/names.ts'
export type { DnsRequest, DnsServer } from './dns/types.ts'
export type * from './types.ts'
