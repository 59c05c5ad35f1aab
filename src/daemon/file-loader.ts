/** The files of a stack on the disk. */

import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { isAbsolute, relative } from 'node:path'
import type { Diagnostic } from '../errors.ts'
import { STACK_FILE_BYTES_MAX } from '../limits.ts'
import type { Loader } from '../spec/index.ts'
import { fingerprint, fingerprintOf } from './watch/fingerprint.ts'

class TooLarge extends Error {}

interface FileInput {
  readonly cwd: string
  /** What `-` means. */
  readonly stdin?: string | undefined
}

/** Files as they are on the disk, and `-` as the caller's standard input. */
export class FileLoader implements Loader {
  isTooLarge = false
  /** Every path that was asked for, present or not, and what it was like just before. */
  readonly seen: Map<string, string> = new Map()
  readonly #input: FileInput
  readonly #texts = new Map<string, Uint8Array>()
  readonly #bytesMax: number
  #bytes = 0

  constructor(input: FileInput, bytesMax: number = Infinity) {
    this.#input = input
    this.#bytesMax = bytesMax
  }

  readFile(path: string): Uint8Array {
    const bytes = path === '-' ? Buffer.from(this.#input.stdin ?? '') : this.#read(path)
    this.#bytes += bytes.length
    if (this.#bytes > this.#bytesMax) {
      this.isTooLarge = true
      throw new TooLarge('the files are too large to be read here')
    }
    this.#texts.set(path, bytes)
    return bytes
  }

  kindOf(path: string): 'file' | 'directory' | 'other' | 'absent' {
    if (path === '-') return 'file'
    if (!this.seen.has(path)) this.seen.set(path, fingerprint(path))
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return 'absent'
    if (stat.isDirectory()) return 'directory'
    return stat.isFile() ? 'file' : 'other'
  }

  #read(path: string): Uint8Array {
    const { print, bytes } = readRegularFile(path)
    this.seen.set(path, print)
    return bytes
  }

  /** Texts that `diagnostics` point into, by the names they use for them. */
  sources(diagnostics: readonly Diagnostic[]): ReadonlyMap<string, string> {
    const named = new Set(diagnostics.map((each) => each.file))
    const shown = new Map<string, string>()
    for (const [path, bytes] of this.#texts) {
      const names = isAbsolute(path) ? [path, relative(this.#input.cwd, path)] : [path, '<stdin>']
      for (const name of names) {
        if (named.has(name)) shown.set(name, new TextDecoder().decode(bytes))
      }
    }
    return shown
  }
}

/**
 * Opened without waiting, and looked at before it is read: a FIFO would hold the reader forever.
 */
function readRegularFile(path: string): { readonly print: string; readonly bytes: Uint8Array } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd, { bigint: true })
    if (!stat.isFile()) throw new Error('it is not a regular file')
    if (stat.size > STACK_FILE_BYTES_MAX) {
      throw new Error(`it has ${stat.size} bytes; at most ${STACK_FILE_BYTES_MAX} are read`)
    }
    return { print: fingerprintOf(stat), bytes: readFileSync(fd) }
  } finally {
    closeSync(fd)
  }
}
