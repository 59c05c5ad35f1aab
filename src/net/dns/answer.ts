/** What this server knows by itself: the names of the stack, forwards and backwards. Pure. */

import { formatAddress } from '../../linux/index.ts'
import { contains, familyOf, parseSubnet } from '../subnet.ts'
import type { NameRegistry } from './names.ts'
import { RCODE, isEncodable, type Query, type ResourceRecord } from './packet.ts'

export interface View {
  readonly names: NameRegistry
  readonly stack: string
  readonly networks: readonly string[]
  readonly subnets: readonly string[]
  /** Names of the asker's own, and what they stand for. */
  readonly links: readonly { readonly name: string; readonly target: string }[]
  /** Counts up, so that replicas take turns. */
  readonly turn: number
}

export interface LocalAnswer {
  readonly rcode: number
  readonly records: readonly ResourceRecord[]
  /** So many answers there are, one after the other, as replicas take turns. Default 1. */
  readonly turns?: number | undefined
}

/** The answer to `query`; undefined when the question is for somebody else. */
export function answerLocally(query: Query, view: View): LocalAnswer | undefined {
  if (query.opcode !== 0) return { rcode: RCODE.notImplemented, records: [] }
  if (query.class !== 'IN') return { rcode: RCODE.refused, records: [] }
  return (query.type === 'PTR' ? answerReverse(query, view) : undefined) ?? answerName(query, view)
}

function answerName(query: Query, view: View): LocalAnswer | undefined {
  // RFC 6761: localhost is never asked of others.
  const asked = query.name.toLowerCase().replace(/\.$/, '')
  const isLocalhost = asked === 'localhost'
  const name = view.links.find((link) => link.name.toLowerCase() === asked)?.target ?? asked
  const found = isLocalhost
    ? { addresses: ['127.0.0.1', '::1'], others: [] }
    : view.names.lookup(view.networks, name)
  if (!found) {
    const isElsewhere = view.names.isNameOfStack(view.stack, name)
    return isElsewhere ? { rcode: RCODE.noSuchName, records: [] } : undefined
  }
  // A known name without an address of the wanted kind is NODATA; a stopped container's name is
  // unknown.
  if (found.addresses.length + found.others.length === 0) {
    return { rcode: RCODE.noSuchName, records: [] }
  }
  const wanted = ({ type }: ResourceRecord): boolean => query.type === 'ANY' || type === query.type
  const ready = found.addresses.map(addressRecord).filter(wanted)
  const others = found.others.map(addressRecord).filter(wanted)
  const records = [...rotate(ready, view.turn), ...rotate(others, view.turn)]
  const turns = Math.max(ready.length, 1) * Math.max(others.length, 1)
  return { rcode: RCODE.noError, records, turns }
}

function answerReverse(query: Query, view: View): LocalAnswer | undefined {
  const address = reversedAddress(query.name)
  if (address === undefined) return undefined
  const name = view.names.reverse(view.networks, address)
  if (name !== undefined) {
    const records = isEncodable(name) ? [{ type: 'PTR', data: name } as const] : []
    return { rcode: RCODE.noError, records }
  }
  const isOurs = view.subnets.some((subnet) => contains(parseSubnet(subnet), address))
  return isOurs ? { rcode: RCODE.noSuchName, records: [] } : undefined
}

/** `10.89.0.2` of `2.0.89.10.in-addr.arpa`, `fd00::2` of `2.0.0…0.0.d.f.ip6.arpa`. */
function reversedAddress(name: string): string | undefined {
  const [, nibbles] = /^((?:[0-9a-f]\.){32})ip6\.arpa$/i.exec(name) ?? []
  if (nibbles !== undefined) {
    const digits = nibbles.split('.').reverse().join('')
    return formatAddress(Buffer.from(digits, 'hex'))
  }
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/i.exec(name)
  const bytes = match?.slice(1, 5).reverse().map(Number) ?? []
  return match && bytes.every((byte) => byte < 256) ? bytes.join('.') : undefined
}

export function addressRecord(address: string): ResourceRecord {
  return { type: familyOf(address) === 4 ? 'A' : 'AAAA', data: address }
}

function rotate<T>(values: readonly T[], turn: number): readonly T[] {
  const start = values.length === 0 ? 0 : turn % values.length
  return [...values.slice(start), ...values.slice(0, start)]
}
