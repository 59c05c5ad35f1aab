/** Finds and reads members of a tar archive on disk, without unpacking it. */

import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { posix } from 'node:path'
import { EngineError } from '../../errors.ts'
import { ARCHIVE_MEMBERS_MAX, SYMLINKS_MAX, TAR_HEADER_BYTES_MAX } from '../../limits.ts'
import { broken } from '../json.ts'
import { BLOCK } from '../tar/entry.ts'
import { type Header, parseHeader } from '../tar/header.ts'
import { parseDecimal } from '../tar/number.ts'
import { nameRecord, parsePax, textRecord } from '../tar/pax.ts'

interface Member {
  readonly offset: number
  readonly size: number
  /** Of a link: the path it leads to, from the root of the archive. */
  readonly link?: string
}

interface Meta {
  readonly name?: string
  readonly size?: number
}

/** Extended headers, and GNU's long names and links. */
const META: ReadonlySet<string> = new Set(['x', 'g', 'L', 'K'])

/** What members are called is only ever looked up here, and never becomes a path of the host. */
export class ArchiveFile implements Disposable {
  readonly #path: string
  readonly #shown: string
  readonly #fd: number
  readonly #members = new Map<string, Member>()

  /** `what`: as errors call it. @throws {EngineError} IMAGE, IMAGE_CORRUPT */
  constructor(path: string, what: string = `archive "${path}"`) {
    this.#path = path
    this.#shown = what
    this.#fd = openArchive(path)
    try {
      this.#index()
    } catch (error) {
      closeSync(this.#fd)
      throw error instanceof RangeError ? broken(this.#what(), error.message, error) : error
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  /** Bytes of a member; undefined when there is none. */
  size(name: string): number | undefined {
    return this.#find(name)?.size
  }

  /** A member, whole. @throws {EngineError} IMAGE_CORRUPT */
  read(name: string, bytesMax: number): Buffer {
    const member = this.#find(name)
    if (member === undefined) throw broken(this.#what(), `it has no "${name.slice(0, 200)}"`)
    if (member.size > bytesMax) {
      throw broken(this.#what(), `"${name.slice(0, 200)}" has more than ${bytesMax} bytes`)
    }
    return this.#readAt(member.offset, member.size)
  }

  /** A member's bytes from `start` on. */
  stream(name: string, start = 0): AsyncIterable<Buffer> {
    const member = this.#find(name)
    if (member === undefined) throw broken(this.#what(), `it has no "${name.slice(0, 200)}"`)
    if (start >= member.size) return nothing()
    return createReadStream(this.#path, {
      start: member.offset + start,
      end: member.offset + member.size - 1,
      highWaterMark: 256 * 1024,
    }) as AsyncIterable<Buffer>
  }

  #find(name: string): Member | undefined {
    let path = normal(name)
    for (let links = 0; links <= SYMLINKS_MAX; links += 1) {
      const member = this.#members.get(path)
      if (member?.link === undefined) return member
      path = member.link
    }
    return undefined
  }

  #index(): void {
    const { size: end } = fstatSync(this.#fd)
    let meta: Meta = {}
    for (let at = 0; at + BLOCK <= end;) {
      const header = parseHeader(this.#readAt(at, BLOCK))
      if (header === undefined) return
      const size = meta.size ?? header.size
      if (size < 0 || at + BLOCK + size > end) throw new RangeError('it is cut off')
      const place = { offset: at + BLOCK, size }
      if (META.has(header.type)) meta = { ...meta, ...this.#readMeta(header.type, place) }
      else {
        this.#add(meta.name ?? header.name.toString(), header, place)
        meta = {}
      }
      at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
    }
  }

  /** What is said in front of a member about it. */
  #readMeta(type: string, { offset, size }: { offset: number; size: number }): Meta {
    if (size > TAR_HEADER_BYTES_MAX) throw new RangeError('a header is too large')
    const bytes = this.#readAt(offset, size)
    if (type === 'L') return { name: bytes.toString().replace(/\0.*$/s, '') }
    if (type !== 'x') return {}
    const pax = parsePax(bytes)
    const name = nameRecord(pax, 'path')?.toString()
    const text = textRecord(pax, 'size')
    return {
      ...(name === undefined ? {} : { name }),
      ...(text === undefined ? {} : { size: parseDecimal(text) }),
    }
  }

  #add(name: string, header: Header, place: { offset: number; size: number }): void {
    if (this.#members.size >= ARCHIVE_MEMBERS_MAX) {
      throw new RangeError(`it has more than ${ARCHIVE_MEMBERS_MAX} members`)
    }
    const path = normal(name)
    const link = header.link.toString()
    if (header.type === '2') {
      this.#members.set(path, { ...place, link: normal(posix.join(posix.dirname(path), link)) })
    } else if (header.type === '1') this.#members.set(path, { ...place, link: normal(link) })
    else if (header.type === '0' || header.type === '\0') this.#members.set(path, place)
  }

  #readAt(offset: number, size: number): Buffer {
    const bytes = Buffer.alloc(size)
    for (let at = 0; at < size;) {
      const count = readSync(this.#fd, bytes, at, size - at, offset + at)
      if (count === 0) throw new RangeError('it is cut off')
      at += count
    }
    return bytes
  }

  #what(): string {
    return this.#shown
  }
}

function openArchive(path: string): number {
  try {
    const fd = openSync(path, 'r')
    if (fstatSync(fd).isFile()) return fd
    closeSync(fd)
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    const shown = why === 'ENOENT' ? 'it does not exist' : why
    throw new EngineError('IMAGE', `Cannot read archive "${path}": ${shown}`, { cause })
  }
  throw new EngineError('IMAGE', `Cannot read archive "${path}": it is no regular file`)
}

/** `./a//b/../c` is `a/c`. */
function normal(name: string): string {
  return posix.normalize(`/${name}`).slice(1)
}

async function* nothing(): AsyncIterable<Buffer> {
  // An empty member has no bytes.
}
