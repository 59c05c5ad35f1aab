/**
 * A launch program: a tiny static executable that makes a list of system calls, written by tsstack.
 * @see docs/decisions/0002-launch-programs.md
 */

import assert from 'node:assert/strict'
import {
  ARCHITECTURE,
  syscallNumber,
  type Architecture,
  type SyscallName,
} from '../syscalls/index.ts'
import { hasBlank } from './blank.ts'
import { elfImage, imageBase } from './elf.ts'
import { alignUp, type BlankText, ProgramData } from './data.ts'
import { FAILURE_BYTES, FAILURE_MAGIC, type ProgramNotes } from './failure.ts'
import { OPERATION_BYTES, PAGE_BYTES, SCRATCH, TOP } from './interpreter.ts'
import {
  type Address,
  argument,
  type Computation,
  type Draft,
  encode,
  type Flow,
  isLoaded,
  type Label,
  type LateWord,
  type Loaded,
  type Operation,
  operationAddress,
  type Word,
  WORD_BYTES,
  wordsOf,
} from './operation.ts'

/** Exit status of a program that ran past its last operation, which is our own mistake. */
const STATUS_RAN_OUT = 125

/** Exit status after a failed operation, unless {@link Program.failLabel} says another. */
const STATUS_FAILED = 126

/**
 * Zeroed pieces up to this many bytes lie beside the data, so that they cost no page of their own.
 */
const SMALL_ZEROED_BYTES = 512

/** As a shell has it of a process that SIGKILL ended. */
export const STATUS_KILLED = 137

/** Number of the pseudo-operation that computes; any negative number would do. */
const COMPUTE = -1

/**
 * Where the interpreter leaves what failed last: magic (u32), operation's address (u32), result
 * (i64).
 * Its assembly has the same place.
 */
const FAILED: Address = TOP

