/** ADD unpacks local archives: which files are one, and how one is unpacked into a stage. */

import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { EngineError } from '../../errors.ts'
import { createDecompressor, type Packing, sniffPacking, TarReader } from '../../image/index.ts'
import { Problem } from '../dockerfile/problem.ts'
import { absolute, type FileTree, Pace, type TreeEntry } from './tree.ts'
import { type UnpackOptions, Unpacker } from './unpack.ts'

export interface Archive {
  readonly tree: FileTree
  readonly entry: TreeEntry
  readonly packing: Packing
}

const BLOCK = 512
/** As much of a packed archive as holds its first header: bzip2 packs 900,000 bytes at a time. */
const START_BYTES = 1024 * 1024

/** `undefined` for any other file. */
export async function archiveIn(tree: FileTree, entry: TreeEntry): Promise<Archive | undefined> {
  if (!entry.stats.isFile()) return undefined
  const start = readStart(absolute(tree, entry.path))
  const packing = sniffPacking(start)
  const block = packing === 'none' ? start : await unpackedStart(start, packing)
  return isTarHeader(block.subarray(0, BLOCK)) ? { tree, entry, packing } : undefined
}

/** @throws {Problem} for an archive that is broken, or leads out of the target. */
export async function unpackArchive(
  { tree, entry, packing }: Archive,
  options: UnpackOptions,
): Promise<void> {
  const unpacker = new Unpacker(options)
  const reader = new TarReader(unpacker)
  const decompressor = createDecompressor(packing, (chunk) => reader.push(chunk))
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

function readStart(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const start = Buffer.alloc(Math.min(START_BYTES, fstatSync(fd).size))
    return start.subarray(0, readSync(fd, start))
  } finally {
    closeSync(fd)
  }
}

async function unpackedStart(start: Buffer, packing: Exclude<Packing, 'none'>): Promise<Buffer> {
  let block = Buffer.alloc(0)
  const decompressor = createDecompressor(packing, (chunk) => {
    block = Buffer.concat([block, chunk.subarray(0, BLOCK)])
    // A few bytes may unpack to gigabytes.
    if (block.length >= BLOCK) throw new RangeError('that is enough')
  })
  try {
    await decompressor.write(start)
    await decompressor.end()
  } catch (error) {
    // Cut off, as it is only the start; or no archive at all, which the header shows.
    if (error instanceof EngineError) throw error
  } finally {
    decompressor.destroy()
  }
  return block
}

/** By its checksum, which counts itself as blanks. @see tar(5) */
function isTarHeader(block: Buffer): boolean {
  if (block.length < BLOCK || block.every((byte) => byte === 0)) return false
  const written = Number.parseInt(block.toString('latin1', 148, 156).replaceAll('\0', ' '), 8)
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  return written === sum
}
