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
import { elfImage } from './elf.ts'
import { FAILURE_BYTES, FAILURE_MAGIC, type ProgramNotes } from './failure.ts'
import { OPERATION_BYTES, SCRATCH, TOP } from './interpreter.ts'

/** A place in the program's memory. */
export type Address = number

/** What an argument may be: a number, an address, a label (its operation's address), or loaded. */
export type Word = number | bigint | Label

/** An argument whose value is read from memory when the program runs. */
export interface Loaded {
  readonly address: Address
  readonly how: Pick<Computation, 'shiftRight' | 'mask' | 'times' | 'plus'>
}

/** A place among the operations, to go to; `place` it once. */
export interface Label {
  readonly name: string
  /** Index of the operation it stands before; undefined until it is placed. */
  operation: number | undefined
}

/** One operation of the program. */
export interface Operation {
  readonly index: number
  readonly address: Address
}

/** Where a result goes and what happens next; without a label the next operation follows. */
export interface Flow {
  /** The result is stored here, 8 bytes. */
  readonly store?: Address | undefined
  readonly onPositive?: Label | undefined
  readonly onZero?: Label | undefined
  /** Taken for a negative result. */
  readonly onError?: Label | undefined
  /** How a failure names the call: `mount("proc", "/proc")`; default: made from the arguments. */
  readonly note?: string | undefined
}

/** `((word >> shiftRight) & mask) * times + plus`, signed, in 64 bits. */
export interface Computation extends Flow {
  readonly shiftRight?: number | undefined
  readonly mask?: number | bigint | undefined
  readonly times?: number | bigint | undefined
  readonly plus?: number | bigint | undefined
}

/** Exit status of a program that ran past its last operation, which is our own mistake. */
const STATUS_RAN_OUT = 125

/** Exit status after a failed operation, unless {@link Program.failLabel} says another. */
const STATUS_FAILED = 126

/** Zeroed pieces up to this many bytes lie beside the data, so that they cost no page of their own. */
const SMALL_ZEROED_BYTES = 512

/** Number of the pseudo-operation that computes; any negative number would do. */
const COMPUTE = -1n

/**
 * Where the interpreter leaves what failed last: magic (u32), operation's address (u32), result (i64).
 * Its assembly has the same place.
 */
const FAILED: Address = TOP

interface Draft {
  readonly number: bigint
  readonly args: readonly Word[]
  readonly flow: Flow
}

