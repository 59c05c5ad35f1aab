/** Makes an archive of a file or directory of a tree that others may change meanwhile. */

import { closeSync, fstatSync, openSync, readdirSync, readSync, type BigIntStats } from 'node:fs'
import { UsageError } from '../../errors.ts'
import {
  END_OF_ARCHIVE,
  type EntryKind,
  headerBytes,
  isKeptXattr,
  paddingFor,
  type TarEntry,
} from '../../image/index.ts'
import { COPY_CHUNK_BYTES, COPY_DEPTH_MAX } from '../../limits.ts'
import {
  close,
  type Fd,
  type IdRange,
  O,
  openAt,
  readLinkFd,
  readXattrs,
  statFd,
} from '../../linux/index.ts'
import { isMissing } from './missing.ts'
import { idInside } from './owners.ts'
import type { CopySource } from './place.ts'
import { isOfKernel, nameOf, ofKernel, openInTree, type Tree } from './tree.ts'

export interface Packing {
  readonly source: CopySource
  /** In pieces. Ending it early lets go of everything. */
  readonly archive: Generator<Buffer, void>
}

/**
 * What lies at `path`, which need not begin with a slash. A link at its end is copied as a link
 * unless `followLink`, or unless a slash comes after it. Sockets and device nodes are left out, and
 * what procfs and the like show.
 * @throws {UsageError} when there is nothing
 */
export function pack(
  tree: Tree,
  path: string,
  { followLink }: { readonly followLink: boolean },
): Packing {
  const isContents = /(?:^|\/)\.\/*$/.test(path) || nameOf(path) === ''
  const follow = followLink || isContents || path.endsWith('/')
  const fd = openInTree(tree, path, { follow })
  if (fd === undefined) throw notThere(tree, path)
  try {
    if (isOfKernel(fd)) throw ofKernel(tree, path)
    const { kind } = statFd(fd)
    if (isContents && kind !== 'directory') throw notThere(tree, path)
    if (kindOfEntry(fd) === undefined) throw unfit(tree, path, kind)
    const what = kind === 'directory' ? 'directory' : 'file'
    const source: CopySource = { kind: isContents ? 'contents' : what, name: nameOf(path) }
    return { source, archive: packed(tree, fd, source) }
  } catch (error) {
    close(fd)
    throw error
  }
}

function* packed(tree: Tree, fd: Fd, { kind, name }: CopySource): Generator<Buffer, void> {
  const packer: Packer = { tree, links: new Map() }
  try {
    const first = kind === 'contents' ? [] : [Buffer.from(name)]
    yield* packEntry(packer, fd, { parts: first, xattrsAt: undefined, device: undefined })
    yield END_OF_ARCHIVE
  } finally {
    close(fd)
  }
}

interface Packer {
  readonly tree: Tree
  /** Name of the first of several names of a file, by inode. */
  readonly links: Map<string, Buffer>
}

interface At {
  readonly parts: readonly Buffer[]
  /** A path by which attributes are read; absent for the first, which may have been a link. */
  readonly xattrsAt: Buffer | undefined
  /** Of the directory above. */
  readonly device: bigint | undefined
}

function* packEntry(packer: Packer, fd: Fd, at: At): Generator<Buffer, void> {
  const stat = fstatSync(fd, { bigint: true })
  const kind = kindOfStat(stat)
  if (kind === undefined) return
  const first = kind === 'file' ? firstName(packer, stat, joined(at.parts)) : undefined
  const entry = entryOf(fd, stat, { kind, first, at, users: packer.tree.users })
  yield headerBytes(entry)
  if (entry.kind === 'file') yield* contentOf(fd, entry.size)
  if (kind !== 'directory') return
  const isOther = at.device !== undefined && at.device !== stat.dev
  if (isOther && isOfKernel(fd)) return
  yield* packChildren(packer, fd, { parts: at.parts, device: stat.dev })
}

function* packChildren(
  packer: Packer,
  fd: Fd,
  { parts, device }: { readonly parts: readonly Buffer[]; readonly device: bigint },
): Generator<Buffer, void> {
  if (parts.length === COPY_DEPTH_MAX) throw tooDeep(packer.tree, parts)
  const path = Buffer.from(`/proc/self/fd/${fd}/`)
  const names = readdirSync(path, { encoding: 'buffer' }).sort((a, b) => Buffer.compare(a, b))
  for (const name of names) {
    const child = openChild(fd, name)
    if (child === undefined) continue
    try {
      const xattrsAt = Buffer.concat([path, name])
      yield* packEntry(packer, child, { parts: [...parts, name], xattrsAt, device })
    } finally {
      close(child)
    }
  }
}

