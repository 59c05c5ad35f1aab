/** Launch programs that were written before: a restart and a health probe ask for the same again. */

import { hash } from 'node:crypto'
import type { Program } from '../../linux/index.ts'
import { LAUNCH_PROGRAMS_KEPT } from '../../limits.ts'
import type { ProgramInput } from './child.ts'

const programs = new Map<string, Program>()

/**
 * The program that `write` makes of `input` and `rest`, or an earlier one of equal ones: they are
 * all that it depends on. A filter is known by its Buffer, of which there is one of each kind.
 */
export function cachedProgram(input: ProgramInput, rest: unknown, write: () => Program): Program {
  const { seccomp, capabilityMask, rlimits, users, ...plain } = input
  const limits = [...rlimits, ...(users?.raised ?? [])].map(
    ({ resource, soft, hard }) => `${resource} ${soft} ${hard}`,
  )
  const filter = seccomp && identityOf(seccomp)
  const text = JSON.stringify([plain, rest, filter, `${capabilityMask}`, limits, users?.first])
  // The text itself would be kept as long as the program, and is nearly as large.
  const key = hash('sha256', text, 'base64')
  const program = programs.get(key) ?? write()
  // The one used last is forgotten last.
  programs.delete(key)
  programs.set(key, program)
  if (programs.size > LAUNCH_PROGRAMS_KEPT) {
    const [oldest = ''] = programs.keys()
    programs.delete(oldest)
  }
  return program
}

const identities = new WeakMap<Buffer, number>()
let last = 0

function identityOf(buffer: Buffer): number {
  const known = identities.get(buffer)
  if (known !== undefined) return known
  last += 1
  identities.set(buffer, last)
  return last
}
