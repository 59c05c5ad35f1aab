/** A line that stays at the bottom of the terminal while others pass above it. */

import { isDrawn, isTerminal, say, sayBytes } from './output.ts'
import { safeText } from './safe-text.ts'

const ERASE_LINE = Buffer.from('\r\u001b[2K')

export class Footer {
  readonly #isShown: boolean = isTerminal(1) && isDrawn()
  readonly #paint: (text: string) => string
  #text = ''
  #isDrawn = false

  constructor(paint: (text: string) => string) {
    this.#paint = paint
  }

  /** The one line of text that stays; '' takes it away. */
  set(text: string): void {
    this.#erase()
    this.#text = safeText(text)
    this.#draw()
  }

  /** Prints a line above it. */
  say(text: string): void {
    this.#erase()
    say(text)
    this.#draw()
  }

  /** Lets `print` write above it; `isMidLine` tells afterwards whether its last line is open. */
  async above(print: () => Promise<void>, isMidLine: () => boolean): Promise<void> {
    this.#erase()
    await print()
    // There is no bottom line below an open one: the rest of that would be written into ours.
    if (!isMidLine()) this.#draw()
  }

  #draw(): void {
    if (!this.#isShown || this.#text === '') return
    const width = process.stderr.columns || 80
    const text = this.#text.length < width ? this.#text : `${this.#text.slice(0, width - 2)}…`
    sayBytes(Buffer.from(this.#paint(text)))
    this.#isDrawn = true
  }

  #erase(): void {
    if (this.#isDrawn) sayBytes(ERASE_LINE)
    this.#isDrawn = false
  }
}