/** Undefined for what has gone since its directory was read. */
function openChild(parent: Fd, name: Buffer): Fd | undefined {
  try {
    return openAt(parent, name, O.PATH)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** The header has promised `size` bytes: what has grown is cut, what has shrunk is filled up. */
function* contentOf(fd: Fd, size: number): Generator<Buffer, void> {
  // The very file that was looked at. One that has become a pipe would not be opened by this.
  const open = openSync(`/proc/self/fd/${fd}`, O.RDONLY | O.NONBLOCK | O.NOCTTY)
  try {
    for (let at = 0; at < size;) {
      const buffer = Buffer.allocUnsafe(Math.min(COPY_CHUNK_BYTES, size - at))
      const bytes = readSync(open, buffer, 0, buffer.length, at)
      if (bytes === 0) buffer.fill(0)
      yield bytes === 0 ? buffer : buffer.subarray(0, bytes)
      at += bytes === 0 ? buffer.length : bytes
    }
  } finally {
    closeSync(open)
  }
  yield paddingFor(size)
}

function entryOf(
  fd: Fd,
  stat: BigIntStats,
  {
    kind,
    first,
    at,
    users,
  }: {
    readonly kind: EntryKind
    readonly first: Buffer | undefined
    readonly at: At
    readonly users: IdRange | undefined
  },
): TarEntry {
  const name = joined(at.parts)
  return {
    kind: first ? 'hardlink' : kind,
    name: kind === 'directory' ? Buffer.concat([name.length === 0 ? DOT : name, SLASH]) : name,
    link: first ?? (kind === 'symlink' ? readLinkFd(fd) : NOTHING),
    mode: Number(stat.mode) & 0o7777,
    uid: idInside(Number(stat.uid), users),
    gid: idInside(Number(stat.gid), users),
    size: kind === 'file' && !first ? Number(stat.size) : 0,
    seconds: Number(stat.mtimeNs / 1_000_000_000n),
    nanoseconds: 0,
    major: 0,
    minor: 0,
    xattrs: first || at.xattrsAt === undefined ? new Map() : keptXattrs(at.xattrsAt),
  }
}

function keptXattrs(path: Buffer): ReadonlyMap<string, Buffer> {
  try {
    const all = [...readXattrs(path)].filter(([key]) => isKeptXattr(key))
    return new Map(all.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  } catch (error) {
    if (isMissing(error)) return new Map()
    throw error
  }
}

function firstName({ links }: Packer, stat: BigIntStats, name: Buffer): Buffer | undefined {
  if (stat.nlink < 2n) return undefined
  const inode = `${stat.dev}:${stat.ino}`
  const first = links.get(inode)
  if (first === undefined) links.set(inode, name)
  return first
}

function kindOfEntry(fd: Fd): EntryKind | undefined {
  return kindOfStat(fstatSync(fd, { bigint: true }))
}

/** A socket belongs to the program that had it, a device node to the machine. */
function kindOfStat(stat: BigIntStats): EntryKind | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  return stat.isFIFO() ? 'fifo' : undefined
}

const DOT = Buffer.from('.')
const SLASH = Buffer.from('/')
const NOTHING = Buffer.alloc(0)

function joined(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [SLASH, part])))
}

function notThere({ label }: Tree, path: string): UsageError {
  return new UsageError(`Cannot copy "${label}${path}": there is no such file or directory`, {
    code: 'ACTION_FAILED',
  })
}

function unfit({ label }: Tree, path: string, kind: string): UsageError {
  return new UsageError(`Cannot copy "${label}${path}": it is a ${kind}, which has no content`, {
    code: 'ACTION_FAILED',
  })
}

function tooDeep({ label }: Tree, parts: readonly Buffer[]): UsageError {
  const [first = ''] = parts.map(String)
  return new UsageError(
    `Cannot copy "${label}${first}": directories in it are nested ${COPY_DEPTH_MAX} deep`,
    { code: 'NOT_SUPPORTED', hint: 'copy its parts one by one' },
  )
}
