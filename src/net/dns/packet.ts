/**
 * DNS messages as this server needs them: one question in, a few records out. dns-packet reads and
 * writes them; what is passed on to others goes byte by byte. RFC 1035, EDNS: RFC 6891.
 */

import {
  AUTHORITATIVE_ANSWER,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  decode,
  encode,
  encodingLength,
  type DecodedPacket,
  type OptAnswer,
  type Packet,
  type StringAnswer,
} from 'dns-packet'

export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const

const HEADER_BYTES = 12
/** Where a header counts the sections behind the question: answers, authorities, additionals. */
const ANSWER_COUNTS = { start: 6, end: HEADER_BYTES }
const LABEL_BYTES_MAX = 63
const NAME_BYTES_MAX = 255
const UDP_BYTES_MIN = 512
/**
 * What this server says it takes; larger answers are fragmented on some networks (DNS flag day
 * 2020).
 */
const UDP_BYTES_OFFERED = 1232

export interface Query {
  readonly id: number
  readonly opcode: number
  readonly recursionDesired: boolean
  /** Name, type and class as they came, for the answer to repeat letter by letter. */
  readonly question: Buffer
  /** Without the last dot; capitals as they came. */
  readonly name: string
  /** `A`, `AAAA`, `PTR`, `ANY`, `UNKNOWN_65` and so on. */
  readonly type: string
  /** `IN`, `CH` and so on. */
  readonly class: string
  /** Bytes of an answer by udp; undefined when the asker does not speak EDNS. */
  readonly udpBytesMax: number | undefined
}

/** About the name that was asked for. */
export interface ResourceRecord {
  readonly type: 'A' | 'AAAA' | 'PTR'
  /** An address, or a name. */
  readonly data: string
}

/**
 * Reads a question. Undefined for what is none and deserves no answer; `broken` for what deserves
 * FORMERR.
 */
export function parseQuery(
  message: Buffer,
): Query | { readonly broken: true; readonly id: number } | undefined {
  if (message.length < HEADER_BYTES || message.readUInt8(2) & 0x80) return undefined
  const head = readHead(message)
  if (!head) return { broken: true, id: message.readUInt16BE(0) }
  const { packet, question } = head
  const [{ name, type, class: family = 'IN' } = { name: '', type: '' }] = packet.questions ?? []
  const flags = packet.flags ?? 0
  return {
    id: packet.id ?? 0,
    opcode: (flags >> 11) & 0xf,
    recursionDesired: packet.flag_rd,
    question,
    name: name === '.' ? '' : name,
    type,
    class: family,
    udpBytesMax: findEdns(message, HEADER_BYTES + question.length),
  }
}

/**
 * Writes an answer; of one that is too long for `bytesMax` come the records that fit, with the
 * advice to ask by tcp.
 */
export function encodeAnswer(
  query: Query,
  answer: {
    readonly rcode: number
    readonly records?: readonly ResourceRecord[]
    readonly authoritative: boolean
    readonly bytesMax: number
  },
): Buffer {
  const additionals = query.udpBytesMax === undefined ? [] : [EDNS]
  const flags =
    RECURSION_AVAILABLE |
    (query.opcode << 11) |
    (query.recursionDesired ? RECURSION_DESIRED : 0) |
    (answer.authoritative ? AUTHORITATIVE_ANSWER : 0) |
    answer.rcode
  const bytesLeft = answer.bytesMax - query.question.length - encodingLength({ additionals })
  const records = (answer.records ?? []).map((record) => recordOf(query, record))
  const answers = thoseThatFit(records, bytesLeft)
  const isCut = answers.length < records.length
  return encodeWith(query.question, {
    type: 'response',
    id: query.id,
    flags: isCut ? flags | TRUNCATED_RESPONSE : flags,
    answers,
    additionals,
  })
}

/** FORMERR to a message of which nothing but the id could be read. */
export function encodeFormatError(id: number): Buffer {
  return encode({ type: 'response', id, flags: RCODE.formatError })
}

/** Longest answer that `query` takes by udp. */
export function udpBytesMax(query: Query): number {
  const offered = query.udpBytesMax ?? UDP_BYTES_MIN
  return Math.min(Math.max(offered, UDP_BYTES_MIN), UDP_BYTES_OFFERED)
}

