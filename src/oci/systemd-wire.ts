/**
 * Messages of D-Bus, little-endian, with the types that systemd's manager is spoken to in.
 * @see https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling
 */

import { UsageError } from '../errors.ts'

export type Value = string | number | boolean | readonly Value[] | Variant

/** A value that brings its type along: `v`. */
export interface Variant {
  readonly type: string
  readonly value: Value
}

export const METHOD_CALL = 1
export const METHOD_RETURN = 2
export const ERROR = 3
export const SIGNAL = 4

/** Codes of header fields. */
export const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  error: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const

/** Types of the fields that we write. */
const FIELD_TYPES: Readonly<Record<number, string>> = {
  [FIELD.path]: 'o',
  [FIELD.interface]: 's',
  [FIELD.member]: 's',
  [FIELD.destination]: 's',
  [FIELD.signature]: 'g',
}

interface Head {
  readonly type: number
  /** By their codes. */
  readonly fields: ReadonlyMap<number, Value>
}

export interface Message extends Head {
  readonly body: readonly Value[]
}

/** One whose body nobody has looked at: most are of no interest. */
export interface Heard extends Head {
  readonly content: Buffer
}

/** Nothing for what is no text. */
export function textOf(value: Value | undefined): string {
  return typeof value === 'string' ? value : ''
}

const FIXED_BYTES = 16
const LITTLE_ENDIAN = 'l'.charCodeAt(0)
const PROTOCOL = 1

export function encodeMessage({ type, fields, body }: Message, serial: number): Buffer {
  const content = new Writer()
  for (const [at, one] of typesOf(textOf(fields.get(FIELD.signature))).entries()) {
    content.write(one, body[at] ?? '')
  }
  const header = new Writer()
  for (const byte of [LITTLE_ENDIAN, type, 0, PROTOCOL]) header.write('y', byte)
  header.write('u', content.bytes.length)
  header.write('u', serial)
  const entries = [...fields].map(([code, value]) => [
    code,
    { type: FIELD_TYPES[code] ?? 's', value },
  ])
  header.write('a(yv)', entries)
  header.align(8)
  return Buffer.from([...header.bytes, ...content.bytes])
}

/** The first message of `bytes` and its length; undefined while it is not complete. */
export function decodeMessage(
  bytes: Buffer,
): { readonly message: Heard; readonly length: number } | undefined {
  if (bytes.length < FIXED_BYTES) return undefined
  if (bytes[0] !== LITTLE_ENDIAN) {
    throw new UsageError('Cannot understand systemd: it speaks big-endian; this machine does not')
  }
  const start = aligned(FIXED_BYTES + bytes.readUInt32LE(12), 8)
  const length = start + bytes.readUInt32LE(4)
  if (bytes.length < length) return undefined
  const list = new Reader(bytes, 12).read('a(yv)') as readonly (readonly [number, Value])[]
  const fields = new Map(list)
  const content = bytes.subarray(start, length)
  return { message: { type: bytes[1] ?? 0, fields, content }, length }
}

export function bodyOf({ fields, content }: Heard): readonly Value[] {
  const reader = new Reader(content, 0)
  return typesOf(textOf(fields.get(FIELD.signature))).map((one) => reader.read(one))
}

const numberOf = (value: Value): number => Number(typeof value === 'object' ? 0 : value)

/** Bytes of each type's boundary. */
const ALIGNMENT: Readonly<Record<string, number>> = {
  y: 1, g: 1, v: 1, n: 2, q: 2, b: 4, i: 4, u: 4, s: 4, o: 4, a: 4, x: 8, t: 8, '(': 8,
} // oxfmt-ignore

const alignmentOf = (type: string): number => ALIGNMENT[type[0] ?? ''] ?? 1

const aligned = (at: number, boundary: number): number => Math.ceil(at / boundary) * boundary

/** The complete types of a signature: `sa(sv)` is `s` and `a(sv)`. */
function typesOf(signature: string): readonly string[] {
  const types: string[] = []
  for (let at = 0; at < signature.length;) {
    const end = endOfType(signature, at)
    types.push(signature.slice(at, end))
    at = end
  }
  return types
}

function endOfType(signature: string, at: number): number {
  const first = signature[at]
  if (first === 'a') return endOfType(signature, at + 1)
  if (first !== '(') return at + 1
  let end = at + 1
  while (end < signature.length && signature[end] !== ')') end = endOfType(signature, end)
  return end + 1
}

class Writer {
  readonly bytes: number[] = []

  align(boundary: number): void {
    while (this.bytes.length % boundary !== 0) this.bytes.push(0)
  }

  write(type: string, value: Value): void {
    this.align(alignmentOf(type))
    switch (type.charAt(0)) {
      case 'y':
        this.bytes.push(numberOf(value))
        return
      case 'b':
      case 'u':
        this.#word(numberOf(value))
        return
      case 's':
      case 'o':
        this.#word(Buffer.byteLength(textOf(value)))
        this.#text(textOf(value))
        return
      case 'g':
        this.bytes.push(textOf(value).length)
        this.#text(textOf(value))
        return
      case 'v':
        this.write('g', (value as Variant).type)
        this.write((value as Variant).type, (value as Variant).value)
        return
      case 'a':
        this.#list(type.slice(1), value as readonly Value[])
        return
      default:
        for (const [at, one] of typesOf(type.slice(1, -1)).entries()) {
          this.write(one, (value as readonly Value[])[at] ?? '')
        }
    }
  }

  #list(type: string, values: readonly Value[]): void {
    const place = this.bytes.length
    this.#word(0)
    this.align(alignmentOf(type))
    const start = this.bytes.length
    for (const value of values) this.write(type, value)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(this.bytes.length - start)
    this.bytes.splice(place, 4, ...length)
  }

  #word(value: number): void {
    const word = Buffer.alloc(4)
    word.writeUInt32LE(value)
    this.bytes.push(...word)
  }

  #text(text: string): void {
    this.bytes.push(...Buffer.from(text), 0)
  }
}

class Reader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  read(type: string): Value {
    this.#at = aligned(this.#at, alignmentOf(type))
    switch (type.charAt(0)) {
      case 'y':
        return this.#bytes.readUInt8(this.#skip(1))
      case 'b':
      case 'u':
      case 'i':
        return this.#bytes.readUInt32LE(this.#skip(4))
      case 's':
      case 'o':
        return this.#text(this.#bytes.readUInt32LE(this.#skip(4)))
      case 'g':
        return this.#text(this.#bytes.readUInt8(this.#skip(1)))
      case 'v':
        return this.read(textOf(this.read('g')))
      case 'a':
        return this.#list(type.slice(1))
      case '(':
        return typesOf(type.slice(1, -1)).map((one) => this.read(one))
      default:
        throw new UsageError(`Cannot understand systemd: it sends a value of type "${type}"`)
    }
  }

  #list(type: string): Value {
    const length = this.#bytes.readUInt32LE(this.#skip(4))
    this.#at = aligned(this.#at, alignmentOf(type))
    const end = this.#at + length
    const values: Value[] = []
    while (this.#at < end) values.push(this.read(type))
    return values
  }

  #text(length: number): string {
    const start = this.#skip(length + 1)
    return this.#bytes.toString('utf8', start, start + length)
  }

  #skip(length: number): number {
    const at = this.#at
    this.#at += length
    return at
  }
}
