/** Prints log lines of several containers, each behind the name of its own. */

import { unpackBlocks } from '../daemon/index.ts'
import type { LogSource, PackedBlock } from '../daemon/index.ts'
import { printBytes } from './output.ts'
import { endQuietly } from './quiet-end.ts'
import { safeLine, safeText } from './safe-text.ts'
import { paintLabel } from './style.ts'

export interface LogStyle {
  /** Terminal escapes in the lines are made harmless. */
  readonly isTerminal: boolean
  readonly color: boolean
  readonly prefix: boolean
  readonly timestamps: boolean
}

const NEWLINE = Buffer.from('\n')
const NOTHING = Buffer.alloc(0)

export class LogPrinter {
  readonly #style: LogStyle
  #prefixes: readonly Buffer[] = []
  /** The stream that is in the middle of a line. */
  #open: string | undefined

  constructor(style: LogStyle) {
    this.#style = style
    // A million lines are enough work for it.
    endQuietly()
  }

  /** Which containers the numbers of the lines mean from now on. */
  name(sources: readonly LogSource[]): void {
    const labels = sources.map(({ service, index }) => safeText(`${service}-${index}`))
    const width = Math.max(...labels.map(({ length }) => length))
    this.#prefixes = labels.map((label, number) => {
      const text = `${label.padEnd(width)}  | `
      return Buffer.from(this.#style.color ? paintLabel(number, text) : text)
    })
  }

  /** True when what was printed last is no whole line. */
  get isMidLine(): boolean {
    return this.#open !== undefined
  }

  /** Resolves when more may be printed. */
  print(pack: Uint8Array): Promise<void> {
    const bytes = new ByteBuilder(pack.length * 2)
    for (const block of unpackBlocks(pack)) this.#add(bytes, block)
    return printBytes(bytes.take())
  }

  /** Ends a line that nobody has ended. */
  finish(): Promise<void> {
    const isOpen = this.#open !== undefined
    this.#open = undefined
    return isOpen ? printBytes(NEWLINE) : Promise.resolve()
  }

  #add(bytes: ByteBuilder, block: PackedBlock): void {
    const stream = `${block.source} ${block.stream}`
    const isContinued = this.#open === stream
    if (!isContinued && this.#open !== undefined) bytes.add(NEWLINE)
    const start = this.#startOf(block)
    if (start.length === 0 && !this.#style.isTerminal) bytes.add(block.bytes)
    else this.#addLines(bytes, block, { start, isContinued })
    this.#open = block.partial ? stream : undefined
  }

  #addLines(
    bytes: ByteBuilder,
    block: PackedBlock,
    { start, isContinued }: { readonly start: Buffer; readonly isContinued: boolean },
  ): void {
    const text = Buffer.from(block.bytes.buffer, block.bytes.byteOffset, block.bytes.length)
    for (let from = 0; from < text.length;) {
      if (from > 0 || !isContinued) bytes.add(start)
      const end = text.indexOf(NEWLINE, from)
      const to = end < 0 ? text.length : end + 1
      if (this.#style.isTerminal) bytes.add(harmless(text.subarray(from, to)))
      else bytes.addPart(text, from, to)
      from = to
    }
  }

  /** What comes before each line of the block. */
  #startOf({ source, time }: PackedBlock): Buffer {
    const prefix = (this.#style.prefix && this.#prefixes[source]) || NOTHING
    if (!this.#style.timestamps) return prefix
    return Buffer.concat([prefix, Buffer.from(`${new Date(time).toISOString()} `)])
  }
}

/** Grows as it is filled. */
class ByteBuilder {
  #bytes: Buffer
  #used = 0

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  add(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#used)
    this.#used += bytes.length
  }

  addPart(source: Buffer, from: number, to: number): void {
    this.#reserve(to - from)
    source.copy(this.#bytes, this.#used, from, to)
    this.#used += to - from
  }

  take(): Buffer {
    return this.#bytes.subarray(0, this.#used)
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe((this.#used + bytes) * 2)
    this.#bytes.copy(larger, 0, 0, this.#used)
    this.#bytes = larger
  }
}

/** A newline at its end stays one. */
function harmless(line: Buffer): Uint8Array {
  const text = new TextDecoder().decode(line)
  return Buffer.from(text.endsWith('\n') ? `${safeLine(text.slice(0, -1))}\n` : safeLine(text))
}
