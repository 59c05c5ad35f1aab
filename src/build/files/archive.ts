/** ADD unpacks local archives: which files are one, and how one is unpacked into a stage. */

import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import {
  type Compression,
  createDecompressor,
  sniffCompression,
  TarReader,
} from '../../image/index.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'
import { absolute, type FileTree, Pace, type TreeEntry } from './tree.ts'
import { type UnpackOptions, Unpacker } from './unpack.ts'

export interface Archive {
  readonly tree: FileTree
  readonly entry: TreeEntry
  readonly compression: Compression
}

const BLOCK = 512
/** As much of a packed archive as holds its first header. */
const START_BYTES = 64 * 1024

/** `undefined` for any other file. @throws {Problem} for a packing that is not read here */
export async function archiveIn(
  tree: FileTree,
  entry: TreeEntry,
  word: Word,
): Promise<Archive | undefined> {
  if (!entry.stats.isFile()) return undefined
  const start = readStart(absolute(tree, entry.path))
  const unread = UNREAD.find(({ magic }) => start.subarray(0, magic.length).equals(magic))
  if (unread) {
    throw new Problem(`Cannot unpack "${word.text}": it is packed with ${unread.name}`, {
      span: word,
      hint: 'pack it with gzip or zstd, or copy it as it is: COPY, or ADD --unpack=false',
    })
  }
  const compression = sniffCompression(start)
  const block = compression === 'none' ? start : await unpackedStart(start, compression)
  return isTarHeader(block.subarray(0, BLOCK)) ? { tree, entry, compression } : undefined
}

/** @throws {Problem} for an archive that is broken, or leads out of the target. */
export async function unpackArchive(
  { tree, entry, compression }: Archive,
  options: UnpackOptions,
): Promise<void> {
  const unpacker = new Unpacker(options)
  const reader = new TarReader(unpacker)
  const decompressor = createDecompressor(compression, (chunk) => reader.push(chunk))
  const pace = new Pace()
  try {
    const path = absolute(tree, entry.path)
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
      await decompressor.write(chunk as Buffer)
      await pace.rest()
    }
    await decompressor.end()
    reader.end()
    unpacker.finish()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new Problem(`Cannot unpack "${entry.path}": ${error.message}`, {
      span: options.word,
      hint: 'make the archive anew',
    })
  } finally {
    unpacker.close()
    decompressor.destroy()
  }
}

const UNREAD = [
  { name: 'xz', magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]) },
  { name: 'bzip2', magic: Buffer.from('BZh') },
] as const

function readStart(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const start = Buffer.alloc(START_BYTES)
    return start.subarray(0, readSync(fd, start))
  } finally {
    closeSync(fd)
  }
}

async function unpackedStart(start: Buffer, compression: Compression): Promise<Buffer> {
  const chunks: Buffer[] = []
  const decompressor = createDecompressor(compression, (chunk) => void chunks.push(chunk))
  try {
    await decompressor.write(start)
    await decompressor.end()
  } catch {
    // Cut off, as it is only the start; or no archive at all, which the header shows.
  } finally {
    decompressor.destroy()
  }
  return Buffer.concat(chunks)
}

/** By its checksum, which counts itself as blanks. @see tar(5) */
function isTarHeader(block: Buffer): boolean {
  if (block.length < BLOCK || block.every((byte) => byte === 0)) return false
  const written = Number.parseInt(block.toString('latin1', 148, 156).replaceAll('\0', ' '), 8)
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  return written === sum
}
