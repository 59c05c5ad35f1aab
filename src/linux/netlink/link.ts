/**
 * Network interfaces over rtnetlink: bridges, veth pairs, their names, masters and states.
 * rtnetlink(7)
 */

import {
  attribute,
  nested,
  parseAttributes,
  readString,
  stringAttribute,
  u16Attribute,
  u32Attribute,
  u8Attribute,
} from './attribute.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from './message.ts'
import type { Message, Request } from './message.ts'

/** @see include/uapi/linux/rtnetlink.h */
const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18

/** @see include/uapi/linux/if_link.h */
const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  linkInfo: 18,
  alias: 20,
  afSpec: 26,
  group: 27,
  netnsFd: 28,
  transmitQueues: 31,
  receiveQueues: 32,
} as const
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_INFO_SLAVE_DATA = 5
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_ISOLATED = 33
const IFLA_MACVLAN_MODE = 1
const IFLA_IPVLAN_MODE = 1
const IFLA_IPVLAN_FLAGS = 2
const IFLA_VLAN_ID = 1
const VETH_INFO_PEER = 1 // include/uapi/linux/veth.h
const AF_UNSPEC = 0
const AF_INET6 = 10
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1
const IFF_UP = 0x1
const IFINFO_BYTES = 16 // struct ifinfomsg

/** What can be said of an interface when it is made or changed. Only what is present is changed. */
export interface LinkSettings {
  readonly up?: boolean
  /** Index of the bridge it belongs to; 0 takes it out. */
  readonly master?: number
  readonly mtu?: number
  /** `02:42:0a:59:00:02` */
  readonly mac?: string
}

/** The kernel takes these only for a link that exists. */
export interface LinkChanges extends LinkSettings {
  /** At most 255 bytes. */
  readonly alias?: string
  /**
   * False: no IPv6 link-local address comes by itself. To be said before the link goes up, in a
   * message of its own (the kernel looks at `up` first). EAFNOSUPPORT where IPv6 is switched off.
   */
  readonly ipv6LinkLocal?: boolean
  /** A number that several links share, for {@link deleteLinkGroup}. 0: none. */
  readonly group?: number
  /** Of a bridge's port: frames may leave by the port they came from. */
  readonly hairpin?: boolean
  /** Of a bridge's port: no frames to and from other isolated ports. */
  readonly isolated?: boolean
}

/** `up` is no part of it: the kernel opens a peer only once both ends exist (ENOTCONN). */
export interface VethPeer extends Omit<LinkSettings, 'up'> {
  readonly name: string
  /** Descriptor of the network namespace the peer is born in; absent: the socket's own. */
  readonly netnsFd?: number
}

export interface Link {
  readonly index: number
  readonly name: string
  readonly up: boolean
  readonly mtu: number
  readonly mac: string | undefined
  readonly alias: string | undefined
  /** Index of the bridge it belongs to; 0: none. */
  readonly master: number
  /** `bridge`, `veth` …; undefined for a real device. */
  readonly kind: string | undefined
}

/** Which interface a request is about. */
export type LinkKey = { readonly name: string } | { readonly index: number }

export function createBridge(name: string, settings: LinkSettings = {}): Request {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([
      linkHeader({ name }, settings),
      stringAttribute(IFLA.name, name),
      ...settingAttributes(settings),
      nested(IFLA.linkInfo, stringAttribute(IFLA_INFO_KIND, 'bridge')),
    ]),
    what: `create bridge "${name}"`,
  }
}

/** Makes both ends at once, the peer already in its namespace: no name of it ever appears here. */
export function createVeth(name: string, settings: LinkSettings, peer: VethPeer): Request {
  const peerMessage = [
    linkHeader({ name: peer.name }, peer),
    stringAttribute(IFLA.name, peer.name),
    ...ONE_QUEUE,
    ...settingAttributes(peer),
    ...(peer.netnsFd === undefined ? [] : [u32Attribute(IFLA.netnsFd, peer.netnsFd)]),
  ]
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([
      linkHeader({ name }, settings),
      stringAttribute(IFLA.name, name),
      ...ONE_QUEUE,
      ...settingAttributes(settings),
      nested(
        IFLA.linkInfo,
        stringAttribute(IFLA_INFO_KIND, 'veth'),
        nested(IFLA_INFO_DATA, nested(VETH_INFO_PEER, ...peerMessage)),
      ),
    ]),
    what: `create veth "${name}" with peer "${peer.name}"`,
  }
}

