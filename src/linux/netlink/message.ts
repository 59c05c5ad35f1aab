/**
 * Netlink messages (struct nlmsghdr): writing requests, splitting replies, reading refusals.
 * netlink(7)
 */

import { align, parseAttributes, readString } from './attribute.ts'

const HEADER_BYTES = 16

/** Message flags. @see include/uapi/linux/netlink.h */
const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800

/** Types below 16 belong to netlink itself. */
export const NLMSG_NOOP = 1
export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3

const NLM_F_CAPPED = 0x100 // the refused request is not echoed
const NLM_F_ACK_TLVS = 0x200 // attributes follow
const NLMSGERR_ATTR_MSG = 1

/** A request before it has a sequence number. */
export interface Request {
  readonly type: number
  readonly flags: number
  readonly body: Uint8Array
  /** What it does, for the error: `create bridge "tsb0"`. */
  readonly what: string
}

export interface Message {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Buffer
}

export function encodeMessage(request: Request, sequence: number): Buffer {
  const length = HEADER_BYTES + request.body.length
  const bytes = Buffer.alloc(align(length))
  bytes.writeUInt32LE(length, 0)
  bytes.writeUInt16LE(request.type, 4)
  bytes.writeUInt16LE(request.flags | NLM_F_REQUEST, 6)
  bytes.writeUInt32LE(sequence, 8)
  bytes.set(request.body, HEADER_BYTES)
  return bytes
}

/** The messages of one datagram. Bodies are copies: the buffer is used again. */
export function splitMessages(datagram: Buffer): readonly Message[] {
  const messages: Message[] = []
  for (let offset = 0; offset + HEADER_BYTES <= datagram.length;) {
    const length = datagram.readUInt32LE(offset)
    if (length < HEADER_BYTES || offset + length > datagram.length) break
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      body: Buffer.from(datagram.subarray(offset + HEADER_BYTES, offset + length)),
    })
    offset += align(length)
  }
  return messages
}

/**
 * What an NLMSG_ERROR (or NLMSG_DONE) says: errno 0 is an acknowledgement; `text` is the kernel's
 * own reason.
 */
export function readStatus(message: Message): {
  readonly errno: number
  readonly text: string | undefined
} {
  const errno = message.body.length < 4 ? 0 : -message.body.readInt32LE(0)
  if (message.type !== NLMSG_ERROR || !(message.flags & NLM_F_ACK_TLVS)) {
    return { errno, text: undefined }
  }
  // struct nlmsgerr: the error, then the request's header, then its body unless capped.
  const echoed = message.flags & NLM_F_CAPPED ? HEADER_BYTES : align(message.body.readUInt32LE(4))
  const attributes = parseAttributes(message.body.subarray(4 + echoed))
  return { errno, text: readString(attributes.get(NLMSGERR_ATTR_MSG)) }
}
