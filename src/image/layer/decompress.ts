/** Unpacks the bytes of a layer while they come. */

import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { EngineError } from '../../errors.ts'
import { UNPACK_CHUNK_BYTES } from '../../limits.ts'
import type { Compression } from '../oci.ts'
import { type ProgramPacking, unpackByProgram } from './unpack-program.ts'
import { ZstdFrames } from './zstd-frames.ts'

/** How archives that are no layers may be packed as well. */
export type Packing = Compression | ProgramPacking

/** Bytes go in and come out at `onData`, in order; the caller waits for each write. */
export interface Decompressor {
  write(chunk: Buffer): Promise<void> | void
  /** Everything has gone in; resolves when everything has come out. @throws {RangeError} */
  end(): Promise<void>
  /** After a failure. */
  destroy(): void
}

/** Loaded with the first layer. */
const zlib = () => process.getBuiltinModule('zlib')

export function createDecompressor(
  packing: Packing,
  onData: (chunk: Buffer) => void,
): Decompressor {
  if (packing === 'none') {
    return { write: onData, end: () => Promise.resolve(), destroy: () => undefined }
  }
  if (packing === 'zstd') {
    return new ZstdFrames(
      () => new StreamDecompressor(zlib().createZstdDecompress(), packing, onData),
    )
  }
  return new StreamDecompressor(createUnpacker(packing), packing, onData)
}

function createUnpacker(packing: Exclude<Packing, 'none' | 'zstd'>): Duplex {
  if (packing === 'gzip') return zlib().createGunzip({ chunkSize: UNPACK_CHUNK_BYTES })
  return unpackByProgram(packing)
}

/** The plain bytes of `source`, as they are asked for. @throws {RangeError} */
export async function* unpacked(
  source: AsyncIterable<Buffer>,
  packing: Packing,
): AsyncGenerator<Buffer, void> {
  let plain: Buffer[] = []
  // The chunk is used again by whoever made it.
  const decompressor = createDecompressor(packing, (chunk) => void plain.push(Buffer.from(chunk)))
  const taken = (): readonly Buffer[] => {
    const all = plain
    plain = []
    return all
  }
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        await decompressor.write(chunk.subarray(at, at + SLICE_BYTES))
        yield* taken()
      }
    }
    await decompressor.end()
    yield* taken()
  } finally {
    decompressor.destroy()
  }
}

/** Of packed bytes: four of zstd may be 128 KiB. */
const SLICE_BYTES = 4096

/** How an archive is packed, by its first bytes. */
export function sniffPacking(start: Uint8Array): Packing {
  const is = (magic: readonly number[]): boolean => magic.every((byte, at) => start[at] === byte)
  if (is(XZ)) return 'xz'
  // "BZh", a digit for the size of its blocks, and the start of the first or the end of them.
  const isBzip2 = is(BZIP2) && [0x31, 0x17].includes(start[4] ?? 0)
  return isBzip2 ? 'bzip2' : sniffCompression(start)
}

const XZ = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]
const BZIP2 = [0x42, 0x5a, 0x68]

/** What a layer without a word about it is, by its first bytes. */
export function sniffCompression(start: Uint8Array): Compression {
  const [a, b, c, d] = start
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  return 'none'
}

class StreamDecompressor implements Decompressor {
  readonly #stream: Duplex
  readonly #packing: Packing
  readonly #failed: Promise<never>
  #failure: unknown

  constructor(stream: Duplex, packing: Packing, onData: (chunk: Buffer) => void) {
    this.#stream = stream
    this.#packing = packing
    stream.on('data', (chunk: Buffer) => {
      if (this.#failure !== undefined) return
      try {
        onData(chunk)
      } catch (error) {
        this.#failure = error
        stream.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    })
    this.#failed = new Promise((_, reject) => {
      stream.once('error', (error) => reject(this.#failure ?? this.#explain(error)))
    })
    // Whoever waits next is told.
    this.#failed.catch(() => undefined)
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#stream.destroyed) return this.#failed
    if (this.#stream.write(chunk)) return
    await Promise.race([once(this.#stream, 'drain').catch(() => this.#failed), this.#failed])
  }

  async end(): Promise<void> {
    if (this.#stream.destroyed) return this.#failed
    const ended = once(this.#stream, 'end').catch(() => this.#failed)
    this.#stream.end()
    await Promise.race([ended, this.#failed])
  }

  destroy(): void {
    this.#failure ??= new Error('given up')
    this.#stream.destroy()
  }

  #explain(error: Error): Error {
    if (error instanceof EngineError) return error
    return new RangeError(`its ${this.#packing} data is broken: ${error.message}`)
  }
}
