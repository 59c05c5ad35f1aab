/** Addresses of interfaces over rtnetlink. rtnetlink(7) */

import { attribute, parseAttributes, readString } from './attribute.ts'
import { AF_INET, AF_INET6, addressBytes, familyOf, formatAddress } from './ip.ts'
import { NLM_F_CREATE, NLM_F_REPLACE } from './message.ts'
import type { Message, Request } from './message.ts'

/** @see include/uapi/linux/rtnetlink.h */
const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22

/** @see include/uapi/linux/if_addr.h */
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_LABEL = 3
const IFA_BROADCAST = 4
const IFA_F_NODAD = 0x02
const IFADDR_BYTES = 8 // struct ifaddrmsg

export interface InterfaceAddress {
  readonly linkIndex: number
  readonly family: 4 | 6
  readonly address: string
  readonly prefixLength: number
  /** The interface's name as IPv4 tells it; undefined for IPv6. */
  readonly label: string | undefined
}

interface AddressRequest {
  readonly linkIndex: number
  readonly address: string
  readonly prefixLength: number
}

/**
 * Gives an interface an address; the same address again is no error. An IPv6 address can be used at
 * once: nobody is asked whether another has it.
 */
export function addAddress(request: AddressRequest): Request {
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: addressBody(request),
    what: `add address ${request.address}/${request.prefixLength} to link ${request.linkIndex}`,
  }
}

export function deleteAddress(request: AddressRequest): Request {
  return {
    type: RTM_DELADDR,
    flags: 0,
    body: addressBody(request),
    what: `delete address ${request.address}/${request.prefixLength} of link ${request.linkIndex}`,
  }
}

/** Lists all addresses, or (Linux 5.0 on; before, all the same) those of one interface. */
export function listAddresses(linkIndex = 0): Request {
  const body = Buffer.alloc(IFADDR_BYTES)
  body.writeUInt32LE(linkIndex, 4)
  return { type: RTM_GETADDR, flags: 0, body, what: 'list addresses' }
}

/** All addresses among `messages`. */
export function parseAddresses(messages: readonly Message[]): readonly InterfaceAddress[] {
  return messages.filter(({ type }) => type === RTM_NEWADDR).flatMap(parseAddress)
}

function parseAddress({ body }: Message): readonly InterfaceAddress[] {
  const attributes = parseAttributes(body.subarray(IFADDR_BYTES))
  // On a point-to-point link IFA_ADDRESS is the other side; IFA_LOCAL is ours where it is present.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
  const family = body.readUInt8(0)
  if (!bytes || (family !== AF_INET && family !== AF_INET6)) return []
  return [
    {
      linkIndex: body.readUInt32LE(4),
      family: family === AF_INET ? 4 : 6,
      address: formatAddress(bytes),
      prefixLength: body.readUInt8(1),
      label: readString(attributes.get(IFA_LABEL)),
    },
  ]
}

function addressBody({ linkIndex, address, prefixLength }: AddressRequest): Buffer {
  const header = Buffer.alloc(IFADDR_BYTES)
  const family = familyOf(address)
  header.writeUInt8(family, 0)
  header.writeUInt8(prefixLength, 1)
  header.writeUInt8(family === AF_INET6 ? IFA_F_NODAD : 0, 2)
  header.writeUInt32LE(linkIndex, 4)
  const bytes = addressBytes(address)
  const attributes = [attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)]
  if (family === AF_INET && prefixLength < 31)
    attributes.push(attribute(IFA_BROADCAST, broadcast(bytes, prefixLength)))
  return Buffer.concat([header, ...attributes])
}

function broadcast(bytes: Buffer, prefixLength: number): Buffer {
  const last = Buffer.alloc(4)
  last.writeUInt32BE((bytes.readUInt32BE() | (0xffffffff >>> prefixLength)) >>> 0)
  return last
}
