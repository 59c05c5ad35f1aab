/**
 * The short form of a port: `[[IP:][HOST]:]CONTAINER[/PROTOCOL]`, where both ports may be ranges
 * `first-last`.
 */
import { isIP } from './address.ts'

export interface PortText {
  readonly hostIp?: string
  readonly target: number
  /** A port or a range. */
  readonly published?: string
  readonly protocol: string
}

interface Range {
  readonly first: number
  readonly last: number
}

const PROTOCOLS = new Set(['tcp', 'udp', 'sctp'])

/** One entry for each container port, or what is wrong with the text. */
export function parsePort(spec: string): readonly PortText[] | string {
  const slash = spec.indexOf('/')
  const address = slash === -1 ? spec : spec.slice(0, slash)
  const protocol = slash === -1 ? 'tcp' : spec.slice(slash + 1).toLowerCase() || 'tcp'
  if (!PROTOCOLS.has(protocol)) return `"${protocol}" is no protocol; tcp, udp or sctp`
  const parts = splitAddress(address)
  if (typeof parts === 'string') return parts
  const { ip, host, container } = parts
  if (container === '') return 'the container port is missing'
  const target = parseRange(container)
  if (typeof target === 'string') return `container port ${target}`
  const published = host === '' ? undefined : parseRange(host)
  if (typeof published === 'string') return `host port ${published}`
  return expand({ ip, target, published, protocol })
}

function splitAddress(
  address: string,
): { readonly ip: string; readonly host: string; readonly container: string } | string {
  const lastColon = address.lastIndexOf(':')
  if (lastColon === -1) return { ip: '', host: '', container: address }
  const container = address.slice(lastColon + 1)
  const rest = address.slice(0, lastColon)
  const hostColon = rest.lastIndexOf(':')
  if (hostColon === -1) return { ip: '', host: rest, container }
  const written = rest.slice(0, hostColon)
  const ip = written.startsWith('[') && written.endsWith(']') ? written.slice(1, -1) : written
  if (ip !== '' && !isIP(ip)) return `"${written}" is no IP address`
  return { ip, host: rest.slice(hostColon + 1), container }
}

function parseRange(text: string): Range | string {
  const [first = '', last = first, ...rest] = text.split('-')
  const numbers = [first, last].map((part) => (/^\d+$/.test(part) ? Number(part) : -1))
  const [low = -1, high = -1] = numbers
  if (rest.length > 0 || numbers.some((number) => number < 0 || number > 65535)) {
    return `"${text}" is no port or range; 0 to 65535`
  }
  return high < low ? `"${text}" ends before it begins` : { first: low, last: high }
}

function expand(port: {
  readonly ip: string
  readonly target: Range
  readonly published: Range | undefined
  readonly protocol: string
}): readonly PortText[] | string {
  const { ip, target, published, protocol } = port
  const targets = target.last - target.first
  const hosts = published === undefined ? 0 : published.last - published.first
  if (published !== undefined && targets !== hosts && targets !== 0) {
    return `${targets + 1} container ports do not fit ${hosts + 1} host ports`
  }
  return Array.from({ length: targets + 1 }, (_, index) => ({
    ...(ip === '' ? {} : { hostIp: ip }),
    target: target.first + index,
    ...publishedText(published, targets, index),
    protocol,
  }))
}

function publishedText(
  published: Range | undefined,
  targets: number,
  index: number,
): { readonly published?: string } {
  if (published === undefined) return {}
  const { first, last } = published
  if (targets === 0 && first !== last) return { published: `${first}-${last}` }
  return { published: String(first + index) }
}
