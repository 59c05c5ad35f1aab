/** Reads a tar archive that is pushed in chunk by chunk, and tells what is in it. */

import { TAR_HEADER_BYTES_MAX } from '../../limits.ts'
import { BLOCK, type EntryKind, type SparsePart, type TarEntry } from './entry.ts'
import { type Header, parseHeader } from './header.ts'
import { parseDecimal, parseTime } from './number.ts'
import { nameRecord, parsePax, type Pax, textRecord } from './pax.ts'
import { checkSparse, LeadingSparseMap, OldSparseMap, paxSparseMap } from './sparse.ts'

/** Called for each entry, then for its bytes in order (without holes), then at its end. */
export interface TarHandler {
  entry(entry: TarEntry): void
  data(chunk: Buffer): void
  entryEnd(): void
}

/** Where in the archive the reader is. */
type State =
  | { readonly kind: 'header' }
  /** Bytes of an extended header or a long name. */
  | { readonly kind: 'meta'; readonly type: string; readonly chunks: Buffer[]; left: number }
  | { readonly kind: 'old-sparse'; readonly header: Header; readonly map: OldSparseMap }
  | {
      readonly kind: 'leading-sparse'
      readonly header: Header
      readonly map: LeadingSparseMap
      left: number
    }
  | { readonly kind: 'data'; left: number }
  /** After the two blocks of zeros; what follows is nothing to us. */
  | { readonly kind: 'end' }

/** Errors are RangeErrors that say what is wrong with the archive, as part of a sentence. */
export class TarReader {
  readonly #handler: TarHandler
  #state: State = { kind: 'header' }
  /** Bytes to be left out after data that does not fill its last block. */
  #padding = 0
  /** A block that has come in part. */
  readonly #block = Buffer.alloc(BLOCK)
  #blockBytes = 0
  #pax: Pax | undefined
  #longName: Buffer | undefined
  #longLink: Buffer | undefined

  constructor(handler: TarHandler) {
    this.#handler = handler
  }

  push(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0 && this.#state.kind !== 'end') rest = this.#step(rest)
  }

  /** The archive has ended. @throws {RangeError} when it ended in the middle of an entry */
  end(): void {
    const { kind } = this.#state
    // Some tools leave out the last padding and the end; every entry is whole nevertheless.
    const isBetween = kind === 'header' && this.#blockBytes === 0
    const isWhole = kind === 'end' || (isBetween && this.#pax === undefined)
    if (!isWhole) throw new RangeError('it is cut off in the middle')
  }

  /** Takes what it can of `chunk`; the rest comes back. */
  #step(chunk: Buffer): Buffer {
    const state = this.#state
    if (state.kind === 'data') return this.#takeData(state, chunk)
    if (state.kind === 'meta') return this.#takeMeta(state, chunk)
    if (this.#padding > 0) {
      const skipped = Math.min(this.#padding, chunk.length)
      this.#padding -= skipped
      return chunk.subarray(skipped)
    }
    return this.#takeBlock(chunk)
  }

  #takeData(state: { left: number }, chunk: Buffer): Buffer {
    const bytes = Math.min(state.left, chunk.length)
    this.#handler.data(bytes === chunk.length ? chunk : chunk.subarray(0, bytes))
    state.left -= bytes
    if (state.left === 0) {
      this.#state = { kind: 'header' }
      this.#handler.entryEnd()
    }
    return chunk.subarray(bytes)
  }

