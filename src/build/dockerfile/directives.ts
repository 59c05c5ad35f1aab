/** Parser directives: comments at the very beginning that change how the rest is read. */

import { Problem } from './problem.ts'

const DIRECTIVE = /^#\s*(?<name>[a-zA-Z][a-zA-Z0-9]*)\s*=\s*(?<value>.+?)\s*$/

/** @see Dockerfile reference, "Parser directives" */
export class Directives {
  /** `syntax`, `escape` and `check`, where the file has them. */
  readonly values: Map<string, string> = new Map()
  #isOver = false

  /** The character that escapes, and that continues a line at its end. */
  get escape(): string {
    return this.values.get('escape') ?? '\\'
  }

  /** To be called for each line, trimmed, in order. Throws `Problem` for a wrong one. */
  see(line: string, lineNumber: number): void {
    if (this.#isOver) return
    const { name = '', value = '' } = DIRECTIVE.exec(line)?.groups ?? {}
    const known = name.toLowerCase()
    if (!['syntax', 'escape', 'check'].includes(known)) {
      this.#isOver = true
      return
    }
    if (this.values.has(known)) {
      throw new Problem(
        `Cannot use the directive "${known}" of line ${lineNumber}: it is a second one`,
        {
          hint: 'keep one of them',
        },
      )
    }
    if (known === 'escape' && value !== '\\' && value !== '`') {
      throw new Problem(`Cannot escape with "${value}": only "\\" and "\`" can be chosen`)
    }
    this.values.set(known, value)
  }
}
