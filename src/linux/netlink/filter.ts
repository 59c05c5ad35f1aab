/** Which messages a netlink socket receives: a classic BPF program (SO_ATTACH_FILTER, socket(7)). */

import koffi from 'koffi'
import type { Fd } from '../fd.ts'
import { check, declare } from '../libc.ts'

const setsockopt = declare('int setsockopt(int, int, int, void *, uint)')

const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26 // include/uapi/asm-generic/socket.h
const INSTRUCTION_BYTES = 8

/**
 * Code, jump when true, jump when false, operand: struct sock_filter. A field's low byte comes
 * first in a message, and loads are big-endian.
 */
export type Instruction = readonly [number, number, number, number]

export function filterMessages(fd: Fd, program: readonly Instruction[]): void {
  const code = Buffer.from(new ArrayBuffer(INSTRUCTION_BYTES * program.length))
  for (const [at, [operation, whenTrue, whenFalse, operand]] of program.entries()) {
    code.writeUInt16LE(operation, INSTRUCTION_BYTES * at)
    code.writeUInt8(whenTrue, INSTRUCTION_BYTES * at + 2)
    code.writeUInt8(whenFalse, INSTRUCTION_BYTES * at + 3)
    code.writeUInt32LE(operand, INSTRUCTION_BYTES * at + 4)
  }
  const header = Buffer.alloc(16) // struct sock_fprog
  header.writeUInt16LE(program.length, 0)
  header.writeBigUInt64LE(koffi.address(code), 8)
  check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length), {
    syscall: 'setsockopt',
    args: [fd, 'SO_ATTACH_FILTER'],
  })
}
