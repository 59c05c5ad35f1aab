/** Operations of launch programs, and their encoding as eleven words. */

import assert from 'node:assert/strict'
import { OPERATION_BYTES, TOP } from './interpreter.ts'

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

/** An argument that is known only when the whole program is. */
export type LateWord = () => number

/** An operation before its labels are placed. */
export interface Draft {
  readonly number: number
  readonly args: readonly (Word | LateWord)[]
  readonly flow: Flow
}

/** Says whether the argument is read from memory when the program runs. */
export function isLoaded(arg: Word | Loaded): arg is Loaded {
  return typeof arg === 'object' && 'address' in arg
}

/** Address of argument `index` (0–5) of `operation`. */
export function argument(operation: Operation, index: number): Address {
  assert(index >= 0 && index < 6)
  return operation.address + 8 + 8 * index
}

/** Address of operation `index`; later ones lie lower. */
export function operationAddress(index: number): Address {
  return TOP - OPERATION_BYTES * (index + 1)
}

/** Writes an operation into its eleven words of `target`, from `at` on; its labels are placed. */
export function encode({ number, args, flow }: Draft, target: Words, at: number): void {
  writeWord(target, at, number)
  for (let index = 0; index < 6; index += 1) writeWord(target, at + 1 + index, args[index] ?? 0)
  writeWord(target, at + 7, flow.store ?? 0)
  writeWord(target, at + 8, flow.onPositive ?? 0)
  writeWord(target, at + 9, flow.onZero ?? 0)
  writeWord(target, at + 10, flow.onError ?? 0)
}

/** Words of 8 bytes, as their halves: both architectures have the low one first. */
export type Words = Int32Array

/** The words at `offset` of `buffer`, both multiples of 4 bytes. */
export function wordsOf(buffer: Buffer, offset: number, count: number): Words {
  return new Int32Array(buffer.buffer, buffer.byteOffset + offset, 2 * count)
}

export const WORD_BYTES = 8

const TWO_TO_32 = 2 ** 32

/** Sets word `at`. Halves instead of a bigint, where they do: a launch writes thousands of words. */
export function writeWord(target: Words, at: number, value: Word | LateWord): void {
  const word = wordValue(value)
  if (typeof word === 'number' && Number.isSafeInteger(word)) {
    target[2 * at] = word // modulo 2^32, as ECMAScript converts
    target[2 * at + 1] = Math.floor(word / TWO_TO_32)
  } else {
    const bits = BigInt(word)
    target[2 * at] = Number(BigInt.asIntN(32, bits))
    target[2 * at + 1] = Number(BigInt.asIntN(32, bits >> 32n))
  }
}

function wordValue(value: Word | LateWord): number | bigint {
  if (typeof value === 'function') return value()
  if (typeof value !== 'object') return value
  if (value.operation !== undefined) return operationAddress(value.operation)
  throw new assert.AssertionError({
    message: `The label "${value.name}" is used before it is placed`,
  })
}
