/** Sets and maps of nf_tables, and their elements as raw bytes. */

import {
  attribute,
  be32Attribute,
  listAttributes,
  nested,
  parseAttributes,
  readString,
  stringAttribute,
} from '../attribute.ts'
import { addressBytes, formatAddress } from '../ip.ts'
import { NLM_F_CREATE } from '../message.ts'
import type { Message, Request } from '../message.ts'
import { nftBodies, nftRequest, splitTable } from './batch.ts'
import { commentAttribute, readComment } from './comment.ts'

/** @see include/uapi/linux/netfilter/nf_tables.h */
const NFT_MSG_NEWSET = 9
const NFT_MSG_GETSET = 10
const NFT_MSG_NEWSETELEM = 12
const NFT_MSG_GETSETELEM = 13
const NFT_MSG_DELSETELEM = 14

const NFTA_SET_TABLE = 1
const NFTA_SET_NAME = 2
const NFTA_SET_FLAGS = 3
const NFTA_SET_KEY_TYPE = 4
const NFTA_SET_KEY_LEN = 5
const NFTA_SET_DATA_TYPE = 6
const NFTA_SET_DATA_LEN = 7
const NFTA_SET_ID = 10
const NFTA_SET_USERDATA = 13
const NFT_SET_INTERVAL = 0x4
const NFT_SET_MAP = 0x8

const NFTA_SET_ELEM_LIST_TABLE = 1
const NFTA_SET_ELEM_LIST_SET = 2
const NFTA_SET_ELEM_LIST_ELEMENTS = 3
const NFTA_LIST_ELEM = 1
const NFTA_SET_ELEM_KEY = 1
const NFTA_SET_ELEM_DATA = 2
const NFTA_SET_ELEM_FLAGS = 3
const NFT_SET_ELEM_INTERVAL_END = 1
const NFTA_SET_ELEM_USERDATA = 6
const NFTA_DATA_VALUE = 1

/**
 * The types of nft's own language, so that `nft list` can print elements, and their length in
 * bytes. The kernel does not look at the numbers. @see nftables, include/datatype.h
 */
const TYPES = {
  ipv4_addr: { number: 7, bytes: 4 },
  ipv6_addr: { number: 8, bytes: 16 },
  inet_proto: { number: 12, bytes: 1 },
  inet_service: { number: 13, bytes: 2 },
  /** A number in the machine's order. */
  mark: { number: 19, bytes: 4 },
  ifname: { number: 41, bytes: 16 },
} as const
const TYPE_BITS = 6

export type SetType = keyof typeof TYPES

export interface SetDefinition {
  readonly table: string
  readonly name: string
  readonly key: readonly SetType[]
  /** Present: a map from key to data. */
  readonly data?: readonly SetType[]
  /**
   * True: the elements are boundaries; from one to the next that is an `end`, every key is in the
   * set.
   */
  readonly interval?: boolean
}

/** One field of a key or datum: text for names and addresses, a number for protocols and ports. */
export type ElementValue = string | number

export interface SetElement {
  readonly key: readonly ElementValue[]
  readonly data?: readonly ElementValue[]
  readonly comment?: string | undefined
  /** Of an interval set: the first key that is outside again. The kernel allows it no comment. */
  readonly end?: boolean
}

/** Numbers of sets within a batch only have to differ. */
let nextSetId = 1

export function addSet(set: SetDefinition): Request {
  const data = set.data
  const { family, name } = splitTable(set.table)
  return nftRequest({
    message: NFT_MSG_NEWSET,
    family,
    flags: NLM_F_CREATE,
    attributes: [
      stringAttribute(NFTA_SET_TABLE, name),
      stringAttribute(NFTA_SET_NAME, set.name),
      be32Attribute(
        NFTA_SET_FLAGS,
        (data ? NFT_SET_MAP : 0) | (set.interval === true ? NFT_SET_INTERVAL : 0),
      ),
      be32Attribute(NFTA_SET_KEY_TYPE, typeNumber(set.key)),
      be32Attribute(NFTA_SET_KEY_LEN, paddedBytes(set.key)),
      ...(data
        ? [
            be32Attribute(NFTA_SET_DATA_TYPE, typeNumber(data)),
            be32Attribute(NFTA_SET_DATA_LEN, paddedBytes(data)),
          ]
        : []),
      be32Attribute(NFTA_SET_ID, nextSetId++),
      attribute(NFTA_SET_USERDATA, byteOrders(set)),
    ],
    what: `add ${data ? 'map' : 'set'} "${set.name}" to table "${set.table}"`,
  })
}

/**
 * Adds elements; one that is there with the same data is no error, with other data it is EEXIST.
 */
export function addElements(set: SetDefinition, elements: readonly SetElement[]): Request {
  return elementRequest(NFT_MSG_NEWSETELEM, set, elements)
}

/** Deletes elements by key; one that is not there is ENOENT. */
export function deleteElements(set: SetDefinition, elements: readonly SetElement[]): Request {
  return elementRequest(
    NFT_MSG_DELSETELEM,
    set,
    elements.map(({ key, end }) => ({ key, ...(end === undefined ? {} : { end }) })),
  )
}

export function listElements(set: SetDefinition): Request {
  const { family, name } = splitTable(set.table)
  return nftRequest({
    message: NFT_MSG_GETSETELEM,
    family,
    attributes: [
      stringAttribute(NFTA_SET_ELEM_LIST_TABLE, name),
      stringAttribute(NFTA_SET_ELEM_LIST_SET, set.name),
    ],
    what: `list elements of "${set.name}" in table "${set.table}"`,
  })
}

