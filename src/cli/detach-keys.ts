/** The keys that end `attach` and leave the program running: `ctrl-p,ctrl-q`, as Docker has them. */

import { UsageError } from '../errors.ts'

/** Looks for the sequence in what is typed; keys that may begin it are held back until it is sure. */
export class DetachKeys {
  readonly #sequence: Buffer
  #matched = 0

  constructor(sequence: Buffer) {
    this.#sequence = sequence
  }

  /** What of `typed` is the program's, and whether the sequence was complete within it. */
  push(typed: Buffer): { readonly passed: Buffer; readonly isDetached: boolean } {
    const passed: number[] = []
    for (const byte of typed) {
      if (byte === this.#sequence[this.#matched]) {
        this.#matched += 1
        if (this.#matched === this.#sequence.length) {
          return { passed: Buffer.from(passed), isDetached: true }
        }
        continue
      }
      passed.push(...this.#sequence.subarray(0, this.#matched))
      this.#matched = byte === this.#sequence[0] ? 1 : 0
      if (this.#matched === 0) passed.push(byte)
    }
    return { passed: Buffer.from(passed), isDetached: false }
  }
}

/**
 * `ctrl-p,ctrl-q`, `ctrl-@`, `a`: keys between commas, each a character or `ctrl-` and one.
 * @throws {UsageError} that says what is wrong
 */
export function parseDetachKeys(text: string): Buffer {
  return Buffer.from(text.split(',').map((key) => codeOf(key.trim(), text)))
}

function codeOf(key: string, text: string): number {
  if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0)
  const [, letter] = /^ctrl-([a-z@[\\\]^_])$/i.exec(key) ?? []
  // Control characters are the letters without their two upper bits. See ascii(7).
  if (letter !== undefined) return letter.toUpperCase().charCodeAt(0) & 0x1f
  throw new UsageError(`Cannot detach by "${text}": "${key}" is no key`, {
    hint: 'name characters, or ctrl- with one of a-z @ [ \\ ] ^ _, between commas: ctrl-p,ctrl-q',
  })
}
