/**
 * A netlink socket: requests with acknowledgements, dumps, and refusals as errors in the kernel's
 * own words.
 */

import { KernelError } from '../../errors.ts'
import { NETLINK_REPLY_BYTES_MAX } from '../../limits.ts'
import { errnoName, errnoNumber, errnoText } from '../errno.ts'
import { isCounting } from '../crash-point.ts'
import { check, declare, declareAsync, kernelError, lastErrno } from '../libc.ts'
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  encodeMessage,
  readStatus,
  splitMessages,
} from './message.ts'
import type { Message, Request } from './message.ts'

const socket = declare('int socket(int, int, int)')
const bind = declare('int bind(int, void *, uint)')
const setsockopt = declare('int setsockopt(int, int, int, void *, uint)')
const SEND = 'long send(int, void *, size_t, int)'
const send = declare(SEND)
const sendAsync = declareAsync(SEND)
const recv = declare('long recv(int, void *, size_t, int)')
const close = declare('int close(int)')

const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0x80000
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10 // include/uapi/linux/netlink.h
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12
const MSG_DONTWAIT = 0x40
const DUMP_ATTEMPTS_MAX = 8

/** Families of netlink. @see include/uapi/linux/netlink.h */
export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12

/**
 * Shared: every call reads to the end before it returns, and nothing here runs at the same time.
 */
let receiveBuffer: Buffer | undefined

interface Outcome {
  readonly answers: readonly Message[]
  readonly refused: readonly { readonly request: Request; readonly error: KernelError }[]
}

/**
 * Stays in the network namespace in which it was opened, whatever the thread does later.
 * The kernel works on a request inside send(2), so nothing here ever waits.
 */
export class NetlinkSocket {
  readonly fd: number
  #sequence = 0
  /** Settles when what was asked {@link requestBeside} is answered. */
  #before: Promise<unknown> = Promise.resolve()

