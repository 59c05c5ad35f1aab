/** Names of all stacks for programs of the host: `web.shop.localhost`, by a resolver of its own. */

import { DNS_TCP_CONNECTIONS_MAX } from '../../limits.ts'
import { openInetSocket } from '../../linux/index.ts'
import { addressRecord, type LocalAnswer } from './answer.ts'
import type { NameRegistry } from './names.ts'
import {
  RCODE,
  encodeAnswer,
  encodeFormatError,
  parseQuery,
  udpBytesMax,
  type Query,
} from './packet.ts'
import { answerOn } from './serve.ts'

export interface HostNames {
  /** A loopback address of the host: others must not be able to ask. */
  readonly address: string
  readonly port: number
  /** What the names end with: `localhost`. */
  readonly domain: string
}

export interface HostNamesServer {
  close(): Promise<void>
}

const TCP_BYTES_MAX = 0xffff

/** Serves until closed. Nothing is forwarded: what is none of ours is refused. */
export async function serveHostNames(
  { address, port, domain }: HostNames,
  names: NameRegistry,
): Promise<HostNamesServer> {
  const udp = openInetSocket({ protocol: 'udp', address, port })
  const backlog = DNS_TCP_CONNECTIONS_MAX
  const tcp = openInetSocket({ protocol: 'tcp', address, port, backlog, reuseAddress: true })
  let turn = 0
  const respond = (message: Buffer, transport: 'udp' | 'tcp'): Buffer | undefined => {
    const query = parseQuery(message)
    if (!query) return undefined
    if ('broken' in query) return encodeFormatError(query.id)
    const answer = answerFor(query, { names, domain, turn: turn++ })
    const bytesMax = transport === 'udp' ? udpBytesMax(query) : TCP_BYTES_MAX
    return encodeAnswer(query, { ...answer, authoritative: true, bytesMax })
  }
  return answerOn({ udp, tcp }, { respond })
}

interface View {
  readonly names: NameRegistry
  readonly domain: string
  /** Counts up, so that replicas take turns. */
  readonly turn: number
}

/** Pure. `localhost` itself and what no stack has below it is this machine: RFC 6761. */
function answerFor(query: Query, { names, domain, turn }: View): LocalAnswer {
  if (query.opcode !== 0) return { rcode: RCODE.notImplemented, records: [] }
  const asked = query.name.toLowerCase().replace(/\.$/, '')
  const isOurs = asked === domain || asked.endsWith(`.${domain}`)
  if (query.class !== 'IN' || !isOurs) return { rcode: RCODE.refused, records: [] }
  const labels = asked.slice(0, -domain.length).split('.').filter(Boolean)
  const addresses = lookup(labels, names) ?? (domain === 'localhost' ? LOOPBACK : [])
  if (addresses.length === 0) return { rcode: RCODE.noSuchName, records: [] }
  const start = turn % addresses.length
  const records = [...addresses.slice(start), ...addresses.slice(0, start)]
    .map(addressRecord)
    .filter(({ type }) => query.type === 'ANY' || query.type === type)
  return { rcode: RCODE.noError, records }
}

const LOOPBACK: readonly string[] = ['127.0.0.1', '::1']

/** Undefined for what belongs to no stack; empty for what does not run. */
function lookup(labels: readonly string[], names: NameRegistry): readonly string[] | undefined {
  const stack = labels.at(-1)
  if (stack === undefined || !names.hasStack(stack)) return undefined
  const name = labels.slice(0, -1).join('.')
  // `web`, `web-1`, and `api.web` for what asks by a name before its own.
  const wanted = [name, `${stack}-${name}`, labels.at(-2) ?? '']
  const found = wanted
    .map((one) => names.lookupOfStack(stack, one))
    .find((one) => one !== undefined)
  return found === undefined ? [] : found.addresses.length > 0 ? found.addresses : found.others
}
