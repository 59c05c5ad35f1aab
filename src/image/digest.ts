/** Digests: what content is called by. They become file names, so the grammar is strict. */

import { createHash, type Hash } from 'node:crypto'

/** `sha256:` and 64 hex digits, lower case. */
export type Digest = `sha256:${string}`

const PATTERN = /^sha256:[0-9a-f]{64}$/

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && PATTERN.test(value)
}

export function digestOf(content: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/** The digits alone, for a file name. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length)
}

/** As `images` shows it. */
export function shortId(digest: Digest): string {
  return hexOf(digest).slice(0, 12)
}

/** Adds up bytes to a digest and a size. */
export class Digester {
  readonly #hash: Hash = createHash('sha256')
  bytes = 0

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    this.bytes += chunk.length
  }

  /** Ends the digester. */
  digest(): Digest {
    return `sha256:${this.#hash.digest('hex')}`
  }
}
