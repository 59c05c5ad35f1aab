/** IPv4 subnets as numbers: parsing, overlap, hosts, and the choice of a free one. */

import { isIPv4 } from 'node:net'
import { EngineError } from '../errors.ts'

/** `first` is the network address as an unsigned number, `last` the broadcast address. */
export interface Subnet {
  readonly first: number
  readonly last: number
  readonly prefixLength: number
}

/** Something an address range is in use for, and how to call it: `route 10.0.0.0/8 of "tun0"`. */
export interface Occupied {
  readonly subnet: Subnet
  readonly what: string
}

/** Parses `10.89.0.0/24`; host bits may be set. Throws EngineError for anything else. */
export function parseSubnet(text: string): Subnet {
  const [address = '', length = ''] = text.split('/')
  const prefixLength = Number(length)
  if (!isIPv4(address) || !/^\d{1,2}$/.test(length) || prefixLength > 32) {
    throw new EngineError(
      'NOT_SUPPORTED',
      `Cannot use subnet "${text}": only IPv4 subnets such as 10.1.0.0/24 are supported`,
    )
  }
  return subnetOf(address, prefixLength)
}

/** The subnet of `prefixLength` bits that holds `address`. */
export function subnetOf(address: string, prefixLength: number): Subnet {
  const size = 2 ** (32 - prefixLength)
  const first = Math.floor(addressNumber(address) / size) * size
  return { first, last: first + size - 1, prefixLength }
}

export function formatSubnet({ first, prefixLength }: Subnet): string {
  return `${formatNumber(first)}/${prefixLength}`
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return one.first <= other.last && other.first <= one.last
}

export function contains(subnet: Subnet, address: string): boolean {
  const number = addressNumber(address)
  return subnet.first <= number && number <= subnet.last
}

/** Says whether `address` is one of `subnet`, such as `10.89.0.0/24`. */
export function isInside(subnet: string, address: string): boolean {
  return contains(parseSubnet(subnet), address)
}

/** First address that hosts can have: the gateway unless said otherwise. */
export function firstHost(subnet: Subnet): string {
  return formatNumber(subnet.first + (subnet.prefixLength < 31 ? 1 : 0))
}

/** First subnet of `prefixLength` bits in `pools` that overlaps nothing in `occupied`. */
export function chooseSubnet(
  pools: readonly string[],
  prefixLength: number,
  occupied: readonly Occupied[],
): Subnet | undefined {
  for (const pool of pools.map(parseSubnet)) {
    const size = 2 ** (32 - prefixLength)
    for (let first = pool.first; first + size - 1 <= pool.last;) {
      const candidate = { first, last: first + size - 1, prefixLength }
      const clash = occupied.find(({ subnet }) => overlaps(subnet, candidate))
      if (!clash) return candidate
      // Go on behind what is in the way: a route over half the pool costs one step.
      first = Math.max(first + size, Math.ceil((clash.subnet.last + 1) / size) * size)
    }
  }
  return undefined
}

export function addressNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

export function formatNumber(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.')
}
