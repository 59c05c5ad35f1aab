/**
 * IP addresses and prefixes as text and as bytes. IPv4 throughout; IPv6 only where the kernel
 * reports it.
 */

import { isIPv4 } from 'node:net'

export const AF_INET = 2
export const AF_INET6 = 10

/**
 * `10.89.0.2` as its four bytes. Throws for anything else: text is checked before it comes here.
 */
export function ipv4Bytes(address: string): Buffer {
  if (!isIPv4(address)) throw new TypeError(`Not an IPv4 address: "${address}"`)
  return Buffer.from(address.split('.').map(Number))
}

/** The text of four or sixteen bytes; IPv6 without shortening. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const buffer = Buffer.from(bytes)
  const groups = Array.from({ length: 8 }, (_, index) =>
    buffer.readUInt16BE(index * 2).toString(16),
  )
  return groups.join(':')
}
