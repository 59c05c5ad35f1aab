/**
 * Netlink attributes (struct nlattr): type, length, value, each padded to four bytes. netlink(7)
 */

const HEADER_BYTES = 4
const NESTED = 0x8000 // NLA_F_NESTED, include/uapi/linux/netlink.h
const TYPE_MASK = 0x3fff // NLA_TYPE_MASK, the same header

/**
 * One attribute. Numbers of rtnetlink are little-endian here (x64, arm64), those of nfnetlink
 * big-endian.
 */
export function attribute(type: number, value: Uint8Array): Buffer {
  const length = HEADER_BYTES + value.length
  const bytes = Buffer.alloc(align(length))
  bytes.writeUInt16LE(length, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.set(value, HEADER_BYTES)
  return bytes
}

/** An attribute made of attributes. */
export function nested(type: number, ...children: readonly Uint8Array[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(children))
}

/** A string with its closing NUL. */
export function stringAttribute(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`))
}

export function u8Attribute(type: number, value: number): Buffer {
  return attribute(type, Buffer.of(value))
}

/** A 16-bit number in the machine's order, as rtnetlink wants it. */
export function u16Attribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return attribute(type, bytes)
}

/** A 32-bit number in the machine's order, as rtnetlink wants it. */
export function u32Attribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return attribute(type, bytes)
}

/**
 * A 32-bit number in network order, as nfnetlink wants it. Negative numbers are two's complement.
 */
export function be64Attribute(type: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return attribute(type, bytes)
}

export function be32Attribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return attribute(type, bytes)
}

/** The attributes in `bytes` by type. Of a type that comes twice the last one stays. */
export function parseAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  return new Map(listAttributes(bytes).map(({ type, value }) => [type, value]))
}

/**
 * The attributes in `bytes` in order, for lists whose members share one type. Stops at a broken
 * length.
 */
export function listAttributes(
  bytes: Buffer,
): readonly { readonly type: number; readonly value: Buffer }[] {
  const found: { type: number; value: Buffer }[] = []
  for (let offset = 0; offset + HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt16LE(offset)
    if (length < HEADER_BYTES || offset + length > bytes.length) break
    const type = bytes.readUInt16LE(offset + 2) & TYPE_MASK
    found.push({ type, value: bytes.subarray(offset + HEADER_BYTES, offset + length) })
    offset += align(length)
  }
  return found
}

/** The text of a string attribute without its NUL; undefined when the attribute is absent. */
export function readString(value: Buffer | undefined): string | undefined {
  if (!value) return undefined
  const end = value.indexOf(0)
  return value.toString('utf8', 0, end < 0 ? value.length : end)
}

export function align(length: number): number {
  return (length + 3) & ~3
}
