/** The eBPF program that v2 asks before a device is opened or made, assembled from device rules. */

import type { DeviceRule } from './types.ts'

/** Bytes of the program: 8 per instruction. Without a matching rule the device is refused. */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const unlimited = rules.findIndex(isUnlimited)
  // What follows a rule without a test is never reached, and the verifier refuses such code.
  const code =
    unlimited < 0
      ? [...PROLOGUE, ...rules.flatMap(ruleInstructions), ...verdict(0)]
      : [...PROLOGUE, ...rules.slice(0, unlimited + 1).flatMap(ruleInstructions)]
  const bytes = new DataView(new ArrayBuffer(code.length * INSTRUCTION_BYTES))
  for (const [index, instruction] of code.entries()) encode(bytes, index, instruction)
  return new Uint8Array(bytes.buffer)
}

/** struct bpf_insn of include/uapi/linux/bpf.h, without its unused halves. */
interface Instruction {
  readonly code: number
  readonly target?: number
  readonly source?: number
  readonly offset?: number
  readonly value?: number
}

const INSTRUCTION_BYTES = 8

// Opcodes: class | size or operation | mode or source
// (Documentation/bpf/standardization/instruction-set.rst).
const LOAD_WORD = 0x61 // BPF_LDX | BPF_MEM | BPF_W
const MOVE_REGISTER = 0xbc // BPF_ALU | BPF_MOV | BPF_X
const MOVE_VALUE = 0xb7 // BPF_ALU64 | BPF_MOV | BPF_K
const AND_VALUE = 0x54 // BPF_ALU | BPF_AND | BPF_K
const SHIFT_RIGHT_VALUE = 0x74 // BPF_ALU | BPF_RSH | BPF_K
const JUMP_UNLESS_EQUAL = 0x55 // BPF_JMP | BPF_JNE | BPF_K
const EXIT = 0x95 // BPF_JMP | BPF_EXIT

// Registers: 0 holds the verdict, 1 the context; the prologue fills the others.
const RESULT = 0
const CONTEXT = 1
const TYPE = 2
const ACCESS = 3
const MAJOR = 4
const MINOR = 5
const SCRATCH = 6

/** struct bpf_cgroup_dev_ctx: __u32 access_type (access << 16 | type), major, minor. */
const PROLOGUE: readonly Instruction[] = [
  { code: LOAD_WORD, target: TYPE, source: CONTEXT, offset: 0 },
  { code: MOVE_REGISTER, target: ACCESS, source: TYPE },
  { code: AND_VALUE, target: TYPE, value: 0xffff },
  { code: SHIFT_RIGHT_VALUE, target: ACCESS, value: 16 },
  { code: LOAD_WORD, target: MAJOR, source: CONTEXT, offset: 4 },
  { code: LOAD_WORD, target: MINOR, source: CONTEXT, offset: 8 },
]

const DEVICE_TYPE = { block: 1, char: 2 } // BPF_DEVCG_DEV_*
const ACCESS_BITS = [
  ['m', 1],
  ['r', 2],
  ['w', 4],
] as const // BPF_DEVCG_ACC_*

/** Allows every access to every device. */
function isUnlimited(rule: DeviceRule): boolean {
  return testsOf(rule).length === 0
}

function testsOf(rule: DeviceRule): readonly Instruction[] {
  return [...typeTest(rule), ...accessTest(rule), ...numberTests(rule)]
}

/** Allows what the rule names; each comparison that fails jumps behind the rule. */
function ruleInstructions(rule: DeviceRule): readonly Instruction[] {
  const body = [...testsOf(rule), ...verdict(1)]
  return body.map((instruction, index) =>
    instruction.code === JUMP_UNLESS_EQUAL
      ? { ...instruction, offset: body.length - index - 1 }
      : instruction,
  )
}

function typeTest({ type }: DeviceRule): readonly Instruction[] {
  if (type === 'all') return []
  return [{ code: JUMP_UNLESS_EQUAL, target: TYPE, value: DEVICE_TYPE[type] }]
}

/**
 * Every access asked for must be granted: what is left without the granted bits must be nothing.
 */
function accessTest({ access }: DeviceRule): readonly Instruction[] {
  const refused = ACCESS_BITS.reduce(
    (bits, [letter, bit]) => (access.includes(letter) ? bits : bits | bit),
    0,
  )
  if (refused === 0) return []
  return [
    { code: MOVE_REGISTER, target: SCRATCH, source: ACCESS },
    { code: AND_VALUE, target: SCRATCH, value: refused },
    { code: JUMP_UNLESS_EQUAL, target: SCRATCH, value: 0 },
  ]
}

function numberTests({ major, minor }: DeviceRule): readonly Instruction[] {
  return [
    [MAJOR, major],
    [MINOR, minor],
  ].flatMap(([target, value]) =>
    target === undefined || value === undefined ? [] : [{ code: JUMP_UNLESS_EQUAL, target, value }],
  )
}

function verdict(allow: 0 | 1): readonly Instruction[] {
  return [{ code: MOVE_VALUE, target: RESULT, value: allow }, { code: EXIT }]
}

/** Little-endian, as x64 and arm64 are; the lower half byte of the registers is the target. */
function encode(bytes: DataView, index: number, instruction: Instruction): void {
  const { code, target = 0, source = 0, offset = 0, value = 0 } = instruction
  const at = index * INSTRUCTION_BYTES
  bytes.setUint8(at, code)
  bytes.setUint8(at + 1, (source << 4) | target)
  bytes.setInt16(at + 2, offset, true)
  bytes.setInt32(at + 4, value, true)
}