/** All elements of `set` among `messages`. */
export function parseElements(
  set: SetDefinition,
  messages: readonly Message[],
): readonly SetElement[] {
  return nftBodies(messages, NFT_MSG_NEWSETELEM).flatMap(({ body }) => {
    const list = parseAttributes(body).get(NFTA_SET_ELEM_LIST_ELEMENTS)
    return list ? listAttributes(list).map(({ value }) => parseElement(set, value)) : []
  })
}

/** Lists the names of the sets and maps of `table`. */
export function listSets(table: string): Request {
  const { family, name } = splitTable(table)
  return nftRequest({
    message: NFT_MSG_GETSET,
    family,
    attributes: [stringAttribute(NFTA_SET_TABLE, name)],
    what: `list sets of table "${table}"`,
  })
}

export function parseSetNames(messages: readonly Message[]): readonly string[] {
  return nftBodies(messages, NFT_MSG_NEWSET).map(
    ({ body }) => readString(parseAttributes(body).get(NFTA_SET_NAME)) ?? '',
  )
}

function elementRequest(
  message: number,
  set: SetDefinition,
  elements: readonly SetElement[],
): Request {
  const verb = message === NFT_MSG_NEWSETELEM ? 'add' : 'delete'
  const { family, name } = splitTable(set.table)
  return nftRequest({
    message,
    family,
    flags: message === NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
    attributes: [
      stringAttribute(NFTA_SET_ELEM_LIST_TABLE, name),
      stringAttribute(NFTA_SET_ELEM_LIST_SET, set.name),
      nested(NFTA_SET_ELEM_LIST_ELEMENTS, ...elements.map((one) => encodeElement(set, one))),
    ],
    what: `${verb} ${elements.map(({ key }) => key.join(' . ')).join(', ')} in "${set.name}"`,
  })
}

function encodeElement(set: SetDefinition, element: SetElement): Buffer {
  const { data, comment } = element
  return nested(
    NFTA_LIST_ELEM,
    valueAttribute(NFTA_SET_ELEM_KEY, set.key, element.key),
    ...(data && set.data ? [valueAttribute(NFTA_SET_ELEM_DATA, set.data, data)] : []),
    ...(element.end === true
      ? [be32Attribute(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END)]
      : []),
    ...(comment === undefined ? [] : [commentAttribute(NFTA_SET_ELEM_USERDATA, comment)]),
  )
}

function valueAttribute(
  type: number,
  types: readonly SetType[],
  values: readonly ElementValue[],
): Buffer {
  return nested(type, attribute(NFTA_DATA_VALUE, encodeValues(types, values)))
}

function parseElement(set: SetDefinition, bytes: Buffer): SetElement {
  const attributes = parseAttributes(bytes)
  const read = (type: number, types: readonly SetType[]): readonly ElementValue[] => {
    const value = attributes.get(type)
    const raw = value && parseAttributes(value).get(NFTA_DATA_VALUE)
    return raw ? decodeValues(types, raw) : []
  }
  const comment = readComment(attributes.get(NFTA_SET_ELEM_USERDATA))
  const flags = attributes.get(NFTA_SET_ELEM_FLAGS)?.readUInt32BE() ?? 0
  return {
    key: read(NFTA_SET_ELEM_KEY, set.key),
    ...(set.data ? { data: read(NFTA_SET_ELEM_DATA, set.data) } : {}),
    ...(comment === undefined ? {} : { comment }),
    ...(flags & NFT_SET_ELEM_INTERVAL_END ? { end: true } : {}),
  }
}

/** Fields one after the other, each padded to the four bytes of a register. */
function encodeValues(types: readonly SetType[], values: readonly ElementValue[]): Buffer {
  return Buffer.concat(types.map((type, index) => encodeValue(type, values[index] ?? 0)))
}

function encodeValue(type: SetType, value: ElementValue): Buffer {
  const bytes = Buffer.alloc((TYPES[type].bytes + 3) & ~3)
  if (type === 'ifname') bytes.write(String(value))
  else if (type === 'ipv4_addr' || type === 'ipv6_addr') bytes.set(addressBytes(String(value)))
  else if (type === 'mark') bytes.writeUInt32LE(Number(value))
  else bytes.writeUIntBE(Number(value), 0, TYPES[type].bytes)
  return bytes
}

function decodeValues(types: readonly SetType[], raw: Buffer): readonly ElementValue[] {
  let offset = 0
  return types.map((type) => {
    const bytes = raw.subarray(offset, offset + TYPES[type].bytes)
    offset += (TYPES[type].bytes + 3) & ~3
    if (type === 'ifname') return readString(bytes) ?? ''
    if (type === 'ipv4_addr' || type === 'ipv6_addr') return formatAddress(bytes)
    if (type === 'mark') return bytes.readUInt32LE(0)
    return bytes.readUIntBE(0, bytes.length)
  })
}

function paddedBytes(types: readonly SetType[]): number {
  return types.reduce((sum, type) => sum + ((TYPES[type].bytes + 3) & ~3), 0)
}

/**
 * For `nft list`, which prints nothing for names otherwise. libnftnl, enum nftnl_udata_set_types
 */
function byteOrders({ key, data }: SetDefinition): Buffer {
  const HOST = 1
  const NETWORK = 2
  return Buffer.concat(
    [key, ...(data ? [data] : [])].flatMap((types, index) => [
      Buffer.of(index, 4),
      Buffer.of(
        types.length === 1 && (types[0] === 'ifname' || types[0] === 'mark') ? HOST : NETWORK,
        0,
        0,
        0,
      ),
    ]),
  )
}

function typeNumber(types: readonly SetType[]): number {
  return types.reduce((sum, type) => (sum << TYPE_BITS) | TYPES[type].number, 0)
}
