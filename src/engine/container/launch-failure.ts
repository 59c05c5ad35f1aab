/** What a failed operation of a launch program means to the user. */

import { EngineError, ERROR_CODES, type KernelError } from '../../errors.ts'

/** The error of a start or an exec in `container` whose launch program reported `cause`. */
export function launchFailure(container: string, cause: KernelError): EngineError {
  if (cause.syscall !== EXEC) {
    const hint = cause.message.includes('"/dev/null"') ? NO_DEVICES_HINT : HINTS[cause.syscall]
    const message = `Cannot start "${container}": ${cause.message}`
    return new EngineError('LAUNCH', message, { cause, hint })
  }
  const program = cause.message.slice(EXEC.length + 1, cause.message.indexOf(') failed: '))
  if (cause.errnoName === 'ENOENT') {
    // The file was there when it was looked for, so it is its interpreter or loader that is not.
    return new EngineError('EXEC_NOT_FOUND', `exec: ${program}: no such file or directory`, {
      hint: 'its interpreter (the #! line) or its dynamic loader is missing in the image',
      cause,
    })
  }
  const why = EXEC_TEXTS[cause.errnoName] ?? cause.message
  const hint = cause.errnoName === 'EACCES' ? NOT_ITS_OWN_HINT : undefined
  return new EngineError('EXEC_NOT_EXECUTABLE', `exec: ${program}: ${why}`, { cause, hint })
}

const HINTS: Readonly<Record<string, string>> = {
  chdir: 'name a directory of the container that its user may enter: "working_dir", or -w',
}

/** Whether anybody may execute it was looked at before. */
const NOT_ITS_OWN_HINT =
  'its user may not: look at the modes of the program and of the directories above it'

/** The child opens it at the last; only a mount of the stack's own at /dev leaves it out. */
const NO_DEVICES_HINT =
  'what the stack mounts at /dev has no such device: take it out, as every container has a /dev'

/** How `execute` in credentials.ts names its call. */
const EXEC = 'exec'

/** Docker's words, which are Go's. */
const EXEC_TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  ENOEXEC: 'exec format error',
}

/** 127 or 126, as shells count, for a start that failed because of its program; else undefined. */
export function exitCodeOfFailure(error: unknown): number | undefined {
  if (!(error instanceof EngineError)) return undefined
  const isProgram = error.code === 'EXEC_NOT_FOUND' || error.code === 'EXEC_NOT_EXECUTABLE'
  return isProgram ? ERROR_CODES[error.code].exit : undefined
}
