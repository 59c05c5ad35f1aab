/**
 * From a question's bytes to an answer's bytes, for one container: known names here, the rest
 * from upstream.
 */

import { DNS_FORWARDS_MAX, DNS_FORWARDS_PER_CONTAINER_MAX } from '../../limits.ts'
import { answerLocally } from './answer.ts'
import { forward } from './forward.ts'
import type { NameRegistry } from './names.ts'
import {
  RCODE,
  encodeAnswer,
  encodeFormatError,
  parseQuery,
  udpBytesMax,
  type Query,
} from './packet.ts'
import type { DnsRequest } from './types.ts'

const TCP_BYTES_MAX = 0xffff

/** Questions under way to upstreams, of all containers of this process: each holds a socket. */
let forwardsOfAll = 0

export class Responder {
  view: Pick<DnsRequest, 'stack' | 'networks' | 'subnets' | 'upstreams' | 'links'>
  readonly #names: NameRegistry
  readonly #stop = new AbortController()
  #turn = 0
  #forwards = 0

  constructor(request: DnsRequest, names: NameRegistry) {
    this.view = request
    this.#names = names
  }

  /**
   * The answer to `message`; undefined when it deserves none. Known names are answered in the
   * same tick.
   */
  respond(
    message: Buffer,
    transport: 'udp' | 'tcp',
  ): Buffer | Promise<Buffer | undefined> | undefined {
    const query = parseQuery(message)
    if (!query) return undefined
    if ('broken' in query) return encodeFormatError(query.id)
    const bytesMax = transport === 'udp' ? udpBytesMax(query) : TCP_BYTES_MAX
    const { stack, networks, subnets = [], links = [] } = this.view
    const turn = this.#turn++
    const local = answerLocally(query, {
      names: this.#names,
      stack,
      networks,
      subnets,
      turn,
      links,
    })
    if (local) return encodeAnswer(query, { ...local, authoritative: true, bytesMax })
    return this.#forward(message, query, { transport, bytesMax })
  }

  /** Gives up questions under way. */
  close(): void {
    this.#stop.abort()
  }

  async #forward(
    message: Buffer,
    query: Query,
    { transport, bytesMax }: { readonly transport: 'udp' | 'tcp'; readonly bytesMax: number },
  ): Promise<Buffer | undefined> {
    const failure = encodeAnswer(query, {
      rcode: RCODE.serverFailure,
      authoritative: false,
      bytesMax,
    })
    const isFull =
      this.#forwards >= DNS_FORWARDS_PER_CONTAINER_MAX || forwardsOfAll >= DNS_FORWARDS_MAX
    if (isFull || this.view.upstreams.length === 0) return failure
    this.#forwards++
    forwardsOfAll++
    try {
      const { upstreams } = this.view
      const signal = this.#stop.signal
      const answer = await forward({ message, query, transport, upstreams, signal })
      return signal.aborted ? undefined : (answer ?? failure)
    } finally {
      this.#forwards--
      forwardsOfAll--
    }
  }
}