/** True when `name` can be written into a message. */
export function isEncodable(name: string): boolean {
  const labels = name.split('.').map((label) => Buffer.byteLength(label))
  return (
    labels.every((bytes) => bytes > 0 && bytes <= LABEL_BYTES_MAX) &&
    encodingLength({ questions: [{ name, type: 'A' }] }) - HEADER_BYTES - 4 <= NAME_BYTES_MAX
  )
}

/**
 * True when `message` is an answer to the question `query`: same id, same question, capitals
 * aside.
 */
export function isAnswerTo(message: Buffer, id: number, query: Query): boolean {
  const head = readHead(message)
  return (
    head !== undefined &&
    head.packet.id === id &&
    head.packet.type === 'response' &&
    lowerCase(head.question).equals(lowerCase(query.question))
  )
}

/** Of a message that {@link isAnswerTo} has seen. */
export function rcodeOf(message: Buffer): number {
  return message.readUInt16BE(2) & 0xf
}

/**
 * Header and question; undefined: there is not exactly one question, or it cannot be read. Nothing
 * behind it is looked at: a message of 64 KiB with thousands of records, each a pointer to the one
 * before, would keep dns-packet busy for a second.
 */
function readHead(
  message: Buffer,
): { readonly packet: DecodedPacket; readonly question: Buffer } | undefined {
  if (message.length < HEADER_BYTES || message.readUInt16BE(4) !== 1) return undefined
  // A name has 255 bytes, type and class 4: no more is copied of a long answer.
  const head = Buffer.from(message.subarray(0, HEADER_BYTES + NAME_BYTES_MAX + 4))
  head.fill(0, ANSWER_COUNTS.start, ANSWER_COUNTS.end)
  const packet = decodeSafely(head)
  return packet && { packet, question: message.subarray(HEADER_BYTES, decode.bytes) }
}

/**
 * Size in the OPT record, which in a question stands right behind it, as all other sections are
 * empty. Undefined as well for one that cannot be read: who is asked further may understand it.
 */
function findEdns(message: Buffer, end: number): number | undefined {
  const hasOthers = message.readUInt32BE(ANSWER_COUNTS.start) !== 0
  const isOpt = message.subarray(end, end + OPT_START.length).equals(OPT_START)
  if (hasOthers || message.readUInt16BE(10) === 0 || !isOpt) return undefined
  const alone = Buffer.concat([ONE_ADDITIONAL, message.subarray(end)])
  const [record] = decodeSafely(alone)?.additionals ?? []
  return record?.type === 'OPT' ? record.udpPayloadSize : undefined
}

/** Name (root) and type of an OPT record. */
const OPT_START = Buffer.of(0, 0, 41)
const ONE_ADDITIONAL = Buffer.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

/** Undefined for what dns-packet cannot read: it throws errors of many kinds. */
function decodeSafely(message: Buffer): DecodedPacket | undefined {
  try {
    return decode(message)
  } catch {
    return undefined
  }
}

/** TTL 0: addresses of containers change, and nobody shall remember them. */
function recordOf(query: Query, { type, data }: ResourceRecord): StringAnswer {
  return { name: query.name, type, ttl: 0, data }
}

const EDNS = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: UDP_BYTES_OFFERED,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
} as const satisfies OptAnswer

function thoseThatFit(records: readonly StringAnswer[], bytesMax: number): StringAnswer[] {
  let bytes = 0
  return records.filter((record) => {
    bytes += encodingLength({ answers: [record] }) - HEADER_BYTES
    return bytes <= bytesMax
  })
}

/** The question goes in as it came: dns-packet would write odd letters and classes anew. */
function encodeWith(question: Buffer, packet: Packet): Buffer {
  const encoded = encode(packet)
  encoded.writeUInt16BE(1, 4)
  const header = encoded.subarray(0, HEADER_BYTES)
  return Buffer.concat([header, question, encoded.subarray(HEADER_BYTES)])
}

function lowerCase(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').toLowerCase(), 'latin1')
}