  #takeMeta(state: State & { kind: 'meta' }, chunk: Buffer): Buffer {
    const bytes = Math.min(state.left, chunk.length)
    // A copy: the chunk may be used again by whoever made it.
    state.chunks.push(Buffer.from(chunk.subarray(0, bytes)))
    state.left -= bytes
    if (state.left === 0) {
      this.#state = { kind: 'header' }
      this.#takeMetaWhole(state.type, Buffer.concat(state.chunks))
    }
    return chunk.subarray(bytes)
  }

  #takeMetaWhole(type: string, bytes: Buffer): void {
    if (type === 'x') this.#pax = parsePax(bytes)
    else if (type === 'L') this.#longName = untilNul(bytes)
    else if (type === 'K') this.#longLink = untilNul(bytes)
    // Global headers ('g') hold comments of git in practice; Docker leaves them out as well.
    else parsePax(bytes)
  }

  #takeBlock(chunk: Buffer): Buffer {
    if (this.#blockBytes === 0 && chunk.length >= BLOCK) {
      this.#takeWholeBlock(chunk.subarray(0, BLOCK))
      return chunk.subarray(BLOCK)
    }
    const bytes = Math.min(BLOCK - this.#blockBytes, chunk.length)
    chunk.copy(this.#block, this.#blockBytes, 0, bytes)
    this.#blockBytes += bytes
    if (this.#blockBytes === BLOCK) {
      this.#blockBytes = 0
      this.#takeWholeBlock(this.#block)
    }
    return chunk.subarray(bytes)
  }

  #takeWholeBlock(block: Buffer): void {
    const state = this.#state
    if (state.kind === 'old-sparse') this.#extendOldSparse(state, block)
    else if (state.kind === 'leading-sparse') this.#extendLeadingSparse(state, block)
    else this.#takeHeader(block)
  }

  #takeHeader(block: Buffer): void {
    const header = parseHeader(block)
    if (header === undefined) {
      // One block of zeros is the end for Go's reader as for ours; what follows is padding.
      this.#state = { kind: 'end' }
      if (this.#pax || this.#longName || this.#longLink) throw new RangeError('it is cut off')
      return
    }
    if (header.size < 0) throw new RangeError('an entry has a size below zero')
    if (META.has(header.type)) this.#beginMeta(header)
    else if (header.type === 'S') this.#beginOldSparse(header, block)
    else this.#beginEntry(header)
  }

  #beginMeta({ type, size }: Header): void {
    if (size > TAR_HEADER_BYTES_MAX) {
      throw new RangeError(`an extended header has ${size} bytes`)
    }
    this.#padding = paddingOf(size)
    if (size > 0) this.#state = { kind: 'meta', type, chunks: [], left: size }
  }

  #beginOldSparse(header: Header, block: Buffer): void {
    const map = new OldSparseMap(block)
    if (map.isExtended) this.#state = { kind: 'old-sparse', header, map }
    else this.#beginSparse(header, { parts: map.parts, real: map.realSize, stored: header.size })
  }

  #extendOldSparse(state: State & { kind: 'old-sparse' }, block: Buffer): void {
    const { header, map } = state
    map.extend(block)
    if (map.isExtended) return
    this.#beginSparse(header, { parts: map.parts, real: map.realSize, stored: header.size })
  }

  #beginEntry(header: Header): void {
    const size = sizeOf(header, this.#pax)
    if (isVersionOne(this.#pax)) {
      const map = new LeadingSparseMap()
      this.#state = { kind: 'leading-sparse', header, map, left: size }
      return
    }
    const parts = paxSparseMap(this.#pax)
    if (parts) this.#beginSparse(header, { parts, real: realSizeOf(this.#pax), stored: size })
    else this.#begin(header, { stored: size, size })
  }

  #extendLeadingSparse(state: State & { kind: 'leading-sparse' }, block: Buffer): void {
    state.left -= BLOCK
    if (state.left < 0) throw new RangeError('a map of holes does not fit its file')
    if (!state.map.push(block)) return
    const { parts } = state.map
    const real = realSizeOf(this.#pax)
    this.#beginSparse(state.header, { parts, real, stored: state.left })
  }

  #beginSparse(
    header: Header,
    sparse: { readonly parts: SparsePart[]; readonly real: number; readonly stored: number },
  ): void {
    checkSparse(sparse.parts, sparse)
    this.#begin(header, { stored: sparse.stored, size: sparse.real, sparse: sparse.parts })
  }

  #begin(
    header: Header,
    content: { readonly stored: number; readonly size: number; readonly sparse?: SparsePart[] },
  ): void {
    const entry = this.#entryOf(header, content)
    this.#pax = this.#longName = this.#longLink = undefined
    const stored = entry.kind === 'file' ? content.stored : 0
    this.#padding = paddingOf(stored)
    this.#state = stored > 0 ? { kind: 'data', left: stored } : { kind: 'header' }
    this.#handler.entry(entry)
    if (stored === 0) this.#handler.entryEnd()
  }

  #entryOf(
    header: Header,
    { size, sparse }: { readonly size: number; readonly sparse?: SparsePart[] },
  ): TarEntry {
    const pax = this.#pax
    const name =
      nameRecord(pax, 'GNU.sparse.name') ?? nameRecord(pax, 'path') ?? this.#longName ?? header.name
    const kind = kindOf(header.type, name)
    return {
      kind,
      name,
      link: nameRecord(pax, 'linkpath') ?? this.#longLink ?? header.link,
      mode: header.mode,
      ...ownerOf(header, pax),
      ...timeOf(header, pax),
      size: kind === 'file' ? size : 0,
      major: header.major,
      minor: header.minor,
      xattrs: pax?.xattrs ?? NO_XATTRS,
      ...(sparse === undefined ? {} : { sparse }),
    }
  }
}

/** Extended headers, global ones, and GNU's long names and links. */
const META: ReadonlySet<string> = new Set(['x', 'g', 'L', 'K'])

const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map()

const KINDS: ReadonlyMap<string, EntryKind> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['7', 'file'],
  ['S', 'file'],
  ['1', 'hardlink'],
  ['2', 'symlink'],
  ['3', 'character'],
  ['4', 'block'],
  ['5', 'directory'],
  ['6', 'fifo'],
])

function kindOf(type: string, name: Buffer): EntryKind {
  const kind = KINDS.get(type)
  if (kind === undefined) {
    throw new RangeError(`an entry has the unknown type ${JSON.stringify(type)}`)
  }
  // Before ustar, a directory was a file whose name ended so.
  return kind === 'file' && name.at(-1) === SLASH && type !== 'S' ? 'directory' : kind
}

const SLASH = 0x2f

function sizeOf(header: Header, pax: Pax | undefined): number {
  const text = textRecord(pax, 'size')
  return text === undefined ? header.size : parseDecimal(text)
}

function isVersionOne(pax: Pax | undefined): boolean {
  return textRecord(pax, 'GNU.sparse.major') === '1'
}

function realSizeOf(pax: Pax | undefined): number {
  const text = textRecord(pax, 'GNU.sparse.realsize') ?? textRecord(pax, 'GNU.sparse.size')
  if (text === undefined) throw new RangeError('a file with holes has no size')
  return parseDecimal(text)
}

function ownerOf(header: Header, pax: Pax | undefined): Pick<TarEntry, 'uid' | 'gid'> {
  return { uid: idOf(pax, 'uid') ?? header.uid, gid: idOf(pax, 'gid') ?? header.gid }
}

function timeOf(
  { seconds }: Header,
  pax: Pax | undefined,
): Pick<TarEntry, 'seconds' | 'nanoseconds'> {
  const text = textRecord(pax, 'mtime')
  return text === undefined ? { seconds, nanoseconds: 0 } : parseTime(text)
}

function idOf(pax: Pax | undefined, key: 'uid' | 'gid'): number | undefined {
  const text = textRecord(pax, key)
  return text === undefined ? undefined : parseDecimal(text)
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}
