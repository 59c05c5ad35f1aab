/** A file of an archive whose bytes are coming. */

import { ftruncateSync, writeSync } from 'node:fs'
import type { SparsePart, TarEntry } from '../../image/index.ts'
import { close, type Fd } from '../../linux/index.ts'

export class NewFile {
  readonly #fd: Fd
  readonly #entry: TarEntry
  readonly #apply: () => void
  /** Parts between holes that are still to come; none for a file without holes. */
  readonly #parts: SparsePart[]
  #position: number | null = null
  #left = 0

  /** `apply`: gives it owner, mode and times once it is whole. */
  constructor(fd: Fd, entry: TarEntry, apply: () => void) {
    this.#fd = fd
    this.#entry = entry
    this.#apply = apply
    this.#parts = [...(entry.sparse ?? [])]
  }

  write(chunk: Buffer): void {
    if (this.#entry.sparse === undefined) return writeAll(this.#fd, chunk, null)
    for (let rest = chunk; rest.length > 0;) {
      while (this.#left === 0) {
        const part = this.#parts.shift()
        if (part === undefined) return
        this.#position = part.offset
        this.#left = part.length
      }
      const bytes = Math.min(this.#left, rest.length)
      writeAll(this.#fd, rest.subarray(0, bytes), this.#position)
      this.#position = (this.#position ?? 0) + bytes
      this.#left -= bytes
      rest = rest.subarray(bytes)
    }
  }

  finish(): void {
    try {
      if (this.#entry.sparse) ftruncateSync(this.#fd, this.#entry.size)
      this.#apply()
    } finally {
      close(this.#fd)
    }
  }

  abandon(): void {
    close(this.#fd)
  }
}

function writeAll(fd: Fd, bytes: Buffer, position: number | null): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(fd, bytes, at, bytes.length - at, position === null ? null : position + at)
  }
}
