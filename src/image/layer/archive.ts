/** Makes a layer of a directory: an archive in a fixed order, whiteouts in the form of OCI. */

import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from 'node:fs'
import { readXattrs } from '../../linux/index.ts'
import type { EntryKind, TarEntry } from '../tar/entry.ts'
import { END_OF_ARCHIVE, headerBytes, paddingFor } from '../tar/writer.ts'
import { isKeptXattr } from './attributes.ts'
import { OPAQUE_NAME, OPAQUE_XATTR, whiteoutName } from './whiteout.ts'

export interface ArchiveOptions {
  /** False for paths below the root (`etc/hosts`, bytes as latin1) that are left out. */
  readonly includes?: (path: string) => boolean
  /** Later times become this one, in seconds since the epoch: SOURCE_DATE_EPOCH. */
  readonly secondsMax?: number | undefined
  /** Called with the size of each file before its bytes: throws when there is no room for them. */
  readonly onFile?: (bytes: number) => void
  /** The directory is a whole file system: devices 0/0 are not whiteouts. Default: false. */
  readonly isWhole?: boolean
}

/**
 * The archive of what is in `directory`, in pieces. The same content gives the same bytes: names
 * are sorted, and neither inode numbers nor access times are kept. It must not change meanwhile.
 */
export function* archiveDirectory(
  directory: string,
  options: ArchiveOptions = {},
): Generator<Buffer, void> {
  const archive: Archive = { root: directory, options, links: new Map() }
  yield* archiveEntry(archive, [])
  yield END_OF_ARCHIVE
}

interface Archive {
  readonly root: string
  readonly options: ArchiveOptions
  /** Name of the first of several names of a file, by inode. */
  readonly links: Map<string, Buffer>
}

const CHUNK_BYTES = 256 * 1024
const NOTHING = Buffer.alloc(0)

function* archiveEntry(archive: Archive, parts: readonly Buffer[]): Generator<Buffer, void> {
  const name = joined(parts)
  if (parts.length > 0 && archive.options.includes?.(name.toString('latin1')) === false) return
  const path = pathIn(archive.root, name)
  const stat = lstatSync(path, { bigint: true })
  if (isWhiteout(archive, stat)) {
    yield headerBytes(emptyFile(stat, archive, withLast(parts, whiteoutName)))
    return
  }
  const kind = kindOf(stat)
  // A socket belongs to the program that had it.
  if (kind === undefined) return
  const first = kind === 'file' ? firstName(archive, stat, name) : undefined
  const entry = entryOf(archive, { stat, kind, name, path, first })
  yield headerBytes(entry)
  if (entry.kind === 'file') {
    archive.options.onFile?.(entry.size)
    yield* contentOf(path, entry.size)
  }
  if (kind === 'directory') yield* childrenOf(archive, parts, { path, stat })
}

function* childrenOf(
  archive: Archive,
  parts: readonly Buffer[],
  { path, stat }: { readonly path: Buffer; readonly stat: BigIntStats },
): Generator<Buffer, void> {
  const isOpaque = archive.options.isWhole !== true && readXattrs(path).has(OPAQUE_XATTR)
  if (isOpaque) yield headerBytes(emptyFile(stat, archive, joined([...parts, OPAQUE_NAME])))
  const names = readdirSync(path, { encoding: 'buffer' }).sort((a, b) => Buffer.compare(a, b))
  for (const name of names) yield* archiveEntry(archive, [...parts, name])
}

function* contentOf(path: Buffer, size: number): Generator<Buffer, void> {
  const fd = openSync(path, 'r')
  try {
    for (let at = 0; at < size;) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - at))
      const bytes = readSync(fd, buffer, 0, buffer.length, at)
      // Cut off meanwhile: the header has promised as many bytes.
      if (bytes === 0) buffer.fill(0)
      yield bytes === 0 ? buffer : buffer.subarray(0, bytes)
      at += bytes === 0 ? buffer.length : bytes
    }
  } finally {
    closeSync(fd)
  }
  yield paddingFor(size)
}

function entryOf(
  archive: Archive,
  found: {
    readonly stat: BigIntStats
    readonly kind: EntryKind
    readonly name: Buffer
    readonly path: Buffer
    readonly first: Buffer | undefined
  },
): TarEntry {
  const { stat, kind, name, path, first } = found
  const rdev = stat.rdev
  const link = kind === 'symlink' ? readlinkSync(path, { encoding: 'buffer' }) : NOTHING
  const isDirectory = kind === 'directory'
  const xattrs = [...readXattrs(path)].filter(([key]) => isKeptXattr(key))
  return {
    kind: first ? 'hardlink' : kind,
    name: isDirectory ? Buffer.concat([name.length === 0 ? DOT : name, SLASH]) : name,
    link: first ?? link,
    ...ownerOf(stat, archive),
    mode: Number(stat.mode) & 0o7777,
    size: kind === 'file' && !first ? Number(stat.size) : 0,
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
    xattrs: new Map(first ? [] : xattrs.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  }
}

const DOT = Buffer.from('.')

function ownerOf(stat: BigIntStats, { options }: Archive) {
  const seconds = Number(stat.mtimeNs / 1_000_000_000n)
  return {
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    seconds: Math.min(seconds, options.secondsMax ?? Infinity),
    nanoseconds: 0,
  }
}

function emptyFile(stat: BigIntStats, archive: Archive, name: Buffer): TarEntry {
  const nothing = { link: NOTHING, size: 0, major: 0, minor: 0, xattrs: new Map<string, Buffer>() }
  return { kind: 'file', name, mode: 0, ...ownerOf(stat, archive), ...nothing }
}

/** The name under which the archive has the file already. */
function firstName({ links }: Archive, stat: BigIntStats, name: Buffer): Buffer | undefined {
  if (stat.nlink < 2n) return undefined
  const inode = `${stat.dev}:${stat.ino}`
  const first = links.get(inode)
  if (first === undefined) links.set(inode, name)
  return first
}

function isWhiteout({ options }: Archive, stat: BigIntStats): boolean {
  return options.isWhole !== true && stat.isCharacterDevice() && stat.rdev === 0n
}

function kindOf(stat: BigIntStats): EntryKind | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isFIFO()) return 'fifo'
  if (stat.isCharacterDevice()) return 'character'
  return stat.isBlockDevice() ? 'block' : undefined
}

const SLASH = Buffer.from('/')

function joined(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [SLASH, part])))
}

function withLast(parts: readonly Buffer[], change: (name: Buffer) => Buffer): Buffer {
  return joined([...parts.slice(0, -1), change(parts.at(-1) ?? NOTHING)])
}

/** The root itself by `/.`, so that a link there is followed. */
function pathIn(root: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), name.length === 0 ? DOT : name])
}
