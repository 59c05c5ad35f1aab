/** SHA-256 of files, remembered by what the kernel says of them, so that nothing is read twice. */

import { createHash } from 'node:crypto'
import { createReadStream, readFileSync, renameSync, type Stats, writeFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'

/** A change within one tick of the kernel's clock after it was read would not be seen. */
const SETTLED_MS = 100
/** Files up to this many bytes are read at one go: a stream costs more. */
const SMALL_BYTES_MAX = 128 * 1024

/** One file keeps them all; a broken or missing one costs time only. */
export class FileDigests {
  readonly #file: string
  readonly #known: Map<string, string>
  #isChanged = false

  constructor(file: string) {
    this.#file = file
    this.#known = readKnown(file)
  }

  /** Hex digits. */
  async digestOf(path: string, stats: Stats): Promise<string> {
    const key = keyOf(stats)
    const known = this.#known.get(key)
    if (known !== undefined) {
      // The last used is the last to be forgotten.
      this.#known.delete(key)
      this.#known.set(key, known)
      return known
    }
    const digest = await hashFile(path, stats.size)
    if (Date.now() - stats.ctimeMs > SETTLED_MS) {
      this.#known.set(key, digest)
      this.#isChanged = true
    }
    return digest
  }

  /** Keeps what was learnt for the next build. */
  save(): void {
    if (!this.#isChanged) return
    const lines = [...this.#known].slice(-KNOWN_MAX).map(([key, digest]) => `${key} ${digest}\n`)
    const draft = `${this.#file}.${process.pid}`
    writeFileSync(draft, lines.join(''), { mode: 0o600 })
    renameSync(draft, this.#file)
    this.#isChanged = false
  }
}

/** Files remembered: about 13 MB of text, which is read in 0.1 s. */
const KNOWN_MAX = 100_000

function keyOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(':')
}

function readKnown(file: string): Map<string, string> {
  try {
    const lines = readFileSync(file, 'utf8').split('\n')
    return new Map(
      lines.flatMap((line) => {
        const [key = '', digest = ''] = line.split(' ')
        return /^[0-9a-f]{64}$/.test(digest) ? [[key, digest] as const] : []
      }),
    )
  } catch {
    return new Map()
  }
}

async function hashFile(path: string, size: number): Promise<string> {
  const hash = createHash('sha256')
  if (size <= SMALL_BYTES_MAX) return hash.update(readFileSync(path)).digest('hex')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}
