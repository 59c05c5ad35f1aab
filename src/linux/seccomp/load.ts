/** Puts a filter into a launch program, which loads it for itself and its children. */

import assert from 'node:assert/strict'
import type { Address, Flow, Operation, Program } from '../launch/index.ts'
import { INSTRUCTION_BYTES } from './assembler.ts'

const SECCOMP_SET_MODE_FILTER = 1 // include/uapi/linux/seccomp.h
/** Keeps the processor's protection against speculative stores as it is, as Docker and runc do. */
const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4

/**
 * Adds the call that loads `filter` (of `compileSeccomp`). It needs CAP_SYS_ADMIN or
 * no_new_privs, and holds
 * for every later operation of the program.
 */
export function loadSeccomp(program: Program, filter: Buffer, flow: Flow = {}): Operation {
  const note = 'seccomp(SECCOMP_SET_MODE_FILTER)'
  const args = [SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, sockFprog(program, filter)]
  return program.call('seccomp', args, { note, ...flow })
}

/** Address of a struct sock_fprog for `filter`. */
function sockFprog(program: Program, filter: Buffer): Address {
  assert(filter.length > 0 && filter.length % INSTRUCTION_BYTES === 0)
  const fprog = Buffer.alloc(16)
  fprog.writeUInt16LE(filter.length / INSTRUCTION_BYTES, 0)
  fprog.writeBigUInt64LE(BigInt(program.bytes(filter)), 8)
  return program.bytes(fprog)
}
