/**
 * Our init: pid 1 of a container with `init: true`, a launch program that reaps and forwards
 * signals.
 */

import { type Label, Program } from '../../linux/index.ts'
import * as kernel from './kernel.ts'

const SIG_BLOCK = 0 // include/uapi/asm-generic/signal-defs.h
const SIG_SETMASK = 2
const SIGSET_BYTES = 8
const WNOHANG = 1
/** struct siginfo; include/uapi/asm-generic/siginfo.h */
const SIGINFO_BYTES = 128
const EXIT_NOT_FOUND = 127

/**
 * The program: forks, executes `args` in the child, then waits for signals for ever. All are
 * blocked, because a blocked signal is queued even for a pid 1, which else ignores what it does not
 * handle. Ends with the child's status, or 128 + signal. @see pid_namespaces(7), rt_sigtimedwait(2)
 */
export function initProgram(command: {
  readonly executable: string
  readonly args: readonly string[]
  readonly env: readonly string[]
}): Program {
  const program = new Program()
  const all = program.bytes(Buffer.alloc(SIGSET_BYTES, 0xff))
  const child = program.word()
  const loop = program.label('loop')
  program.call('rt_sigprocmask', [SIG_BLOCK, all, 0, SIGSET_BYTES])
  program.call('clone', [kernel.SIGCHLD, 0, 0, 0, 0], { store: child, onPositive: loop })
  writeUserProgram(program, command)
  program.place(loop)
  writeLoop(program, { all, child, loop })
  return program
}

function writeUserProgram(
  program: Program,
  command: {
    readonly executable: string
    readonly args: readonly string[]
    readonly env: readonly string[]
  },
): void {
  const strings = (list: readonly string[]): number =>
    program.pointers(list.map((text) => program.text(text)))
  const none = program.bytes(Buffer.alloc(SIGSET_BYTES))
  program.call('rt_sigprocmask', [SIG_SETMASK, none, 0, SIGSET_BYTES])
  program.call('execve', [
    program.text(command.executable),
    strings(command.args),
    strings(command.env),
  ])
  program.call('exit_group', [EXIT_NOT_FOUND])
}

function writeLoop(
  program: Program,
  { all, child, loop }: { readonly all: number; readonly child: number; readonly loop: Label },
): void {
  const signal = program.word()
  const reap = program.label('reap')
  const waited = program.word()
  const status = program.word()
  program.call('rt_sigtimedwait', [all, program.zeroed(SIGINFO_BYTES), 0, SIGSET_BYTES], {
    store: signal,
    onError: loop,
  })
  program.compare(signal, kernel.SIGCHLD, { equal: reap })
  program.compute(child, { store: program.ahead(2, 0) })
  program.compute(signal, { store: program.ahead(1, 1) })
  program.call('kill', [0, 0])
  program.jump(loop)
  program.place(reap)
  program.call('wait4', [-1, status, WNOHANG, 0], { store: waited, onZero: loop, onError: loop })
  // waited - child: the child's pid becomes the constant of the comparison that follows.
  program.compute(child, { times: -1, store: program.ahead(1, 4) })
  const ended = program.label('ended')
  program.compute(waited, { onZero: ended })
  program.jump(reap)
  program.place(ended)
  writeExit(program, status)
}

function writeExit(program: Program, status: number): void {
  const killed = program.label('killed')
  program.compute(status, { mask: 0x7f, onPositive: killed })
  program.compute(status, { shiftRight: 8, mask: 0xff, store: program.ahead(1, 0) })
  program.call('exit_group', [0])
  program.place(killed)
  program.compute(status, { mask: 0x7f, plus: 128, store: program.ahead(1, 0) })
  program.call('exit_group', [0])
}
