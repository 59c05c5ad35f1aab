/** Errors on their way from the supervisor to the command line. */

import {
  ERROR_CODES,
  isOutOfFiles,
  moreFilesHint,
  PreflightError,
  TsstackError,
} from '../errors.ts'
import type { ErrorCode, Problem, SpecError } from '../errors.ts'
import type { WireError } from './protocol.ts'

/** A Dockerfile that has errors, with the diagnostics as a person reads them. */
export class RenderedError extends TsstackError {
  override readonly name: string = 'RenderedError'
  readonly rendered: string

  constructor(error: TsstackError, rendered: string) {
    super(error.code, error.message, { hint: error.hint, cause: error })
    this.rendered = rendered
  }
}

/** Stack files that have errors, with the diagnostics as a person reads them. */
export class InvalidStack extends TsstackError {
  override readonly name: string = 'InvalidStack'
  readonly rendered: string

  constructor(error: SpecError, rendered: string) {
    super('INVALID_STACK', error.message, { cause: error })
    this.rendered = rendered
  }
}

/** What the error says, as data. */
export function toWire(error: unknown): WireError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  const trace = stack !== undefined && { stack }
  if (isOutOfFiles(error)) {
    return { name, code: 'SUPERVISOR', message, hint: moreFilesHint(), ...trace }
  }
  if (!(error instanceof TsstackError)) return { name, code: 'INTERNAL', message, ...trace }
  return {
    name,
    code: error.code,
    message,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error instanceof InvalidStack && { rendered: error.rendered }),
    ...(error instanceof PreflightError && { problems: error.problems }),
    ...trace,
  }
}

/** An error that happened in the supervisor. */
export class RemoteError extends TsstackError {
  override readonly name: string = 'RemoteError'
  /** See {@link InvalidStack}. */
  readonly rendered: string | undefined
  /** What is in the way of a plan; {@link rendered} has them once they are found in the files. */
  readonly problems: readonly Problem[]
  readonly remoteStack: string | undefined

  constructor(wire: WireError) {
    super(knownCode(wire.code), wire.message, { hint: wire.hint })
    this.rendered = wire.rendered
    this.problems = wire.problems ?? []
    this.remoteStack = wire.stack
  }
}

/** A newer supervisor may know codes that this command line does not. */
function knownCode(code: string): ErrorCode {
  return Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL'
}
