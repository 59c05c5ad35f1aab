/** Subnets of both families as numbers: parsing, overlap, hosts, and the choice of a free one. */

import { isIP, isIPv4, isIPv6 } from 'node:net'
import { EngineError } from '../errors.ts'
import { addressBytes, formatAddress } from '../linux/index.ts'

export type Family = 4 | 6

/** `first` is the network address as an unsigned number, `last` the last address of it. */
export interface Subnet {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
  readonly prefixLength: number
}

/** Something an address range is in use for, and how to call it: `route 10.0.0.0/8 of "tun0"`. */
export interface Occupied {
  readonly subnet: Subnet
  readonly what: string
}

/**
 * Parses `10.89.0.0/24` or `fd00::/64`; host bits may be set. Throws EngineError for anything else.
 */
export function parseSubnet(text: string): Subnet {
  const [address = '', length = ''] = text.split('/')
  const prefixLength = Number(length)
  const isWellFormed = isIP(address) > 0 && !address.includes('%') && /^\d{1,3}$/.test(length)
  if (!isWellFormed || prefixLength > bitsOf(familyOf(address))) {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot use subnet "${text}": it is none; write it as 10.1.0.0/24 or fd00:1::/64`,
    )
  }
  return subnetOf(address, prefixLength)
}

/** The subnet of `prefixLength` bits that holds `address`. */
export function subnetOf(address: string, prefixLength: number): Subnet {
  const family = familyOf(address)
  const size = sizeOf(family, prefixLength)
  const first = (addressNumber(address) / size) * size
  return { family, first, last: first + size - 1n, prefixLength }
}

export function formatSubnet({ family, first, prefixLength }: Subnet): string {
  return `${formatNumber(first, family)}/${prefixLength}`
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return one.family === other.family && one.first <= other.last && other.first <= one.last
}

export function contains(subnet: Subnet, address: string): boolean {
  if (subnet.family !== familyOf(address)) return false
  const number = addressNumber(address)
  return subnet.first <= number && number <= subnet.last
}

/** Says whether `address` is one of `subnet`, such as `10.89.0.0/24`. */
export function isInside(subnet: string, address: string): boolean {
  return contains(parseSubnet(subnet), address)
}

/** The gateway of `subnet`, such as `10.89.0.0/24`, unless said otherwise. */
export function firstHostOf(subnet: string): string {
  return firstHost(parseSubnet(subnet))
}

/** First address that hosts can have: the gateway unless said otherwise. */
export function firstHost(subnet: Subnet): string {
  const isTiny = subnet.prefixLength >= bitsOf(subnet.family) - 1
  return formatNumber(subnet.first + (isTiny ? 0n : 1n), subnet.family)
}

/**
 * First and last address that a container can have: not the network's own, not the broadcast one.
 */
export function hostRange(subnet: Subnet): { readonly first: bigint; readonly last: bigint } {
  const { family, first, last, prefixLength } = subnet
  if (prefixLength >= bitsOf(family) - 1) return { first, last }
  return { first: first + 1n, last: family === 4 ? last - 1n : last }
}

/** First subnet of `prefixLength` bits in `pools` that overlaps nothing in `occupied`. */
export function chooseSubnet(
  pools: readonly string[],
  prefixLength: number,
  occupied: readonly Occupied[],
): Subnet | undefined {
  for (const pool of pools.map(parseSubnet)) {
    const { family } = pool
    const size = sizeOf(family, prefixLength)
    for (let first = pool.first; first + size - 1n <= pool.last;) {
      const candidate = { family, first, last: first + size - 1n, prefixLength }
      const clash = occupied.find(({ subnet }) => overlaps(subnet, candidate))
      if (!clash) return candidate
      // Go on behind what is in the way: a route over half the pool costs one step.
      const behind = ((clash.subnet.last + size) / size) * size
      first = behind > first ? behind : first + size
    }
  }
  return undefined
}

export function familyOf(address: string): Family {
  return isIPv6(address) ? 6 : 4
}

export function isIpv4Subnet(subnet: string): boolean {
  return isIPv4(subnet.split('/')[0] ?? '')
}

export function addressNumber(address: string): bigint {
  return BigInt(`0x${addressBytes(address).toString('hex')}`)
}

export function formatNumber(number: bigint, family: Family): string {
  return formatAddress(Buffer.from(number.toString(16).padStart(bitsOf(family) / 4, '0'), 'hex'))
}

/** The same address in the one spelling that is compared: `FD00:0::2` is `fd00::2`. */
export function canonicalAddress(address: string): string {
  return isIP(address) === 0 ? address : formatAddress(addressBytes(address))
}

function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128
}

function sizeOf(family: Family, prefixLength: number): bigint {
  return 1n << BigInt(bitsOf(family) - prefixLength)
}
