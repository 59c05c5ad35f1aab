/**
 * Pid 1 of an attached `run`: it only waits, and reaps. The program itself is an exec beside it, so
 * that terminal, input and status are its caller's own.
 */

import { close, type Fd, Program, sealedMemfd } from '../../linux/index.ts'
import type { Undo } from '../undo.ts'
import * as kernel from './kernel.ts'

const SIG_IGN = 1n // include/uapi/asm-generic/signal-defs.h
/** struct sigaction of the kernel: handler, flags, restorer, mask. @see rt_sigaction(2) */
const SIGACTION_BYTES = 32
const SIGSET_BYTES = 8

/** Executed in the place of our init; closed by `undo` once the container has its own copy. */
export function openAnchor(undo: Undo): Fd {
  const fd = sealedMemfd('tsstack-init', anchorProgram().image())
  undo.push(() => close(fd))
  return fd
}

/** With SIGCHLD ignored the kernel reaps by itself (wait(2)); no other signal reaches a pid 1. */
function anchorProgram(): Program {
  const program = new Program()
  const ignore = Buffer.alloc(SIGACTION_BYTES)
  ignore.writeBigUInt64LE(SIG_IGN, 0)
  program.call('rt_sigaction', [kernel.SIGCHLD, program.bytes(ignore, 8), 0, SIGSET_BYTES])
  const loop = program.label('loop')
  program.place(loop)
  program.call('ppoll', [0, 0, 0, 0])
  program.jump(loop)
  return program
}
