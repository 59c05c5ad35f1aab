/** IP addresses as text and as bytes, of both families. */

import { isIPv4, isIPv6 } from 'node:net'

export const AF_INET = 2
export const AF_INET6 = 10

/**
 * `10.89.0.2` as four bytes, `fd00::2` as sixteen. Throws for anything else: it was checked before.
 */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  if (isIPv6(address)) return ipv6Bytes(address)
  throw new TypeError(`Not an IP address: "${address}"`)
}

/** AF_INET or AF_INET6. */
export function familyOf(address: string): number {
  return isIPv4(address) ? AF_INET : AF_INET6
}

/** The text of four or sixteen bytes; IPv6 as RFC 5952 writes it. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const buffer = Buffer.from(bytes)
  const groups = Array.from({ length: 8 }, (_, index) =>
    buffer.readUInt16BE(index * 2).toString(16),
  )
  const zeros = longestZeros(groups)
  if (zeros.length < 2) return groups.join(':')
  const before = groups.slice(0, zeros.start).join(':')
  const after = groups.slice(zeros.start + zeros.length).join(':')
  return `${before}::${after}`
}

function ipv6Bytes(address: string): Buffer {
  const [plain = ''] = address.split('%')
  const [head = '', tail] = plain.split('::')
  const before = groupsOf(head)
  const after = tail === undefined ? [] : groupsOf(tail)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0)
  const bytes = Buffer.alloc(16)
  for (const [at, group] of [...before, ...zeros, ...after].entries()) {
    bytes.writeUInt16BE(group, at * 2)
  }
  return bytes
}

/** `fd00:1:10.0.0.1`: the last four bytes may be written as IPv4. */
function groupsOf(text: string): readonly number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const bytes = Buffer.from(group.split('.').map(Number))
    return [bytes.readUInt16BE(0), bytes.readUInt16BE(2)]
  })
}

/** The first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): {
  readonly start: number
  readonly length: number
} {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === '0') length++
    if (length > best.length) best = { start, length }
  }
  return best
}