/**
 * Both ends use one, as by default; but then each has one for every processor, and waits for all
 * who might use another before it is made (synchronize_rcu of netif_set_real_num_tx_queues).
 */
const ONE_QUEUE: readonly Buffer[] = [
  u32Attribute(IFLA.transmitQueues, 1),
  u32Attribute(IFLA.receiveQueues, 1),
]

/** How an interface shares that of the machine it is made on. @see include/uapi/linux/if_link.h */
export type Shared =
  | { readonly kind: 'macvlan'; readonly mode: keyof typeof MACVLAN_MODES }
  | {
      readonly kind: 'ipvlan'
      readonly mode: keyof typeof IPVLAN_MODES
      readonly flag: keyof typeof IPVLAN_FLAGS
    }
  | { readonly kind: 'vlan'; readonly id: number }

const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const
const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const
const IPVLAN_FLAGS = { bridge: 0, private: 1, vepa: 2 } as const

/** Makes an interface on top of `parent` (an index), in the namespace `netnsFd` or here. */
export function createShared(
  name: string,
  shared: Shared,
  place: LinkSettings & { readonly parent: number; readonly netnsFd?: number },
): Request {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([
      linkHeader({ name }, place),
      stringAttribute(IFLA.name, name),
      ...settingAttributes(place),
      u32Attribute(IFLA.link, place.parent),
      ...(place.netnsFd === undefined ? [] : [u32Attribute(IFLA.netnsFd, place.netnsFd)]),
      nested(
        IFLA.linkInfo,
        stringAttribute(IFLA_INFO_KIND, shared.kind),
        nested(IFLA_INFO_DATA, ...sharedData(shared)),
      ),
    ]),
    what: `create ${shared.kind} "${name}" on link ${place.parent}`,
  }
}

function sharedData(shared: Shared): readonly Buffer[] {
  switch (shared.kind) {
    case 'macvlan':
      return [u32Attribute(IFLA_MACVLAN_MODE, MACVLAN_MODES[shared.mode])]
    case 'ipvlan':
      return [
        u16Attribute(IFLA_IPVLAN_MODE, IPVLAN_MODES[shared.mode]),
        u16Attribute(IFLA_IPVLAN_FLAGS, IPVLAN_FLAGS[shared.flag]),
      ]
    case 'vlan':
      return [u16Attribute(IFLA_VLAN_ID, shared.id)]
  }
}

export function setLink(key: LinkKey, settings: LinkChanges): Request {
  return {
    type: RTM_NEWLINK,
    flags: 0,
    body: Buffer.concat([
      linkHeader(key, settings),
      ...keyAttributes(key),
      ...settingAttributes(settings),
      ...(settings.alias === undefined ? [] : [attribute(IFLA.alias, Buffer.from(settings.alias))]),
      ...(settings.ipv6LinkLocal === false ? [noLinkLocalAddress()] : []),
      ...(settings.group === undefined ? [] : [u32Attribute(IFLA.group, settings.group)]),
      ...portSettings(settings),
    ]),
    what: `change link ${describe(key)}`,
  }
}

export function deleteLink(key: LinkKey): Request {
  return {
    type: RTM_DELLINK,
    flags: 0,
    body: Buffer.concat([linkHeader(key, {}), ...keyAttributes(key)]),
    what: `delete link ${describe(key)}`,
  }
}

/**
 * Deletes all links of a group at once. One by one each waits for the processors to have forgotten
 * it (some 10 ms); together they wait once. ENODEV when there is none.
 */
