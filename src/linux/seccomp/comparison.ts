/** Comparisons of the arguments of a system call, at the width that the kernel itself uses. */

import { UsageError } from '../../errors.ts'
import type { Abi } from '../syscalls/index.ts'
import type { Assembler, Mark } from './assembler.ts'
import type { SeccompArgument } from './profile.ts'

/** One comparison of the profile, for one system call of one interface. */
export interface Comparison {
  readonly index: number
  readonly operator: Operator
  readonly value: bigint
  readonly valueTwo: bigint
  /** Compares all 64 bits; otherwise the low 32, which are all that the call sees. */
  readonly isWide: boolean
}

/**
 * Arguments that are `int` or `unsigned int`: the kernel ignores the high half of the register, so
 * a filter that looks at it can be walked past. socket(0x100000028) is AF_VSOCK, 40, to the kernel.
 */
const INT_ARGUMENTS: Readonly<Record<string, readonly number[]>> = {
  socket: [0, 1, 2],
  socketpair: [0, 1, 2],
  personality: [0],
  clone: [0], // lower_32_bits(clone_flags), kernel/fork.c
  unshare: [0],
  setns: [0, 1],
  ioctl: [0, 1],
  fcntl: [0, 1],
  prctl: [0],
  keyctl: [0],
  bpf: [0, 2],
  setsockopt: [0, 1, 2],
  getsockopt: [0, 1, 2],
  kill: [0, 1],
  tkill: [0, 1],
  tgkill: [0, 1, 2],
  openat: [0, 2, 3],
  open: [1, 2],
  chmod: [1],
  fchmod: [0, 1],
  fchmodat: [0, 2],
  mknod: [1, 2],
  mknodat: [0, 2, 3],
}

const ARGUMENTS_MAX = 6
const WIDE_ABIS: readonly Abi[] = ['x64', 'x32', 'arm64']

/** Reads an argument rule of a profile for the system call `name` of `abi`. */
export function parseComparison(
  arg: SeccompArgument,
  call: { readonly abi: Abi; readonly name: string },
): Comparison {
  const operator = OPERATORS.find((known) => arg.op === `SCMP_CMP_${known}`)
  if (!operator) {
    throw refused(`operator "${arg.op}"`, `SCMP_CMP_ and one of ${OPERATORS.join(', ')}`)
  }
  if (!Number.isInteger(arg.index) || arg.index < 0 || arg.index >= ARGUMENTS_MAX) {
    throw refused(`argument ${arg.index} of ${call.name}`, 'a number from 0 to 5')
  }
  const isInt = INT_ARGUMENTS[call.name]?.includes(arg.index) ?? false
  return {
    index: arg.index,
    operator,
    value: BigInt(arg.value),
    valueTwo: BigInt(arg.valueTwo ?? 0),
    isWide: WIDE_ABIS.includes(call.abi) && !isInt,
  }
}

const OPERATORS = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'] as const
type Operator = (typeof OPERATORS)[number]

/** Writes code that goes on when the comparison holds, and to `fails` when it does not. */
export function writeComparison(assembler: Assembler, comparison: Comparison, fails: Mark): void {
  const holds = assembler.mark()
  if (comparison.isWide) writeHigh(assembler, comparison, { holds, fails })
  writeLow(assembler, comparison, fails)
  assembler.place(holds)
}

const OFFSET_ARGUMENTS = 16 // struct seccomp_data, include/uapi/linux/seccomp.h

/** Decides by the high words when they differ; goes on when the low ones have to. */
function writeHigh(
  assembler: Assembler,
  { index, operator, value, valueTwo }: Comparison,
  { holds, fails }: { readonly holds: Mark; readonly fails: Mark },
): void {
  const high = Number((value >> 32n) & 0xffffffffn)
  assembler.load(OFFSET_ARGUMENTS + 8 * index + 4)
  switch (operator) {
    case 'EQ':
      return assembler.when('equal', high, { no: fails })
    case 'NE':
      return assembler.when('equal', high, { no: holds })
    case 'GT':
    case 'GE':
      assembler.when('greater', high, { yes: holds })
      return assembler.when('equal', high, { no: fails })
    case 'LT':
    case 'LE':
      assembler.when('greater', high, { yes: fails })
      return assembler.when('equal', high, { no: holds })
    case 'MASKED_EQ':
      assembler.and(high)
      return assembler.when('equal', Number((valueTwo >> 32n) & 0xffffffffn), { no: fails })
  }
}

function writeLow(
  assembler: Assembler,
  { index, operator, value, valueTwo }: Comparison,
  fails: Mark,
): void {
  const low = Number(value & 0xffffffffn)
  assembler.load(OFFSET_ARGUMENTS + 8 * index)
  switch (operator) {
    case 'EQ':
      return assembler.when('equal', low, { no: fails })
    case 'NE':
      return assembler.when('equal', low, { yes: fails })
    case 'GT':
      return assembler.when('greater', low, { no: fails })
    case 'GE':
      return assembler.when('greaterOrEqual', low, { no: fails })
    case 'LT':
      return assembler.when('greaterOrEqual', low, { yes: fails })
    case 'LE':
      return assembler.when('greater', low, { yes: fails })
    case 'MASKED_EQ':
      assembler.and(low)
      return assembler.when('equal', Number(valueTwo & 0xffffffffn), { no: fails })
  }
}

function refused(seen: string, needed: string): UsageError {
  return new UsageError(`Cannot compile the seccomp profile: ${seen}; ${needed} is needed`)
}
