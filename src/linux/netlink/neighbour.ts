/** The neighbour table (ARP entries) over rtnetlink. rtnetlink(7) */

import { attribute, parseAttributes } from './attribute.ts'
import { AF_INET, AF_INET6, addressBytes, familyOf, formatAddress } from './ip.ts'
import { NLM_F_CREATE, NLM_F_REPLACE } from './message.ts'
import type { Message, Request } from './message.ts'

/** @see include/uapi/linux/rtnetlink.h */
const RTM_NEWNEIGH = 28
const RTM_DELNEIGH = 29
const RTM_GETNEIGH = 30

/** @see include/uapi/linux/neighbour.h */
const NDA_DST = 1
const NDA_LLADDR = 2
const NUD_PERMANENT = 0x80
const NDMSG_BYTES = 12 // struct ndmsg

export interface Neighbour {
  readonly linkIndex: number
  readonly family: 4 | 6
  readonly address: string
  readonly mac: string | undefined
  /** Bits of NUD_*: 0x02 reachable, 0x80 permanent … */
  readonly state: number
}

/** Sets a permanent entry, replacing what is there. */
export function setNeighbour(request: {
  readonly linkIndex: number
  readonly address: string
  readonly mac: string
}): Request {
  const mac = Buffer.from(request.mac.replaceAll(':', ''), 'hex')
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([
      neighbourHeader(request, NUD_PERMANENT),
      attribute(NDA_DST, addressBytes(request.address)),
      attribute(NDA_LLADDR, mac),
    ]),
    what: `set neighbour ${request.address} of link ${request.linkIndex}`,
  }
}

export function deleteNeighbour(request: {
  readonly linkIndex: number
  readonly address: string
}): Request {
  return {
    type: RTM_DELNEIGH,
    flags: 0,
    body: Buffer.concat([
      neighbourHeader(request, 0),
      attribute(NDA_DST, addressBytes(request.address)),
    ]),
    what: `delete neighbour ${request.address} of link ${request.linkIndex}`,
  }
}

export function listNeighbours(): Request {
  return { type: RTM_GETNEIGH, flags: 0, body: Buffer.alloc(NDMSG_BYTES), what: 'list neighbours' }
}

/** All entries among `messages`. */
export function parseNeighbours(messages: readonly Message[]): readonly Neighbour[] {
  return messages.filter(({ type }) => type === RTM_NEWNEIGH).flatMap(parseNeighbour)
}

function parseNeighbour({ body }: Message): readonly Neighbour[] {
  const family = body.readUInt8(0)
  const attributes = parseAttributes(body.subarray(NDMSG_BYTES))
  const address = attributes.get(NDA_DST)
  if (!address || (family !== AF_INET && family !== AF_INET6)) return []
  const mac = attributes.get(NDA_LLADDR)
  return [
    {
      linkIndex: body.readInt32LE(4),
      family: family === AF_INET ? 4 : 6,
      address: formatAddress(address),
      mac: mac && [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
      state: body.readUInt16LE(8),
    },
  ]
}

function neighbourHeader(
  { linkIndex, address }: { readonly linkIndex: number; readonly address: string },
  state: number,
): Buffer {
  const header = Buffer.alloc(NDMSG_BYTES)
  header.writeUInt8(familyOf(address), 0)
  header.writeInt32LE(linkIndex, 4)
  header.writeUInt16LE(state, 8)
  return header
}
