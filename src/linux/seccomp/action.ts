/** What a filter answers (include/uapi/linux/seccomp.h). */

import { UsageError } from '../../errors.ts'

/** The 32-bit return value of a filter. */
export type Action = number

const RETURN_ALLOW: Action = 0x7fff0000
export const RETURN_KILL_PROCESS: Action = 0x80000000
const RETURN_ERRNO: Action = 0x00050000
const RETURN_LOG: Action = 0x7ffc0000
const EPERM = 1
const ENOSYS = 38

/** A call that this system does not have. */
export const RETURN_ENOSYS: Action = RETURN_ERRNO | ENOSYS

/** Lets a call through: a profile that does so by default names what it refuses. */
export function isPermissive(action: Action): boolean {
  return action === RETURN_ALLOW || action === RETURN_LOG
}

const ACTIONS: Readonly<Record<string, Action>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: RETURN_KILL_PROCESS,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: RETURN_ERRNO,
  SCMP_ACT_LOG: RETURN_LOG,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_ALLOW: RETURN_ALLOW,
}

/** Reads an action of a profile; SCMP_ACT_NOTIFY needs somebody who listens and is refused. */
export function parseAction(name: string, errno: number = EPERM): Action {
  const action = ACTIONS[name]
  if (action === undefined) {
    const needed = `one of ${Object.keys(ACTIONS).join(', ')} is needed`
    throw new UsageError(`Cannot compile the seccomp profile: action "${name}"; ${needed}`)
  }
  const hasData = action === RETURN_ERRNO || name === 'SCMP_ACT_TRACE'
  return hasData ? action | (errno & 0xffff) : action
}
