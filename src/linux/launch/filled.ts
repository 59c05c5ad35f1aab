/** A launch program whose blanks are filled in: ready to run, and as cheap as copying its image. */

import assert from 'node:assert/strict'
import { syscallNumber } from '../syscalls/index.ts'
import { fillIn } from './blank.ts'
import type { ProgramNotes } from './failure.ts'
import { OPERATION_BYTES } from './interpreter.ts'
import { encode, operationAddress, WORD_BYTES, wordsOf } from './operation.ts'
import { type Program, STATUS_KILLED } from './program.ts'

/** What can be spawned. */
export type LaunchProgram = Pick<
  Program,
  'architecture' | 'length' | 'notes' | 'noteOf' | 'crashAt' | 'image'
>

export class FilledProgram implements LaunchProgram {
  readonly #program: Program
  readonly #values: readonly string[]
  #crash: number | undefined

  /** `values` are those of the `Blanks` that the texts of `program` were written with. */
  constructor(program: Program, values: readonly string[]) {
    this.#program = program
    this.#values = values
  }

  get architecture(): Program['architecture'] {
    return this.#program.architecture
  }

  get length(): number {
    return this.#program.length
  }

  get notes(): ProgramNotes {
    const { calls } = this.#program.notes
    return { calls: calls.map((call) => fillIn(call, this.#values)) }
  }

  noteOf(index: number): string {
    return fillIn(this.#program.noteOf(index), this.#values)
  }

  crashAt(index: number | undefined): void {
    this.#crash = index
  }

  image(): Buffer {
    const image = Buffer.from(this.#program.image())
    const { base, blankTexts } = this.#program
    for (const { text, address, room, length } of blankTexts) {
      const filled = fillIn(text, this.#values)
      const bytes = Buffer.byteLength(filled)
      assert(bytes <= room, `A text of ${bytes} bytes does not fit into a blank of ${room}`)
      image.write(filled, address - base)
      if (length === undefined) assert(!filled.includes('\0'), 'A text cannot contain NUL')
      else image.writeUInt32LE(bytes, length - base)
    }
    if (this.#crash !== undefined) this.#endAt(image, this.#crash)
    return image
  }

  #endAt(image: Buffer, index: number): void {
    const at = operationAddress(index) - this.#program.base
    const words = wordsOf(image, at, OPERATION_BYTES / WORD_BYTES)
    const number = syscallNumber('exit_group', this.architecture)
    encode({ number, args: [STATUS_KILLED], flow: {} }, words, 0)
  }
}
