/** Prints log lines of several containers, each behind the name of its own. */

import { unpackLines } from '../daemon/index.ts'
import type { LogSource, PackedLine } from '../daemon/index.ts'
import { printBytes } from './output.ts'
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

export class LogPrinter {
  readonly #style: LogStyle
  #prefixes: readonly Buffer[] = []
  /** The stream that is in the middle of a line. */
  #open: string | undefined

  constructor(style: LogStyle) {
    this.#style = style
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
    const parts: Uint8Array[] = []
    for (const line of unpackLines(pack)) this.#add(parts, line)
    return printBytes(Buffer.concat(parts))
  }

  /** Ends a line that nobody has ended. */
  finish(): Promise<void> {
    const isOpen = this.#open !== undefined
    this.#open = undefined
    return isOpen ? printBytes(NEWLINE) : Promise.resolve()
  }

  #add(parts: Uint8Array[], line: PackedLine): void {
    const stream = `${line.source} ${line.stream}`
    if (this.#open !== stream) {
      if (this.#open !== undefined) parts.push(NEWLINE)
      this.#addStart(parts, line)
    }
    parts.push(this.#style.isTerminal ? harmless(line.bytes) : line.bytes)
    if (!line.partial) parts.push(NEWLINE)
    this.#open = line.partial ? stream : undefined
  }

  #addStart(parts: Uint8Array[], { source, time }: PackedLine): void {
    const prefix = this.#prefixes[source]
    if (this.#style.prefix && prefix !== undefined) parts.push(prefix)
    if (this.#style.timestamps) parts.push(Buffer.from(`${new Date(time).toISOString()} `))
  }
}

function harmless(bytes: Uint8Array): Uint8Array {
  return Buffer.from(safeLine(new TextDecoder().decode(bytes)))
}
