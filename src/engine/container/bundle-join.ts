/** A program that runs another one in the namespaces of a container: a hook of a bundle. */

import { CLONE_NEW, Program } from '../../linux/index.ts'
import { becomeWithRights } from './capability-sets.ts'
import * as kernel from './kernel.ts'

/** Standard streams are those that the program is spawned with. */
export interface JoinInput {
  /** Descriptor of the container's pid 1. */
  readonly pidfd: number
  /** CLONE_NEW* of those of its namespaces that are not ours. */
  readonly namespaces: number
  /** As the container sees it. */
  readonly path: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  /**
   * Whose the files are that it makes, and what it may do all the same: for a file system whose
   * root is another user than ours.
   */
  readonly owner?: { readonly id: number; readonly capabilities: bigint } | undefined
}

/** Exits as the program does: with its status, 1 when a signal ended it, 127 if there is none. */
export function joinProgram(input: JoinInput): Program {
  const program = new Program()
  const failed = program.label('failed')
  const child = program.label('child')
  const [status, ended, signaled] = [program.word(), program.word(), program.label('signaled')]
  program.call('setns', [input.pidfd, input.namespaces], { onError: failed })
  if ((input.namespaces & CLONE_NEW.user) !== 0) {
    program.call('setresgid', [0, 0, 0], { onError: failed })
    program.call('setresuid', [0, 0, 0], { onError: failed })
  }
  if (input.owner) becomeWithRights(program, input.owner, failed)
  const args = Buffer.alloc(kernel.CLONE_ARGS_BYTES)
  args.writeBigUInt64LE(BigInt(kernel.SIGCHLD), 32)
  // A child, for a pid namespace counts for children only.
  program.call('clone3', [program.bytes(args, 8), kernel.CLONE_ARGS_BYTES], {
    store: ended,
    onZero: child,
    onError: failed,
  })
  program.call('wait4', [-1, status, 0, 0], { onError: failed })
  program.compute(status, { mask: 0x7f, onPositive: signaled })
  program.compute(status, { shiftRight: 8, mask: 0xff, store: program.ahead(1, 0) })
  program.call('exit_group', [0])
  program.place(signaled)
  program.call('exit_group', [1])
  program.place(child)
  const strings = (list: readonly string[]): number =>
    program.pointers(list.map((text) => program.text(text)))
  program.call('close_range', [3, kernel.ALL_DESCRIPTORS, 0])
  program.call('execve', [program.text(input.path), strings(input.args), strings(input.env)])
  program.place(failed)
  program.call('exit_group', [127])
  return program
}
