/**
 * Expressions of nf_tables rules: small steps on registers, written as `nft --debug=netlink`
 * shows them. Register 1 is 16 bytes wide and holds most things; a key of several fields goes on
 * in {@link slot}s of four bytes.
 */

import { attribute, be32Attribute, be64Attribute, nested, stringAttribute } from '../attribute.ts'

/** An encoded expression (an NFTA_LIST_ELEM attribute). */
export type Expression = Buffer

const NFTA_LIST_ELEM = 1
const NFTA_EXPR_NAME = 1
const NFTA_EXPR_DATA = 2
const NFTA_DATA_VALUE = 1
const NFTA_DATA_VERDICT = 2
const NFTA_VERDICT_CODE = 1
const NFTA_VERDICT_CHAIN = 2
const NFT_REG_VERDICT = 0
const NFT_REG_1 = 1
const NFT_REG32_00 = 8

/** The `index`-th four bytes from the start of register 1; slot 0 is register 1 itself. */
export function slot(index: number): number {
  return index === 0 ? NFT_REG_1 : NFT_REG32_00 + index
}

/** @see enum nft_meta_keys */
const META = {
  protocol: 1,
  iifname: 6,
  oifname: 7,
  l4proto: 16,
  iifgroup: 21,
  oifgroup: 22,
} as const

/** Loads a fact about the packet, such as the name of the interface it came by. */
export function meta(key: keyof typeof META, register: number = NFT_REG_1): Expression {
  return expression('meta', be32Attribute(2, META[key]), be32Attribute(1, register))
}

/** @see enum nft_ct_keys */
const CT = { state: 0, direction: 1, status: 2 } as const

/** Loads a fact about the packet's connection. */
export function conntrack(key: keyof typeof CT): Expression {
  return expression('ct', be32Attribute(2, CT[key]), be32Attribute(1, NFT_REG_1))
}

/**
 * Bits of `ct state` (linux/netfilter/nf_conntrack_common.h), and of `ct status` (enum
 * ip_conntrack_status).
 */
export const CT_STATE_INVALID = 1
export const CT_STATE_ESTABLISHED_OR_RELATED = 6
export const CT_STATUS_DNAT = 0x20
export const CT_DIRECTION_REPLY = 1

const BASES = { link: 0, network: 1, transport: 2 } as const

/** Where a field lies in the packet; `offset` and `bytes` in bytes. */
export interface Field {
  readonly base: keyof typeof BASES
  readonly offset: number
  readonly bytes: number
}

export const SOURCE_ADDRESS: Field = { base: 'network', offset: 12, bytes: 4 }
export const DESTINATION_ADDRESS: Field = { base: 'network', offset: 16, bytes: 4 }
export const SOURCE_ADDRESS_V6: Field = { base: 'network', offset: 8, bytes: 16 }
export const DESTINATION_ADDRESS_V6: Field = { base: 'network', offset: 24, bytes: 16 }
/** At the same place in tcp and udp. */
export const DESTINATION_PORT: Field = { base: 'transport', offset: 2, bytes: 2 }

/** Loads a field of the packet. */
export function payload(field: Field, register: number = NFT_REG_1): Expression {
  return expression(
    'payload',
    be32Attribute(1, register),
    be32Attribute(2, BASES[field.base]),
    be32Attribute(3, field.offset),
    be32Attribute(4, field.bytes),
  )
}

/**
 * Overwrites an address, and mends the checksum of tcp or udp, and that of the IPv4 header (IPv6
 * has none).
 */
export function writeAddress(field: Field, register: number = NFT_REG_1): Expression {
  return expression(
    'payload',
    be32Attribute(5, register),
    be32Attribute(2, BASES[field.base]),
    be32Attribute(3, field.offset),
    be32Attribute(4, field.bytes),
    ...(field.bytes === 4
      ? [be32Attribute(6, 1), be32Attribute(7, 10)] // NFT_PAYLOAD_CSUM_INET, and where it lies
      : [be32Attribute(6, 0), be32Attribute(7, 0)]),
    be32Attribute(8, 1), // NFT_PAYLOAD_L4CSUM_PSEUDOHDR
  )
}

/** Goes on only when register 1 begins with `value` (or does not). */
export function compare(operator: 'eq' | 'neq', value: Uint8Array): Expression {
  return expression(
    'cmp',
    be32Attribute(1, NFT_REG_1),
    be32Attribute(2, operator === 'eq' ? 0 : 1),
    nested(3, attribute(NFTA_DATA_VALUE, value)),
  )
}

/** Goes on only when register 1, a number in the machine's order, has one of the bits of `mask`. */
export function hasBits(mask: number): readonly Expression[] {
  return [
    expression(
      'bitwise',
      be32Attribute(1, NFT_REG_1),
      be32Attribute(2, NFT_REG_1),
      be32Attribute(3, 4),
      nested(4, attribute(NFTA_DATA_VALUE, number32(mask))),
      nested(5, attribute(NFTA_DATA_VALUE, number32(0))),
    ),
    compare('neq', number32(0)),
  ]
}

/** Goes on only when the key from register 1 on is in the set. */
export function lookup(set: string): Expression {
  return expression('lookup', stringAttribute(1, set), be32Attribute(2, NFT_REG_1))
}

/** As {@link lookup}; the map's datum replaces the key in register 1 and on. */
export function lookupData(map: string): Expression {
  return expression(
    'lookup',
    stringAttribute(1, map),
    be32Attribute(2, NFT_REG_1),
    be32Attribute(3, NFT_REG_1),
  )
}

