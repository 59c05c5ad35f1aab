/** Classic BPF: instructions with labels, and jumps that reach as far as they must. */

import assert from 'node:assert/strict'
import { UsageError } from '../../errors.ts'

// include/uapi/linux/bpf_common.h
const LOAD_WORD = 0x20 // BPF_LD | BPF_W | BPF_ABS
const AND = 0x54 // BPF_ALU | BPF_AND | BPF_K
const RETURN = 0x06 // BPF_RET | BPF_K
const JUMP = 0x05 // BPF_JMP | BPF_JA
const CONDITION = { equal: 0x15, greater: 0x25, greaterOrEqual: 0x35, anyBit: 0x45 } as const

/** Bytes of a struct sock_filter. */
export const INSTRUCTION_BYTES: number = 8
/** BPF_MAXINSNS (include/uapi/linux/bpf_common.h). */
const INSTRUCTIONS_MAX = 4096
/** A condition's two offsets are one byte each. */
const REACH_MAX = 255

export type Condition = keyof typeof CONDITION

/** A place in the program, to jump to; forwards only, as BPF has no loops. */
export interface Mark {
  at: number | undefined
}

type Instruction =
  | { readonly kind: 'plain'; readonly code: number; readonly value: number }
  | {
      readonly kind: 'condition'
      readonly code: number
      readonly value: number
      /** Where to go; undefined is the next instruction. */
      readonly yes: Mark | undefined
      readonly no: Mark | undefined
      /** Goes through a jump of its own that follows it, as its target is out of reach. */
      isFar: boolean
    }

/** Collects a filter program. */
export class Assembler {
  readonly #instructions: Instruction[] = []
  readonly #marks: { readonly mark: Mark; readonly index: number }[] = []

  mark(): Mark {
    return { at: undefined }
  }

  /** Lets `mark` stand before what comes next. */
  place(mark: Mark): void {
    this.#marks.push({ mark, index: this.#instructions.length })
  }

  /** Loads the 32-bit word at `offset` of struct seccomp_data. */
  load(offset: number): void {
    this.#plain(LOAD_WORD, offset)
  }

  and(mask: number): void {
    this.#plain(AND, mask)
  }

  return(action: number): void {
    this.#plain(RETURN, action)
  }

  /**
   * Compares what is loaded, unsigned; a missing mark is the next instruction. At most one is far.
   */
  when(
    condition: Condition,
    value: number,
    to: { readonly yes?: Mark | undefined; readonly no?: Mark | undefined },
  ): void {
    this.#instructions.push({
      kind: 'condition',
      code: CONDITION[condition],
      value,
      yes: to.yes,
      no: to.no,
      isFar: false,
    })
  }

  /** The program as an array of struct sock_filter. */
  assemble(): Buffer {
    while (this.#widenOne()) this.#layOut()
    const parts = this.#instructions.map((instruction, index) => this.#encode(instruction, index))
    const program = Buffer.concat(parts)
    const count = program.length / INSTRUCTION_BYTES
    if (count > INSTRUCTIONS_MAX) {
      const seen = `${count} instructions; the kernel takes ${INSTRUCTIONS_MAX}`
      throw new UsageError(`Cannot compile the seccomp profile: ${seen}`, {
        hint: 'name fewer system calls with arguments',
      })
    }
    return program
  }

  #plain(code: number, value: number): void {
    this.#instructions.push({ kind: 'plain', code, value })
  }

  #offsets: number[] = []

  #layOut(): void {
    let offset = 0
    this.#offsets = this.#instructions.map((instruction) => {
      const own = offset
      offset += instruction.kind === 'condition' && instruction.isFar ? 3 : 1
      return own
    })
    for (const { mark, index } of this.#marks) mark.at = this.#offsets[index] ?? offset
  }

  /** Makes the conditions far that do not reach; false when all do. */
  #widenOne(): boolean {
    this.#layOut()
    let hasChanged = false
    for (const [index, instruction] of this.#instructions.entries()) {
      if (instruction.kind === 'plain' || instruction.isFar) continue
      const next = (this.#offsets[index] ?? 0) + 1
      const reaches = [instruction.yes, instruction.no].every(
        (mark) => mark === undefined || target(mark) - next <= REACH_MAX,
      )
      if (reaches) continue
      instruction.isFar = true
      hasChanged = true
    }
    return hasChanged
  }

  #encode(instruction: Instruction, index: number): Buffer {
    if (instruction.kind === 'plain') return encode(instruction.code, 0, 0, instruction.value)
    const { code, value, yes, no } = instruction
    const next = (this.#offsets[index] ?? 0) + 1
    if (!instruction.isFar) {
      const distance = (mark: Mark | undefined): number => (mark ? target(mark) - next : 0)
      return encode(code, distance(yes), distance(no), value)
    }
    // condition: yes -> +0, no -> +1; then one jump each. A missing mark goes behind both.
    const end = next + 2
    const far = (mark: Mark | undefined, from: number): Buffer =>
      encode(JUMP, 0, 0, (mark ? target(mark) : end) - from)
    return Buffer.concat([encode(code, 0, 1, value), far(yes, next + 1), far(no, next + 2)])
  }
}

function target(mark: Mark): number {
  assert(mark.at !== undefined, 'A mark of a filter program is never placed')
  return mark.at
}

function encode(code: number, yes: number, no: number, value: number): Buffer {
  assert(yes >= 0 && yes <= REACH_MAX && no >= 0 && no <= REACH_MAX, 'A jump leads backwards')
  const bytes = Buffer.alloc(INSTRUCTION_BYTES)
  bytes.writeUInt16LE(code, 0)
  bytes.writeUInt8(yes, 2)
  bytes.writeUInt8(no, 3)
  bytes.writeUInt32LE(value >>> 0, 4)
  return bytes
}