export function deleteLinkGroup(group: number): Request {
  return {
    type: RTM_DELLINK,
    flags: 0,
    body: Buffer.concat([linkHeader({ index: 0 }, {}), u32Attribute(IFLA.group, group)]),
    what: `delete links of group ${group}`,
  }
}

export function getLink(key: LinkKey): Request {
  return {
    type: RTM_GETLINK,
    flags: 0,
    body: Buffer.concat([linkHeader(key, {}), ...keyAttributes(key)]),
    what: `look up link ${describe(key)}`,
  }
}

export function listLinks(): Request {
  return { type: RTM_GETLINK, flags: 0, body: Buffer.alloc(IFINFO_BYTES), what: 'list links' }
}

/** Reads an RTM_NEWLINK message. */
export function parseLink(message: Message): Link {
  const attributes = parseAttributes(message.body.subarray(IFINFO_BYTES))
  const mac = attributes.get(IFLA.address)
  const info = attributes.get(IFLA.linkInfo)
  return {
    index: message.body.readInt32LE(4),
    name: readString(attributes.get(IFLA.name)) ?? '',
    up: (message.body.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA.mtu)?.readUInt32LE() ?? 0,
    mac: mac?.length === 6 ? formatMac(mac) : undefined,
    alias: readString(attributes.get(IFLA.alias)),
    master: attributes.get(IFLA.master)?.readUInt32LE() ?? 0,
    kind: info && readString(parseAttributes(info).get(IFLA_INFO_KIND)),
  }
}

/** All links among `messages`. */
export function parseLinks(messages: readonly Message[]): readonly Link[] {
  return messages.filter(({ type }) => type === RTM_NEWLINK).map(parseLink)
}

/**
 * Names of the links that `messages` tell the end of; a port that only leaves its bridge has the
 * family AF_BRIDGE.
 */
export function parseDeletedLinks(messages: readonly Message[]): readonly string[] {
  return messages
    .filter(({ type, body }) => type === RTM_DELLINK && body.readUInt8(0) === AF_UNSPEC)
    .map((message) => parseLink(message).name)
}

function linkHeader(key: LinkKey, settings: LinkSettings): Buffer {
  const header = Buffer.alloc(IFINFO_BYTES)
  if ('index' in key) header.writeInt32LE(key.index, 4)
  if (settings.up === undefined) return header
  header.writeUInt32LE(settings.up ? IFF_UP : 0, 8)
  header.writeUInt32LE(IFF_UP, 12)
  return header
}

function keyAttributes(key: LinkKey): readonly Buffer[] {
  return 'name' in key ? [stringAttribute(IFLA.name, key.name)] : []
}

function settingAttributes(settings: LinkSettings): readonly Buffer[] {
  const { master, mtu, mac } = settings
  return [
    ...(mac === undefined ? [] : [attribute(IFLA.address, parseMac(mac))]),
    ...(mtu === undefined ? [] : [u32Attribute(IFLA.mtu, mtu)]),
    ...(master === undefined ? [] : [u32Attribute(IFLA.master, master)]),
  ]
}

function noLinkLocalAddress(): Buffer {
  const mode = u8Attribute(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)
  return nested(IFLA.afSpec, nested(AF_INET6, mode))
}

function portSettings({ hairpin, isolated }: LinkChanges): readonly Buffer[] {
  const data = [
    ...(hairpin === undefined ? [] : [u8Attribute(IFLA_BRPORT_MODE, hairpin ? 1 : 0)]),
    ...(isolated === undefined ? [] : [u8Attribute(IFLA_BRPORT_ISOLATED, isolated ? 1 : 0)]),
  ]
  if (data.length === 0) return []
  return [
    nested(
      IFLA.linkInfo,
      stringAttribute(IFLA_INFO_SLAVE_KIND, 'bridge'),
      nested(IFLA_INFO_SLAVE_DATA, ...data),
    ),
  ]
}

function describe(key: LinkKey): string {
  return 'name' in key ? `"${key.name}"` : `number ${key.index}`
}

function parseMac(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex')
}

function formatMac(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
