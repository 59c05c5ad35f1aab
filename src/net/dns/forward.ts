/**
 * Asking the host's resolvers: each question with an id and a source port that nobody can guess.
 */

import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { DNS_UPSTREAM_MS_MAX } from '../../limits.ts'
import { RCODE, isAnswerTo, rcodeOf, type Query } from './packet.ts'
import { TcpMessages, frameMessage } from './tcp.ts'

export interface Forwarded {
  /** The question as it came, EDNS options and all. */
  readonly message: Buffer
  readonly query: Query
  readonly transport: 'udp' | 'tcp'
  readonly upstreams: readonly string[]
  /** Ends the question early: the server closes. */
  readonly signal: AbortSignal
}

/**
 * The first useful answer of the upstreams, asked one after the other; with the id of the question.
 * Undefined when none answered in time. A refusal counts only when nobody knows better.
 */
export async function forward(request: Forwarded): Promise<Buffer | undefined> {
  let refusal: Buffer | undefined
  for (const upstream of request.upstreams) {
    const answer = await askOne(request, parseUpstream(upstream))
    if (request.signal.aborted) return undefined
    if (answer && !isRefusal(answer)) return answer
    refusal ??= answer
  }
  return refusal
}

interface Upstream {
  readonly host: string
  readonly port: number
}

/** Parses `1.1.1.1`, `1.1.1.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. */
export function parseUpstream(text: string): Upstream {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(text)
  if (bracketed) return { host: bracketed[1] ?? '', port: Number(bracketed[2] ?? 53) }
  if (isIPv6(text)) return { host: text, port: 53 }
  const [host = '', port] = text.split(':')
  return { host, port: Number(port ?? 53) }
}

function isRefusal(answer: Buffer): boolean {
  const rcode = rcodeOf(answer)
  return rcode === RCODE.serverFailure || rcode === RCODE.refused || rcode === RCODE.notImplemented
}

function askOne(request: Forwarded, upstream: Upstream): Promise<Buffer | undefined> {
  const id = randomInt(0x10000)
  const question = Buffer.from(request.message)
  question.writeUInt16BE(id, 0)
  return new Promise((resolve) => {
    const ask = request.transport === 'udp' ? askByUdp : askByTcp
    const done = (answer: Buffer | undefined): void => {
      clearTimeout(timer)
      request.signal.removeEventListener('abort', giveUp)
      close()
      answer?.writeUInt16BE(request.query.id, 0)
      resolve(answer)
    }
    const giveUp = (): void => {
      done(undefined)
    }
    // Where this process stood still, the answer may be there to be read.
    const timer = setTimeout(() => setImmediate(giveUp), DNS_UPSTREAM_MS_MAX)
    request.signal.addEventListener('abort', giveUp)
    const close = ask(upstream, question, (answer) => {
      if (answer === undefined || isAnswerTo(answer, id, request.query)) done(answer)
    })
  })
}

/** Calls `heard` for each datagram of the upstream, and with undefined when it is not there. */
type Ask = (
  upstream: Upstream,
  question: Buffer,
  heard: (answer: Buffer | undefined) => void,
) => () => void

const askByUdp: Ask = ({ host, port }, question, heard) => {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  let isClosed = false
  socket.on('error', () => {
    heard(undefined)
  })
  socket.on('message', (message) => {
    heard(message)
  })
  // Connected: the kernel drops what comes from anybody else, and reports a closed port at once. By
  // its event: a callback of connect() would be called for a failure as well (no route), and not
  // "error".
  socket.once('connect', () => {
    if (!isClosed) socket.send(question)
  })
  socket.connect(port, host)
  return () => {
    if (isClosed) return
    isClosed = true
    socket.close()
  }
}

const askByTcp: Ask = ({ host, port }, question, heard) => {
  const socket = connect({ host, port })
  const messages = new TcpMessages()
  socket.on('error', () => {
    heard(undefined)
  })
  socket.on('end', () => {
    heard(undefined)
  })
  socket.on('data', (chunk) => {
    for (const message of messages.push(chunk)) heard(message)
  })
  socket.write(frameMessage(question))
  return () => {
    socket.destroy()
  }
}
