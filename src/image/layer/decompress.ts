/** Unpacks the bytes of a layer while they come. */

import { once } from 'node:events'
import type { Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { UNPACK_CHUNK_BYTES } from '../../limits.ts'
import type { Compression } from '../oci.ts'

/** Bytes go in and come out at `onData`, in order; the caller waits for each write. */
export interface Decompressor {
  write(chunk: Buffer): Promise<void> | void
  /** Everything has gone in; resolves when everything has come out. @throws {RangeError} */
  end(): Promise<void>
  /** After a failure. */
  destroy(): void
}

export function createDecompressor(
  compression: Compression,
  onData: (chunk: Buffer) => void,
): Decompressor {
  if (compression === 'none') {
    return { write: onData, end: () => Promise.resolve(), destroy: () => undefined }
  }
  const options = { chunkSize: UNPACK_CHUNK_BYTES }
  const stream = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options)
  return new StreamDecompressor(stream, compression, onData)
}

/** What a layer without a word about it is, by its first bytes. */
export function sniffCompression(start: Uint8Array): Compression {
  const [a, b, c, d] = start
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  return 'none'
}

class StreamDecompressor implements Decompressor {
  readonly #stream: Transform
  readonly #compression: Compression
  readonly #failed: Promise<never>
  #failure: unknown

  constructor(stream: Transform, compression: Compression, onData: (chunk: Buffer) => void) {
    this.#stream = stream
    this.#compression = compression
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

  #explain(error: Error): RangeError {
    return new RangeError(`its ${this.#compression} data is broken: ${error.message}`)
  }
}
