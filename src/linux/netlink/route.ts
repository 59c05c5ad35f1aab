/** Routes over rtnetlink. rtnetlink(7) */

import { attribute, parseAttributes, u32Attribute } from './attribute.ts'
import { AF_INET, AF_INET6, addressBytes, familyOf, formatAddress } from './ip.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from './message.ts'
import type { Message, Request } from './message.ts'

/** @see include/uapi/linux/rtnetlink.h */
const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const RTM_GETROUTE = 26
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_TABLE = 15
const RTMSG_BYTES = 12 // struct rtmsg
const RT_TABLE_MAIN = 254
const RTPROT_STATIC = 4
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RTN_UNICAST = 1

export interface Route {
  readonly family: 4 | 6
  /** The zero address of its family for the default route. */
  readonly destination: string
  readonly prefixLength: number
  readonly gateway: string | undefined
  /** Index of the interface it leaves by; undefined for `blackhole`, multipath and the like. */
  readonly linkIndex: number | undefined
  /** 254: main; 255: local. */
  readonly table: number
  /** 1: unicast, 2: local, 3: broadcast … */
  readonly type: number
}

interface RouteRequest {
  /** Absent: the default route. */
  readonly destination?: string
  readonly prefixLength?: number
  readonly gateway?: string
  readonly linkIndex?: number
}

/** Adds a route to the main table; of the family of its gateway or destination. */
export function addRoute(request: RouteRequest): Request {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: routeBody(request),
    what: `add route ${describe(request)}`,
  }
}

export function deleteRoute(request: RouteRequest): Request {
  return {
    type: RTM_DELROUTE,
    flags: 0,
    body: routeBody(request),
    what: `delete route ${describe(request)}`,
  }
}

/** Lists the routes of all tables and families. */
export function listRoutes(): Request {
  return { type: RTM_GETROUTE, flags: 0, body: Buffer.alloc(RTMSG_BYTES), what: 'list routes' }
}

/** All routes among `messages`. */
export function parseRoutes(messages: readonly Message[]): readonly Route[] {
  return messages.filter(({ type }) => type === RTM_NEWROUTE).flatMap(parseRoute)
}

function parseRoute({ body }: Message): readonly Route[] {
  const family = body.readUInt8(0)
  if (family !== AF_INET && family !== AF_INET6) return []
  const attributes = parseAttributes(body.subarray(RTMSG_BYTES))
  const zero = Buffer.alloc(family === AF_INET ? 4 : 16)
  const gateway = attributes.get(RTA_GATEWAY)
  return [
    {
      family: family === AF_INET ? 4 : 6,
      destination: formatAddress(attributes.get(RTA_DST) ?? zero),
      prefixLength: body.readUInt8(1),
      gateway: gateway && formatAddress(gateway),
      linkIndex: attributes.get(RTA_OIF)?.readUInt32LE(),
      table: attributes.get(RTA_TABLE)?.readUInt32LE() ?? body.readUInt8(4),
      type: body.readUInt8(7),
    },
  ]
}

function routeBody({ destination, prefixLength, gateway, linkIndex }: RouteRequest): Buffer {
  const header = Buffer.alloc(RTMSG_BYTES)
  const family = familyOf(gateway ?? destination ?? '0.0.0.0')
  const whole = family === AF_INET ? 32 : 128
  header.writeUInt8(family, 0)
  header.writeUInt8(destination === undefined ? 0 : (prefixLength ?? whole), 1)
  header.writeUInt8(RT_TABLE_MAIN, 4)
  header.writeUInt8(RTPROT_STATIC, 5)
  header.writeUInt8(gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, 6)
  header.writeUInt8(RTN_UNICAST, 7)
  return Buffer.concat([
    header,
    ...(destination === undefined ? [] : [attribute(RTA_DST, addressBytes(destination))]),
    ...(gateway === undefined ? [] : [attribute(RTA_GATEWAY, addressBytes(gateway))]),
    ...(linkIndex === undefined ? [] : [u32Attribute(RTA_OIF, linkIndex)]),
  ])
}

function describe({ destination, prefixLength, gateway, linkIndex }: RouteRequest): string {
  const target = destination === undefined ? 'default' : `${destination}/${prefixLength ?? 32}`
  const via = gateway === undefined ? '' : ` via ${gateway}`
  return `${target}${via}${linkIndex === undefined ? '' : ` by link ${linkIndex}`}`
}
