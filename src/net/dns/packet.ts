/**
 * The part of DNS messages that this server reads and writes itself: one question in, a few
 * records out. Everything else is passed on byte by byte. RFC 1035, EDNS: RFC 6891.
 */

export const TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const
export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const
export const CLASS_INTERNET = 1

const HEADER_BYTES = 12
const NAME_BYTES_MAX = 255
const LABEL_BYTES_MAX = 63
const UDP_BYTES_MIN = 512
/**
 * What this server says it takes; larger answers are fragmented on some networks (DNS flag day
 * 2020).
 */
const UDP_BYTES_OFFERED = 1232
const FLAG_RESPONSE = 0x8000
const FLAG_AUTHORITATIVE = 0x0400
const FLAG_TRUNCATED = 0x0200
const FLAG_RECURSION_DESIRED = 0x0100
const FLAG_RECURSION_AVAILABLE = 0x0080
/** A compressed name: the one that starts behind the header, which is the question's. */
const POINTER_TO_QUESTION = Buffer.of(0xc0, HEADER_BYTES)

export interface Query {
  readonly id: number
  readonly opcode: number
  readonly recursionDesired: boolean
  /** Name, type and class as they came, for the answer to repeat letter by letter. */
  readonly question: Buffer
  /** Without the last dot; capitals as they came. */
  readonly name: string
  readonly type: number
  readonly class: number
  /** Bytes of an answer by udp; undefined when the asker does not speak EDNS. */
  readonly udpBytesMax: number | undefined
}

export interface ResourceRecord {
  readonly type: number
  readonly data: Buffer
}

/**
 * Reads a question. Undefined for what is none and deserves no answer; `broken` for what deserves
 * FORMERR.
 */
export function parseQuery(
  message: Buffer,
): Query | { readonly broken: true; readonly id: number } | undefined {
  if (message.length < HEADER_BYTES) return undefined
  const id = message.readUInt16BE(0)
  const flags = message.readUInt16BE(2)
  if (flags & FLAG_RESPONSE) return undefined
  const name = readName(message, HEADER_BYTES)
  if (message.readUInt16BE(4) !== 1 || !name || name.end + 4 > message.length) {
    return { broken: true, id }
  }
  const end = name.end + 4
  return {
    id,
    opcode: (flags >> 11) & 0xf,
    recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
    question: message.subarray(HEADER_BYTES, end),
    name: name.text,
    type: message.readUInt16BE(name.end),
    class: message.readUInt16BE(name.end + 2),
    udpBytesMax: findEdns(message, end),
  }
}

/**
 * Writes an answer; one that is too long for `bytesMax` comes empty, with the advice to ask by
 * tcp.
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
  const records = answer.records ?? []
  const edns = query.udpBytesMax === undefined ? [] : [encodeEdns()]
  const flags =
    FLAG_RESPONSE |
    FLAG_RECURSION_AVAILABLE |
    (query.opcode << 11) |
    (query.recursionDesired ? FLAG_RECURSION_DESIRED : 0) |
    (answer.authoritative ? FLAG_AUTHORITATIVE : 0) |
    answer.rcode
  const body = [query.question, ...records.map(encodeRecord), ...edns]
  const message = Buffer.concat([
    encodeHeader({
      id: query.id,
      flags,
      questions: 1,
      answers: records.length,
      additional: edns.length,
    }),
    ...body,
  ])
  if (message.length <= answer.bytesMax) return message
  const header = { id: query.id, flags: flags | FLAG_TRUNCATED, questions: 1, answers: 0 }
  return Buffer.concat([
    encodeHeader({ ...header, additional: edns.length }),
    query.question,
    ...edns,
  ])
}

/** FORMERR to a message of which nothing but the id could be read. */
export function encodeFormatError(id: number): Buffer {
  const flags = FLAG_RESPONSE | RCODE.formatError
  return encodeHeader({ id, flags, questions: 0, answers: 0, additional: 0 })
}

/** Longest answer that `query` takes by udp. */
export function udpBytesMax(query: Query): number {
  const offered = query.udpBytesMax ?? UDP_BYTES_MIN
  return Math.min(Math.max(offered, UDP_BYTES_MIN), UDP_BYTES_OFFERED)
}

export function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label).subarray(0, LABEL_BYTES_MAX))
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.of(label.length), label]),
    Buffer.of(0),
  ])
}

/**
 * True when `message` is an answer to the question `query`: same id, same question, capitals
 * aside.
 */
export function isAnswerTo(message: Buffer, id: number, query: Query): boolean {
  if (message.length < HEADER_BYTES + query.question.length) return false
  const question = message.subarray(HEADER_BYTES, HEADER_BYTES + query.question.length)
  return (
    message.readUInt16BE(0) === id &&
    (message.readUInt16BE(2) & FLAG_RESPONSE) !== 0 &&
    message.readUInt16BE(4) === 1 &&
    lowerCase(question).equals(lowerCase(query.question))
  )
}

export function rcodeOf(message: Buffer): number {
  return message.readUInt16BE(2) & 0xf
}

function readName(
  message: Buffer,
  start: number,
): { readonly text: string; readonly end: number } | undefined {
  const labels: string[] = []
  for (let offset = start; offset < message.length && offset - start < NAME_BYTES_MAX;) {
    const length = message.readUInt8(offset)
    if (length === 0) return { text: labels.join('.'), end: offset + 1 }
    // No compression in the first name of a message: there is nothing before it to point at.
    if (length > LABEL_BYTES_MAX || offset + 1 + length > message.length) return undefined
    labels.push(message.toString('latin1', offset + 1, offset + 1 + length))
    offset += 1 + length
  }
  return undefined
}

/**
 * Size in the OPT record, which in a question stands right behind it, as all other sections are
 * empty.
 */
function findEdns(message: Buffer, offset: number): number | undefined {
  const hasOthers = message.readUInt16BE(6) !== 0 || message.readUInt16BE(8) !== 0
  if (hasOthers || message.readUInt16BE(10) === 0 || offset + 11 > message.length) return undefined
  const isOpt = message.readUInt8(offset) === 0 && message.readUInt16BE(offset + 1) === TYPE.OPT
  return isOpt ? message.readUInt16BE(offset + 3) : undefined
}

function encodeHeader(header: {
  readonly id: number
  readonly flags: number
  readonly questions: number
  readonly answers: number
  readonly additional: number
}): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.writeUInt16BE(header.id, 0)
  bytes.writeUInt16BE(header.flags, 2)
  bytes.writeUInt16BE(header.questions, 4)
  bytes.writeUInt16BE(header.answers, 6)
  bytes.writeUInt16BE(header.additional, 10)
  return bytes
}

/** TTL 0: addresses of containers change, and nobody shall remember them. */
function encodeRecord({ type, data }: ResourceRecord): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(CLASS_INTERNET, 2)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([POINTER_TO_QUESTION, fixed, data])
}

function encodeEdns(): Buffer {
  const bytes = Buffer.alloc(11)
  bytes.writeUInt16BE(TYPE.OPT, 1)
  bytes.writeUInt16BE(UDP_BYTES_OFFERED, 3)
  return bytes
}

function lowerCase(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').toLowerCase(), 'latin1')
}
