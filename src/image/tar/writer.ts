/** Headers of tar archives: ustar, with extended headers where it is too small. @see pax(1) */

import { BLOCK, type TarEntry } from './entry.ts'

/** What `TarEntry` says, as blocks; the file's bytes and {@link paddingFor} follow. */
export function headerBytes(entry: TarEntry): Buffer {
  const records = recordsOf(entry)
  const header = ustar(entry)
  if (records.length === 0) return header
  const content = Buffer.concat(records)
  const pax = ustar({
    ...entry,
    kind: 'file',
    name: Buffer.from('PaxHeaders'),
    link: NOTHING,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    xattrs: new Map(),
  })
  pax.write('x', 156, 'latin1')
  return Buffer.concat([sealed(pax), content, paddingFor(content.length), header])
}

/** Zeros up to the next block. */
export function paddingFor(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
}

/** Two blocks of zeros. */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK)

const NOTHING = Buffer.alloc(0)

/** Largest numbers of seven and eleven octal digits. */
const SMALL_MAX = 0o7777777
const LARGE_MAX = 0o77777777777

const TYPES: Readonly<Record<TarEntry['kind'], string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

function recordsOf(entry: TarEntry): Buffer[] {
  const records: Buffer[] = []
  if (isLong(entry.name)) records.push(record('path', entry.name))
  if (isLong(entry.link)) records.push(record('linkpath', entry.link))
  if (entry.size > LARGE_MAX) records.push(record('size', Buffer.from(String(entry.size))))
  if (entry.uid > SMALL_MAX) records.push(record('uid', Buffer.from(String(entry.uid))))
  if (entry.gid > SMALL_MAX) records.push(record('gid', Buffer.from(String(entry.gid))))
  if (entry.seconds < 0 || entry.seconds > LARGE_MAX) {
    records.push(record('mtime', Buffer.from(String(entry.seconds))))
  }
  for (const [name, value] of entry.xattrs) records.push(record(`SCHILY.xattr.${name}`, value))
  return records
}

/** Other readers take what a header has for ASCII. */
function isLong(name: Buffer): boolean {
  return name.length > 100 || name.some((byte) => byte > 126)
}

function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + 1
  // The length counts its own digits.
  while (String(length).length + rest.length !== length) length += 1
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function ustar(entry: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK)
  entry.name.copy(block, 0, 0, 100)
  octal(block, { at: 100, length: 8, value: entry.mode })
  octal(block, { at: 108, length: 8, value: Math.min(entry.uid, SMALL_MAX) })
  octal(block, { at: 116, length: 8, value: Math.min(entry.gid, SMALL_MAX) })
  octal(block, { at: 124, length: 12, value: Math.min(entry.size, LARGE_MAX) })
  const seconds = Math.max(0, Math.min(entry.seconds, LARGE_MAX))
  octal(block, { at: 136, length: 12, value: seconds })
  block.write(TYPES[entry.kind], 156, 'latin1')
  entry.link.copy(block, 157, 0, 100)
  block.write('ustar\u000000', 257, 'latin1')
  octal(block, { at: 329, length: 8, value: entry.major })
  octal(block, { at: 337, length: 8, value: entry.minor })
  return sealed(block)
}

function octal(
  block: Buffer,
  field: { readonly at: number; readonly length: number; readonly value: number },
): void {
  const digits = field.value.toString(8).padStart(field.length - 1, '0')
  block.write(`${digits}\0`, field.at, 'latin1')
}

function sealed(block: Buffer): Buffer {
  block.fill(' ', 148, 156)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
