/**
 * Comments of tables, rules and elements, in the form in which `nft list` shows them (libnftnl
 * udata).
 */

import { attribute, readString } from '../attribute.ts'

const UDATA_COMMENT = 0 // the same number for tables, rules and elements
const COMMENT_BYTES_MAX = 128 // NFTNL_UDATA_COMMENT_MAXLEN of libnftnl

export function commentAttribute(type: number, comment: string): Buffer {
  const text = Buffer.from(comment).subarray(0, COMMENT_BYTES_MAX - 1)
  return attribute(
    type,
    Buffer.concat([Buffer.of(UDATA_COMMENT, text.length + 1), text, Buffer.of(0)]),
  )
}

/** The comment in user data; undefined when there is none. */
export function readComment(udata: Buffer | undefined): string | undefined {
  if (!udata) return undefined
  for (let offset = 0; offset + 2 <= udata.length;) {
    const length = udata.readUInt8(offset + 1)
    const value = udata.subarray(offset + 2, offset + 2 + length)
    if (udata.readUInt8(offset) === UDATA_COMMENT) return readString(value)
    offset += 2 + length
  }
  return undefined
}
