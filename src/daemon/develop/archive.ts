/** Changed files as an archive, under the names they are to have in a container. */

import { closeSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs'
import { END_OF_ARCHIVE, headerBytes, paddingFor, type TarEntry } from '../../image/index.ts'
import { COPY_CHUNK_BYTES } from '../../limits.ts'

export interface Synced {
  /** Here. */
  readonly path: string
  /** There, absolute. */
  readonly target: string
}

/** Those that exist; `gone` gets the targets of the others. */
export function* archiveOf(files: readonly Synced[]): Generator<Buffer, void> {
  for (const { path, target } of files) {
    const stat = statOf(path)
    if (stat !== undefined) yield* entryOf(path, target, stat)
  }
  yield END_OF_ARCHIVE
}

/** Undefined for what is not there (any more). */
export function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch {
    return undefined
  }
}

function* entryOf(path: string, target: string, stat: Stats): Generator<Buffer, void> {
  const name = target.replace(/^\/+/, '')
  if (stat.isDirectory()) yield headerBytes(entry('directory', `${name}/`, stat))
  else if (stat.isSymbolicLink()) {
    yield headerBytes({ ...entry('symlink', name, stat), link: Buffer.from(linkOf(path)) })
  } else if (stat.isFile()) yield* fileOf(path, name, stat)
}

/** The header has promised so many bytes: what has grown is cut, what has shrunk is filled up. */
function* fileOf(path: string, name: string, stat: Stats): Generator<Buffer, void> {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return
  }
  try {
    yield headerBytes({ ...entry('file', name, stat), size: stat.size })
    for (let at = 0; at < stat.size;) {
      const buffer = Buffer.alloc(Math.min(COPY_CHUNK_BYTES, stat.size - at))
      readSync(fd, buffer, 0, buffer.length, at)
      yield buffer
      at += buffer.length
    }
    yield paddingFor(stat.size)
  } finally {
    closeSync(fd)
  }
}

function entry(kind: TarEntry['kind'], name: string, stat: Stats): TarEntry {
  return {
    kind,
    name: Buffer.from(name),
    link: Buffer.alloc(0),
    mode: stat.mode & 0o777,
    uid: 0,
    gid: 0,
    size: 0,
    seconds: Math.floor(stat.mtimeMs / 1000),
    nanoseconds: 0,
    major: 0,
    minor: 0,
    xattrs: new Map(),
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
