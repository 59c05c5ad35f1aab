/** What the fixed rules are made of: fields, keys and questions that several of them ask. */

import { nft, type NetlinkRequest } from '../../linux/index.ts'
import { PORT_SHARES, type Sets } from './sets.ts'

export const source = ({ family }: Sets): nft.Field =>
  family === 4 ? nft.SOURCE_ADDRESS : nft.SOURCE_ADDRESS_V6
export const destination = ({ family }: Sets): nft.Field =>
  family === 4 ? nft.DESTINATION_ADDRESS : nft.DESTINATION_ADDRESS_V6

/** Slots of four bytes that an address takes. */
export const addressSlots = ({ family }: Sets): number => (family === 4 ? 1 : 4)

/** What begins every loopback address: all of 127.0.0.0/8, and ::1 alone. */
export const loopbackSpace = (sets: Sets): Buffer =>
  sets.family === 4 ? Buffer.of(127) : loopbackHost(sets)

export const loopbackHost = ({ family }: Sets): Buffer =>
  family === 4 ? Buffer.of(127, 0, 0, 1) : Buffer.concat([Buffer.alloc(15), Buffer.of(1)])

/** An interface name takes 16 bytes: register 1 as a whole; the next one starts in slot 4. */
const SECOND_NAME: number = nft.slot(4)

export function rule(
  table: string,
  chain: string,
  comment: string,
  expressions: readonly nft.Expression[],
): NetlinkRequest {
  return nft.addRule({ table, chain, comment, expressions })
}

export function anyKey(): readonly nft.Expression[] {
  return [nft.meta('l4proto'), nft.payload(nft.DESTINATION_PORT, nft.slot(1))]
}

export function addressKey(sets: Sets): readonly nft.Expression[] {
  return [
    nft.meta('l4proto'),
    nft.payload(destination(sets), nft.slot(1)),
    nft.payload(nft.DESTINATION_PORT, nft.slot(1 + addressSlots(sets))),
  ]
}

/** Whose turn it is among those that share a port. */
export function shareAt(slot: number): nft.Expression {
  return nft.takeTurns(PORT_SHARES, nft.slot(slot))
}

export function bothNames(sets: Sets): readonly nft.Expression[] {
  return [nft.meta('iifname'), nft.meta('oifname', SECOND_NAME), nft.lookup(sets.pairs.name)]
}

export function isTranslated(): readonly nft.Expression[] {
  return [nft.conntrack('status'), ...nft.hasBits(nft.CT_STATUS_DNAT)]
}

export function toOwnAddress(): readonly nft.Expression[] {
  return [...toOwn(), nft.jump('published')]
}

export function toOwn(): readonly nft.Expression[] {
  return [nft.destinationType(), nft.compare('eq', nft.number32(nft.ADDRESS_TYPE_LOCAL))]
}
