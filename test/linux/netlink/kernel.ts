/**
 * Runs a test file in a network namespace of its own: the process's thread is moved there for
 * good.
 */

import { execFileSync } from 'node:child_process'
import { createNetworkNamespace } from '../../../src/linux/index.ts'
import { declare } from '../../../src/linux/libc.ts'

const setns = declare('int setns(int, int)')

/**
 * Moves this process (children follow) to a new empty network namespace; returns its descriptor.
 */
export function enterFreshNetwork(): number {
  const fd = createNetworkNamespace()
  if (setns(fd, 0x40000000) !== 0) throw new Error('setns failed')
  return fd
}

/** Output of a program as JSON, from inside the namespace of `fd`, or from the process's own. */
export function readJson(command: readonly string[], fd?: number): any {
  return JSON.parse(run(command, fd) || '[]')
}

export function run(command: readonly string[], fd?: number): string {
  const [program = '', ...args] =
    fd === undefined ? command : ['nsenter', `--net=/proc/${process.pid}/fd/${fd}`, ...command]
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