  constructor(family: typeof NETLINK_ROUTE | typeof NETLINK_NETFILTER) {
    this.fd = check(socket(AF_NETLINK, SOCK_RAW_CLOEXEC, family), {
      syscall: 'socket',
      args: ['AF_NETLINK', 'SOCK_RAW', family],
    })
    const address = Buffer.alloc(12)
    address.writeUInt16LE(AF_NETLINK, 0)
    check(bind(this.fd, address, address.length), { syscall: 'bind', args: ['AF_NETLINK'] })
    const on = Buffer.of(1, 0, 0, 0)
    // Older kernels lack these; without them errors are only less readable.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      setsockopt(this.fd, SOL_NETLINK, option, on, on.length)
    }
  }

  /**
   * Sends `requests` in one datagram; returns the answers in order, without acknowledgements.
   * All are tried; throws the {@link KernelError} of the first that was refused.
   */
  request(requests: readonly Request[]): readonly Message[] {
    return answersOf(this.exchange(requests.map(acknowledged)))
  }

  /**
   * The same, while this thread goes on with something else: the kernel may wait long for the lock
   * of all its links. One after another, and never beside a call of another kind.
   */
  async requestBeside(requests: readonly Request[]): Promise<readonly Message[]> {
    return answersOf(await this.exchangeBeside(requests.map(acknowledged)))
  }

  /** As {@link exchange}, in the way of {@link requestBeside}. */
  exchangeBeside(requests: readonly Request[]): Promise<Outcome> {
    const outcome = this.#before.then(() =>
      // A point of a crash is one of this thread.
      isCounting ? this.exchange(requests) : this.#exchangeBeside(requests),
    )
    this.#before = outcome.catch(() => {})
    return outcome
  }

  /** The same on this thread, once what was asked {@link requestBeside} is answered. */
  requestInTurn(requests: readonly Request[]): Promise<readonly Message[]> {
    const answer = this.#before.then(() => this.request(requests))
    this.#before = answer.catch(() => {})
    return answer
  }

  /**
   * As {@link request}, but refusals are returned and acknowledgements are asked for by the flags
   * alone.
   */
  exchange(requests: readonly Request[]): Outcome {
    if (requests.length === 0) return { answers: [], refused: [] }
    const first = this.#sequence + 1
    this.#send(requests.map((request) => encodeMessage(request, ++this.#sequence)))
    return this.#outcome(requests, first)
  }

  async #exchangeBeside(requests: readonly Request[]): Promise<Outcome> {
    if (requests.length === 0) return { answers: [], refused: [] }
    const first = this.#sequence + 1
    const bytes = Buffer.concat(requests.map((request) => encodeMessage(request, ++this.#sequence)))
    // errno is another thread's. What could not be sent was not looked at: sent again, it tells.
    if ((await sendAsync(this.fd, bytes, bytes.length, 0)) < 0) this.#send([bytes])
    return this.#outcome(requests, first)
  }

  #outcome(requests: readonly Request[], first: number): Outcome {
    const answers: Message[] = []
    const refused: { request: Request; error: KernelError }[] = []
    for (const message of this.#drain()) {
      const request = requests[message.sequence - first]
      if (!request) continue // left over from an earlier call that threw
      if (message.type !== NLMSG_ERROR) answers.push(message)
      else if (readStatus(message).errno !== 0)
        refused.push({ request, error: refusal(request, message) })
    }
    return { answers, refused }
  }

  /**
   * Everything the kernel lists for `request`; asks again when the list changed while it was
   * read.
   */
  dump(request: Request): readonly Message[] {
    for (let attempt = 1; ; attempt++) {
      const messages = this.#dumpOnce(request)
      const changed = messages.some((message) => message.flags & NLM_F_DUMP_INTR)
      if (!changed || attempt === DUMP_ATTEMPTS_MAX) return messages
    }
  }

  close(): void {
    close(this.fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #dumpOnce(request: Request): readonly Message[] {
    this.#sequence++
    const asking = { ...request, flags: request.flags | NLM_F_DUMP }
    this.#send([encodeMessage(asking, this.#sequence)])
    const messages: Message[] = []
    for (;;) {
      for (const message of splitMessages(this.#receive(0) ?? Buffer.alloc(0))) {
        if (message.sequence !== this.#sequence) continue
        const ends = message.type === NLMSG_DONE || message.type === NLMSG_ERROR
        if (ends && readStatus(message).errno !== 0) throw refusal(request, message)
        if (ends) return messages
        messages.push(message)
      }
    }
  }

  #send(messages: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(messages)
    check(send(this.fd, bytes, bytes.length, 0), {
      syscall: 'send',
      args: ['AF_NETLINK', `${messages.length} messages, ${bytes.length} bytes`],
    })
  }

  #drain(): readonly Message[] {
    const messages: Message[] = []
    for (;;) {
      const datagram = this.#receive(MSG_DONTWAIT)
      if (!datagram) return messages
      messages.push(...splitMessages(datagram))
    }
  }

  #receive(flags: number): Buffer | undefined {
    receiveBuffer ??= Buffer.alloc(NETLINK_REPLY_BYTES_MAX)
    const length = Number(recv(this.fd, receiveBuffer, receiveBuffer.length, flags))
    if (length >= 0) return receiveBuffer.subarray(0, length)
    const errno = lastErrno()
    if (errno === errnoNumber('EAGAIN')) return undefined
    if (errno === errnoNumber('EINTR')) return this.#receive(flags)
    throw kernelError(errno, { syscall: 'recv', args: ['AF_NETLINK'] })
  }
}

/** So that the kernel says when it has done it. */
export const acknowledged = (request: Request): Request => ({
  ...request,
  flags: request.flags | NLM_F_ACK,
})

function answersOf({ answers, refused }: Outcome): readonly Message[] {
  const [first] = refused
  if (first) throw first.error
  return answers
}

function refusal(request: Request, message: Message): KernelError {
  const { errno, text } = readStatus(message)
  const reason = text === undefined ? errnoText(errno) : `${errnoText(errno)}: ${text}`
  return new KernelError({
    call: `netlink(${request.what})`,
    syscall: 'netlink',
    errno,
    errnoName: errnoName(errno),
    errnoText: reason,
  })
}
