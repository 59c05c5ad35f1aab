/**
 * The launch program of another process in a bundle's container: it makes the process and ends, so
 * that it is a child of whoever asked for it.
 */

import { CLONE_NEW, Program } from '../../linux/index.ts'
import { setProperties } from './bundle.ts'
import type { BundleInput } from './bundle.ts'
import {
  becomeRoot,
  DEFAULT_UMASK,
  joinGroup,
  openSession,
  openTasks,
  type ProgramInput,
  setOomScore,
  setProfile,
  writeLimits,
} from './child.ts'
import { cloneArguments } from './clone.ts'
import { writeBundleCredentials } from './credentials.ts'
import * as kernel from './kernel.ts'
import { MESSAGE, message, MESSAGE_BYTES } from './monitor.ts'

/** Descriptors are the numbers that the child has. */
export interface BundleExecInput
  extends
    Omit<ProgramInput, 'descriptors'>,
    Pick<
      BundleInput,
      'descriptors' | 'cgroupFd' | 'tasks' | 'scheduler' | 'ioPriority' | 'personality'
    > {
  /** Of the container's pid 1. */
  readonly pidfd: number
  /** CLONE_NEW* of those of its namespaces that are not ours. */
  readonly namespaces: number
}

/** Of these the child enters itself: the groups are joined before, and users lose their rights. */
const LATER = CLONE_NEW.user | CLONE_NEW.cgroup

export function bundleExecProgram(input: BundleExecInput): Program {
  const { descriptors, pidfd, namespaces, cgroupFd } = input
  const program = new Program()
  const onError = program.failLabel({ reportFd: descriptors.report })
  program.call('prctl', [kernel.PR_SET_DUMPABLE, 0], { note: 'prctl(PR_SET_DUMPABLE, 0)' })
  // While the host's files are in view.
  const tasks = input.tasks.map((path) => openTasks(program, path, onError))
  const now = namespaces & ~LATER
  if (now !== 0) program.call('setns', [pidfd, now], { onError, note: 'setns(container)' })
  const child = program.label('child')
  const started = program.bytes(message(MESSAGE.started))
  // The caller's child at once, whose end is told as ours is.
  const clone = cloneArguments({ flags: kernel.CLONE_PARENT, cgroupFd })
  program.call('clone3', [program.bytes(clone, 8), kernel.CLONE_ARGS_BYTES], {
    store: started + 8,
    onZero: child,
    onError,
    note: 'clone3(process)',
  })
  program.call('write', [descriptors.report, started, MESSAGE_BYTES])
  program.call('exit_group', [0])
  program.place(child)
  for (const word of tasks) joinGroup(program, word, onError)
  if ((namespaces & CLONE_NEW.cgroup) !== 0) {
    program.call('setns', [pidfd, CLONE_NEW.cgroup], { onError, note: 'setns(cgroup)' })
  }
  writeLimits(program, input.rlimits, onError)
  setOomScore(program, input, onError)
  if ((namespaces & CLONE_NEW.user) !== 0) {
    program.call('setns', [pidfd, CLONE_NEW.user], { onError, note: 'setns(user)' })
    becomeRoot(program, onError)
  }
  // Programs of the container see this process already: none of ours may be read from it.
  program.call('close_range', [descriptors.firstPassed, kernel.ALL_DESCRIPTORS, 0], { onError })
  openSession(program, input, onError)
  program.call('umask', [input.process.user.umask ?? DEFAULT_UMASK])
  setProperties(program, input, onError)
  setProfile(program, input, onError)
  writeBundleCredentials(program, input, onError)
  return program
}
