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
import { RememberedAnswers } from './remembered.ts'
import type { DnsRequest } from './types.ts'

const TCP_BYTES_MAX = 0xffff

/** Questions under way to upstreams, of all containers of this process: each holds a socket. */
let forwardsOfAll = 0

type ResponderView = Pick<DnsRequest, 'stack' | 'networks' | 'subnets' | 'upstreams' | 'links'>

export class Responder {
  #view: ResponderView
  readonly #names: NameRegistry
  readonly #stop = new AbortController()
  readonly #remembered = new RememberedAnswers()
  /** Of the names, when those answers were made. */
  #changes = 0
  #turn = 0
  #forwards = 0

  constructor(request: DnsRequest, names: NameRegistry) {
    this.#view = request
    this.#names = names
  }

  /** Changes what the container sees, from the next question on. */
  update(change: Partial<ResponderView>): void {
    this.#view = { ...this.#view, ...change }
    this.#remembered.clear()
  }

  /**
   * The answer to `message`; undefined when it deserves none. Known names are answered in the
   * same tick, in a buffer that holds the answer until the next question.
   */
  respond(
    message: Buffer,
    transport: 'udp' | 'tcp',
  ): Buffer | Promise<Buffer | undefined> | undefined {
    if (transport === 'tcp') return this.#respond(message, transport)
    if (this.#changes !== this.#names.changes) {
      this.#remembered.clear()
      this.#changes = this.#names.changes
    }
    return this.#remembered.find(message) ?? this.#respond(message, transport)
  }

  /** Gives up questions under way. */
  close(): void {
    this.#stop.abort()
  }

  #respond(
    message: Buffer,
    transport: 'udp' | 'tcp',
  ): Buffer | Promise<Buffer | undefined> | undefined {
    const query = parseQuery(message)
    if (!query) return undefined
    if ('broken' in query) return encodeFormatError(query.id)
    const isUdp = transport === 'udp'
    const bytesMax = isUdp ? udpBytesMax(query) : TCP_BYTES_MAX
    const { stack, networks, subnets = [], links = [] } = this.#view
    const turn = (isUdp ? this.#remembered.turn(message) : undefined) ?? this.#turn++
    const names = this.#names
    const local = answerLocally(query, { names, stack, networks, subnets, turn, links })
    if (!local) return this.#forward(message, query, { transport, bytesMax })
    const answer = encodeAnswer(query, { ...local, authoritative: true, bytesMax })
    if (isUdp) {
      this.#remembered.keep(message, answer, { turn, turns: local.turns ?? 1 })
    }
    return answer
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
    if (isFull || this.#view.upstreams.length === 0) return failure
    this.#forwards++
    forwardsOfAll++
    try {
      const { upstreams } = this.#view
      const signal = this.#stop.signal
      const answer = await forward({ message, query, transport, upstreams, signal })
      return signal.aborted ? undefined : (answer ?? failure)
    } finally {
      this.#forwards--
      forwardsOfAll--
    }
  }
}