/** Writes one launch program. Nothing runs before `spawn` of `image()`. */
export class Program {
  readonly architecture: Architecture
  readonly #drafts: Draft[] = []
  readonly #labels: Label[] = []
  readonly #calls: string[] = []
  readonly #texts = new Map<Address, string>()
  readonly #textAddresses = new Map<string, Address>()
  readonly #data: Buffer[] = []
  #dataEnd: Address = TOP
  #scratchEnd: Address = SCRATCH
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
    assert(!text.includes('\0'), 'A text of a launch program cannot contain NUL')
    const known = this.#textAddresses.get(text)
    if (known !== undefined) return known
    const address = this.bytes(Buffer.from(`${text}\0`), 1)
    this.#texts.set(address, text)
    this.#textAddresses.set(text, address)
    return address
  }

  /** Address of a copy of `content`, aligned to `align` bytes (a power of two). */
  bytes(content: Uint8Array, align = 8): Address {
    const address = alignUp(this.#dataEnd, align)
    if (address > this.#dataEnd) this.#data.push(Buffer.alloc(address - this.#dataEnd))
    this.#data.push(Buffer.from(content))
    this.#dataEnd = address + content.length
    assert(this.#dataEnd < SCRATCH, 'The data of a launch program is too large')
    return address
  }

  /** Address of one 8-byte word that holds `value`. */
  word(value: Word = 0): Address {
    return this.bytes(words([value]))
  }

  /** Address of an array of pointers ended by NULL, as execve takes it. */
  pointers(addresses: readonly Address[]): Address {
    return this.bytes(words([...addresses, 0]))
  }

  /** Address of `size` bytes of zeroes; large ones cost memory only where they are written. */
  zeroed(size: number, align = 8): Address {
    if (size <= SMALL_ZEROED_BYTES) return this.bytes(Buffer.alloc(size), align)
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
    const number = BigInt(typeof name === 'number' ? name : syscallNumber(name, this.architecture))
    const index = this.#drafts.length + args.filter(isLoaded).length
    const address = operationAddress(index)
    for (const [position, arg] of args.entries()) {
      if (!isLoaded(arg)) continue
      this.compute(arg.address, { ...arg.how, store: argument({ index, address }, position) })
    }
    const fixed = args.map((arg) => (isLoaded(arg) ? 0 : arg))
    return this.#add({ number, args: fixed, flow }, flow.note ?? this.#callText(String(name), args))
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
   * Address of argument `index` of the operation that is added `steps` operations after the next one:
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

  /** What the operations mean, to describe a failure with; plain data that can be stored. */
  get notes(): ProgramNotes {
    return { calls: [...this.#calls] }
  }

  /** The executable. The program cannot be added to afterwards. */
  image(): Buffer {
    for (const failure of this.#failures.splice(0)) {
      this.place(failure.label)
      this.call('write', [failure.reportFd, FAILED, FAILURE_BYTES])
      this.call('exit_group', [failure.status])
    }
    this.call('exit_group', [STATUS_RAN_OUT])
    for (const label of this.#labels) {
      assert(label.operation !== undefined, `The label "${label.name}" is never placed`)
    }
    return elfImage({
      architecture: this.architecture,
      operations: Buffer.concat(this.#drafts.toReversed().map(encode)),
      data: Buffer.concat(this.#data),
      scratchBytes: this.#scratchEnd - SCRATCH,
    })
  }

  #next(): Operation {
    const index = this.#drafts.length
    return { index, address: operationAddress(index) }
  }

  #add(draft: Draft, note: string): Operation {
    assert(draft.args.length <= 6, `${note}: a system call has at most six arguments`)
    const operation = this.#next()
    this.#drafts.push(draft)
    this.#calls.push(note)
    return operation
  }

  #callText(name: string, args: readonly (Word | Loaded)[]): string {
    const shown = args.map((arg) => {
      if (isLoaded(arg)) return '…'
      if (typeof arg === 'object') return arg.name
      const text = this.#texts.get(Number(arg))
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

function isLoaded(arg: Word | Loaded): arg is Loaded {
  return typeof arg === 'object' && 'address' in arg
}

function argument(operation: Operation, index: number): Address {
  assert(index >= 0 && index < 6)
  return operation.address + 8 + 8 * index
}

function operationAddress(index: number): Address {
  return TOP - OPERATION_BYTES * (index + 1)
}

function alignUp(address: number, align: number): number {
  return Math.ceil(address / align) * align
}

function encode(draft: Draft): Buffer {
  const { args, flow } = draft
  const padded = Array.from({ length: 6 }, (_, index) => args[index] ?? 0)
  return words([
    draft.number,
    ...padded,
    flow.store ?? 0,
    flow.onPositive ?? 0,
    flow.onZero ?? 0,
    flow.onError ?? 0,
  ])
}

function words(values: readonly Word[]): Buffer {
  const buffer = Buffer.alloc(8 * values.length)
  for (const [index, value] of values.entries()) {
    buffer.writeBigUInt64LE(BigInt.asUintN(64, wordValue(value)), 8 * index)
  }
  return buffer
}

function wordValue(value: Word): bigint {
  if (typeof value !== 'object') return BigInt(value)
  assert(value.operation !== undefined, `The label "${value.name}" is used before it is placed`)
  return BigInt(operationAddress(value.operation))
}