/**
 * Loads what kind of address the packet's destination is here; compare with {@link
 * ADDRESS_TYPE_LOCAL}.
 */
export function destinationType(): Expression {
  return fib(3)
}

/** RTN_LOCAL, include/uapi/linux/rtnetlink.h */
export const ADDRESS_TYPE_LOCAL = 2

/**
 * Loads the name of the interface by which the packet's destination is reached; empty for our own
 * addresses.
 */
export function destinationInterface(register: number = NFT_REG_1): Expression {
  return fib(2, register)
}

/**
 * Loads the index of the interface by which the packet's source would be answered, looked up for
 * the
 * interface it came by; 0 when it is not that one.
 */
export function wayBack(): Expression {
  return wayBy(1) // NFTA_FIB_F_SADDR
}

/** The same for the packet's destination: 0 when it is reached by another interface. */
export function wayOn(): Expression {
  return wayBy(2) // NFTA_FIB_F_DADDR
}

function wayBy(address: 1 | 2): Expression {
  const NFTA_FIB_F_IIF = 8
  return expression(
    'fib',
    be32Attribute(1, NFT_REG_1),
    be32Attribute(2, 1), // NFT_FIB_RESULT_OIF
    be32Attribute(3, address | NFTA_FIB_F_IIF),
  )
}

function fib(result: 2 | 3, register: number = NFT_REG_1): Expression {
  const NFTA_FIB_F_DADDR = 2
  return expression(
    'fib',
    be32Attribute(1, register),
    be32Attribute(2, result),
    be32Attribute(3, NFTA_FIB_F_DADDR),
  )
}

/** Loads a number below `count`: one after the other, and then from 0 again. */
export function takeTurns(count: number, register: number = NFT_REG_1): Expression {
  return expression(
    'numgen',
    be32Attribute(1, register),
    be32Attribute(2, count),
    be32Attribute(3, 0), // NFT_NG_INCREMENTAL
  )
}

/** Loads a random number below `count`. */
export function randomNumber(count: number, register: number = NFT_REG_1): Expression {
  return expression(
    'numgen',
    be32Attribute(1, register),
    be32Attribute(2, count),
    be32Attribute(3, 1), // NFT_NG_RANDOM
  )
}

/** Goes on only when register 1, a number in the machine's order, is below `limit`. */
export function isBelow(limit: number): readonly Expression[] {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(limit)
  return [
    // Bytes are compared from the first on, so that the largest has to come first.
    expression(
      'byteorder',
      be32Attribute(1, NFT_REG_1),
      be32Attribute(2, NFT_REG_1),
      be32Attribute(3, 1), // NFT_BYTEORDER_HTON
      be32Attribute(4, 4),
      be32Attribute(5, 4),
    ),
    expression(
      'cmp',
      be32Attribute(1, NFT_REG_1),
      be32Attribute(2, 2), // NFT_CMP_LT
      nested(3, attribute(NFTA_DATA_VALUE, bytes)),
    ),
  ]
}

/** Goes on only for packets beyond so many per second, after `burst` at once. */
export function isOverRate(perSecond: number, burst: number): Expression {
  return expression(
    'limit',
    be64Attribute(1, BigInt(perSecond)),
    be64Attribute(2, 1n), // per second
    be32Attribute(3, burst),
    be32Attribute(4, 0), // NFT_LIMIT_PKTS
    be32Attribute(5, 1), // NFT_LIMIT_F_INV
  )
}

/** Loads a constant. */
export function immediate(value: Uint8Array, register: number = NFT_REG_1): Expression {
  return expression(
    'immediate',
    be32Attribute(1, register),
    nested(2, attribute(NFTA_DATA_VALUE, value)),
  )
}

/** Sends the connection to the address in register 1 and the port in the slot behind it. */
export function destinationNat(family: 4 | 6 = 4): Expression {
  return expression(
    'nat',
    be32Attribute(1, 1), // NFT_NAT_DNAT
    be32Attribute(2, family === 4 ? 2 : 10), // NFPROTO_IPV4, NFPROTO_IPV6
    be32Attribute(3, NFT_REG_1),
    be32Attribute(5, slot(family === 4 ? 1 : 4)),
    be32Attribute(7, 2), // NF_NAT_RANGE_PROTO_SPECIFIED
  )
}

/** Gives the connection the source address of the interface it leaves by. */
export function masquerade(): Expression {
  return expression('masq')
}

/** @see enum nft_verdicts, and NF_DROP, NF_ACCEPT of linux/netfilter.h */
const VERDICTS = { drop: 0, accept: 1, jump: -3, return: -5 } as const

export function verdict(kind: 'drop' | 'accept' | 'return'): Expression {
  return verdictExpression(be32Attribute(NFTA_VERDICT_CODE, VERDICTS[kind]))
}

export function jump(chain: string): Expression {
  return verdictExpression(
    be32Attribute(NFTA_VERDICT_CODE, VERDICTS.jump),
    stringAttribute(NFTA_VERDICT_CHAIN, chain),
  )
}

function verdictExpression(...attributes: readonly Buffer[]): Expression {
  return expression(
    'immediate',
    be32Attribute(1, NFT_REG_VERDICT),
    nested(2, nested(NFTA_DATA_VERDICT, ...attributes)),
  )
}

function expression(name: string, ...attributes: readonly Buffer[]): Expression {
  return nested(
    NFTA_LIST_ELEM,
    stringAttribute(NFTA_EXPR_NAME, name),
    ...(attributes.length === 0 ? [] : [nested(NFTA_EXPR_DATA, ...attributes)]),
  )
}

/** Numbers in registers are in the machine's order: little-endian on x64 and arm64. */
export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