/** Writes one launch program. Nothing runs before `spawn` of `image()`. */
export class Program {
  readonly architecture: Architecture
  readonly #drafts: Draft[] = []
  readonly #labels: Label[] = []
  /** Texts of failures, made only when one is to be described. */
  readonly #calls: (string | (() => string))[] = []
  readonly #data = new ProgramData()
  #scratchEnd: Address = SCRATCH
  #image: Buffer | undefined
  #base: Address = TOP
  /** Where what is needed for as long as the program runs ends: lowest operation, data. */
  #hot: { readonly from: Address; readonly to: Address } | undefined
  readonly #failures: {
    readonly label: Label
    readonly reportFd: Word
    readonly status: number
  }[] = []

  constructor(options: { readonly architecture?: Architecture | undefined } = {}) {
    this.architecture = options.architecture ?? ARCHITECTURE
    this.bytes(failureRecord())
  }

  /** Address of `text`, ended by NUL. The same text is stored once. */
  text(text: string): Address {
    return this.#data.text(text)
  }

  /** Address of `text` and its length in bytes, for calls that are told how long it is. */
  sized(text: string): { readonly address: Address; readonly length: Word | Loaded } {
    if (!hasBlank(text)) {
      const content = Buffer.from(text)
      return { address: this.bytes(content, 1), length: content.length }
    }
    const { address, length } = this.#data.blank(text)
    return { address, length: this.load(length) }
  }

  /** Address of a copy of `content`, aligned to `align` bytes (a power of two). */
  bytes(content: Uint8Array, align = 8): Address {
    return this.#data.bytes(content, align)
  }

  /** Address of one 8-byte word that holds `value`. */
  word(value: Word = 0): Address {
    return this.#data.words([value])
  }

  /** Address of an array of pointers ended by NULL, as execve takes it. */
  pointers(addresses: readonly Address[]): Address {
    return this.#data.words([...addresses, 0])
  }

  /** Address of `size` bytes of zeroes; large ones cost memory only where they are written. */
  zeroed(size: number, align = 8): Address {
    if (size <= SMALL_ZEROED_BYTES) return this.#data.reserve(size, align)
    const address = alignUp(this.#scratchEnd, align)
    this.#scratchEnd = address + size
    return address
  }

  /** A label to be placed later. */
  label(name = 'label'): Label {
    const label: Label = { name, operation: undefined }
    this.#labels.push(label)
    return label
  }

  /** Lets `label` stand before the operation that is added next. */
  place(label: Label): void {
    assert(label.operation === undefined, `The label "${label.name}" is placed twice`)
    label.operation = this.#drafts.length
  }

  /**
   * An argument that is the word at `address`, computed with as in {@link compute}: how a result
   * that an earlier call stored reaches a later call. Costs one operation before the call.
   */
  load(address: Address, how: Loaded['how'] = {}): Loaded {
    return { address, how }
  }

  /** A system call, by name or, for one that only one architecture has, by number. */
  call(
    name: SyscallName | number,
    args: readonly (Word | Loaded)[] = [],
    flow: Flow = {},
  ): Operation {
    const number = typeof name === 'number' ? name : syscallNumber(name, this.architecture)
    const note = flow.note ?? ((): string => this.#callText(String(name), args))
    return this.#add({ number, args: this.#loading(args), flow }, note)
  }

  /** Adds what loads arguments of the call that comes next; returns what it has until then. */
  #loading(args: readonly (Word | Loaded)[]): readonly Word[] {
    const count = args.filter(isLoaded).length
    if (count === 0) return args as readonly Word[]
    const index = this.#drafts.length + count
    const call = { index, address: operationAddress(index) }
    return args.map((arg, position) => {
      if (!isLoaded(arg)) return arg
      this.compute(arg.address, { ...arg.how, store: argument(call, position) })
      return 0
    })
  }

  /** Computes with the word at `source`; the result is stored and branched on like a call's. */
  compute(source: Address, how: Computation): Operation {
    const args = [source, how.shiftRight ?? 0, how.mask ?? -1, how.times ?? 1, how.plus ?? 0]
    return this.#add({ number: COMPUTE, args, flow: how }, how.note ?? 'compute')
  }

  /** Branches on the word at `source`, signed, against `constant`; without a label: goes on. */
  compare(
    source: Address,
    constant: number | bigint,
    to: {
      readonly less?: Label | undefined
      readonly equal?: Label | undefined
      readonly greater?: Label | undefined
      readonly mask?: number | bigint | undefined
    },
  ): Operation {
    return this.compute(source, {
      mask: to.mask,
      plus: -BigInt(constant),
      onError: to.less,
      onZero: to.equal,
      onPositive: to.greater,
    })
  }

  /** Goes to `label`. */
  jump(label: Label): Operation {
    const own = this.#next()
    return this.compute(argument(own, 5), {
      onPositive: label,
      onZero: label,
      onError: label,
      note: `jump ${label.name}`,
    })
  }

  /** Stores a constant. */
  set(target: Address, value: number | bigint): Operation {
    return this.compute(argument(this.#next(), 0), { mask: 0, plus: value, store: target })
  }

  /** Address of argument `index` (0–5) of `operation`: store an earlier result there. */
  argument(operation: Operation, index: number): Address {
    return argument(operation, index)
  }

  /**
   * Address of argument `index` of the operation that is added `steps` operations after the next
   * one:
   * as `store` of a call, 1 is the call that follows it. So a result becomes a later argument.
   */
  ahead(steps: number, index: number): Address {
    return argument({ index: 0, address: operationAddress(this.#drafts.length + steps) }, index)
  }

  /** Address of the word that says where `operation` stores its result. */
  storeTarget(operation: Operation): Address {
    return operation.address + 56
  }

  /** Address of the 8-byte result (-errno) of the system call that failed last. */
  get failedResult(): Address {
    return FAILED + 8
  }

  /**
   * A label for `onError`: writes the 16-byte failure record to `reportFd` (see `describeFailure`)
   * and ends the process with `status` (default 126).
   */
  failLabel(options: { readonly reportFd: number; readonly status?: number | undefined }): Label {
    const label = this.label('failed')
    this.#failures.push({
      label,
      reportFd: options.reportFd,
      status: options.status ?? STATUS_FAILED,
    })
    return label
  }

  /**
   * Says that operations and data added from here on serve the start only: see {@link
   * releaseCold}.
   */
  coldFromHere(): void {
    this.#hot = { from: operationAddress(this.#drafts.length - 1), to: this.#data.end }
  }

  /**
   * Gives the memory of everything after {@link coldFromHere} back, in whole pages, when it runs.
   * The
   * kernel maps 64 KiB around what is touched: a waiting monitor would keep all of its child's
   * part.
   */
  releaseCold(): void {
    const note = 'munmap(what only the start needed)'
    const from = (): Address => this.#layout().base
    const hotFrom = (): Address => this.#layout().hotFrom
    this.#late('munmap', [from, () => hotFrom() - from()], note)
    const to = (): Address => this.#layout().hotTo
    this.#late('munmap', [to, () => Math.max(0, this.#data.end - to())], note)
  }

  /** What the operations mean, to describe a failure with; plain data that can be stored. */
  get notes(): ProgramNotes {
    return { calls: this.#calls.map((note) => (typeof note === 'string' ? note : note())) }
  }

  /** Number of operations so far. */
  get length(): number {
    return this.#drafts.length
  }

  /** What operation `index` does, in words. */
  noteOf(index: number): string {
    const note = this.#calls[index] ?? ''
    return typeof note === 'string' ? note : note()
  }

  /**
   * For tests: the process ends instead of doing operation `index`, as abruptly as by SIGKILL; see
   * crash-point.ts. In the operation's own place: what is added at the end may be released by then.
   */
  crashAt(index: number | undefined): void {
    if (index === undefined || index >= this.#drafts.length || this.#image !== undefined) return
    const number = syscallNumber('exit_group', this.architecture)
    this.#drafts[index] = { number, args: [STATUS_KILLED, 0, 0, 0, 0], flow: {} }
  }

  /** The executable. The program cannot be added to afterwards. */
  image(): Buffer {
    if (this.#image === undefined) {
      this.#image = this.#assemble()
      // Only the image and the notes are of use from now on, and programs are kept.
      this.#drafts.splice(0)
      this.#data.forget()
    }
    return this.#image
  }

  /** What {@link FilledProgram} writes into the image. */
  get blankTexts(): readonly BlankText[] {
    return this.#data.blankTexts
  }

  /** Address of the first byte of the image. */
  get base(): Address {
    return this.#base
  }

  #assemble(): Buffer {
    for (const failure of this.#failures.splice(0)) {
      this.place(failure.label)
      this.call('write', [failure.reportFd, FAILED, FAILURE_BYTES])
      this.call('exit_group', [failure.status])
    }
    this.call('exit_group', [STATUS_RAN_OUT])
    for (const label of this.#labels) {
      assert(label.operation !== undefined, `The label "${label.name}" is never placed`)
    }
    this.#base = this.#layout().base
    return elfImage({
      architecture: this.architecture,
      operations: this.#encode(),
      base: this.#base,
      data: this.#data.content,
      scratchBytes: this.#scratchEnd - SCRATCH,
    })
  }

  /** The operation of the highest index comes first. */
  #encode(): Buffer {
    const last = this.#drafts.length - 1
    const operations = Buffer.alloc(OPERATION_BYTES * this.#drafts.length)
    const words = wordsOf(operations, 0, operations.length / WORD_BYTES)
    const step = OPERATION_BYTES / WORD_BYTES
    this.#drafts.forEach((draft, index) => encode(draft, words, step * (last - index)))
    return operations
  }

  #layout(): { readonly base: Address; readonly hotFrom: Address; readonly hotTo: Address } {
    const page = PAGE_BYTES[this.architecture]
    const lowest = operationAddress(this.#drafts.length - 1)
    const base = imageBase({
      architecture: this.architecture,
      lowestOperation: lowest,
      hasScratch: this.#scratchEnd > SCRATCH,
    })
    const { from, to } = this.#hot ?? { from: lowest, to: this.#data.end }
    return { base, hotFrom: alignDown(from, page), hotTo: alignUp(to, page) }
  }

  #late(name: SyscallName, args: readonly LateWord[], note: string): void {
    const number = syscallNumber(name, this.architecture)
    this.#add({ number, args, flow: {} }, note)
  }

  #next(): Operation {
    const index = this.#drafts.length
    return { index, address: operationAddress(index) }
  }

  #add(draft: Draft, note: string | (() => string)): Operation {
    assert(this.#image === undefined, 'A launch program cannot be added to after its image')
    assert(draft.args.length <= 6, 'A system call has at most six arguments')
    const operation = this.#next()
    this.#drafts.push(draft)
    this.#calls.push(note)
    return operation
  }

  #callText(name: string, args: readonly (Word | Loaded)[]): string {
    const shown = args.map((arg) => {
      if (isLoaded(arg)) return '…'
      if (typeof arg === 'object') return arg.name
      const text = this.#data.textAt(Number(arg))
      return text === undefined ? String(arg) : JSON.stringify(text)
    })
    return `${name}(${shown.join(', ')})`
  }
}

/** The failure record before anything failed: magic, operation 0, result 0. */
function failureRecord(): Buffer {
  const record = Buffer.alloc(FAILURE_BYTES)
  record.writeUInt32LE(FAILURE_MAGIC)
  return record
}

function alignDown(address: number, align: number): number {
  return Math.floor(address / align) * align
}
