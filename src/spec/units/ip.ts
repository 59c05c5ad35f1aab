/** IP addresses and subnets of a stack file as numbers. */

export interface Range {
  readonly family: 4 | 6
  readonly first: bigint
  readonly last: bigint
  readonly prefixLength: number
}

/** The number of an address; undefined for what is none. */
export function addressOf(
  text: string,
): { readonly family: 4 | 6; readonly number: bigint } | undefined {
  if (text.includes(':')) return ipv6Of(text)
  const parts = text.split('.')
  const isWellFormed = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part))
  if (!isWellFormed || parts.some((part) => Number(part) > 255)) return undefined
  return { family: 4, number: parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n) }
}

/** The addresses of `10.1.0.0/24` or `fd00::/64`; undefined for what is no subnet. */
export function subnetOf(text: string): Range | undefined {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const found = addressOf(address)
  const prefixLength = Number(length)
  if (!found || prefixLength > (found.family === 4 ? 32 : 128)) return undefined
  const size = 1n << BigInt((found.family === 4 ? 32 : 128) - prefixLength)
  const first = (found.number / size) * size
  return { family: found.family, first, last: first + size - 1n, prefixLength }
}

export function isWithin(range: Range, text: string): boolean {
  const found = addressOf(text)
  return found?.family === range.family && range.first <= found.number && found.number <= range.last
}

export function overlap(one: Range, other: Range): boolean {
  return one.family === other.family && one.first <= other.last && other.first <= one.last
}

function ipv6Of(text: string): { readonly family: 6; readonly number: bigint } | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map(groupsOf)
  const missing = 8 - head.length - tail.length
  const isShort = halves.length === 2
  if (isShort ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined
  return { family: 6, number: groups.reduce((sum, one) => sum * 65_536n + BigInt(`0x${one}`), 0n) }
}

/** The last group may be an IPv4 address, which counts as two. */
function groupsOf(text: string): readonly string[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [group]
    const found = addressOf(group)
    if (found?.family !== 4) return ['bad']
    return [(found.number >> 16n).toString(16), (found.number & 0xffffn).toString(16)]
  })
}
