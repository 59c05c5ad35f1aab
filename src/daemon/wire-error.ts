/** Errors on their way from the supervisor to the command line. */

import { ERROR_CODES, SpecError, TsstackError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { WireError } from './protocol.ts'

/** What the error says, as data. `sources`: the texts that diagnostics point into. */
export function toWire(error: unknown, sources?: Readonly<Record<string, string>>): WireError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  if (!(error instanceof TsstackError)) {
    return { name, code: 'INTERNAL', message, ...(stack !== undefined && { stack }) }
  }
  return {
    name,
    code: error.code,
    message,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(stack !== undefined && { stack }),
    ...(error instanceof SpecError && { diagnostics: error.diagnostics }),
    ...(error instanceof SpecError && sources !== undefined && { sources }),
  }
}

/** An error that happened in the supervisor; `sources` are the texts its diagnostics point into. */
export class RemoteError extends TsstackError {
  override readonly name: string = 'RemoteError'
  readonly sources: ReadonlyMap<string, string>
  readonly remoteStack: string | undefined

  constructor(wire: WireError) {
    super(knownCode(wire.code), wire.message, { hint: wire.hint, cause: causeOf(wire) })
    this.sources = new Map(Object.entries(wire.sources ?? {}))
    this.remoteStack = wire.stack
  }
}

function causeOf(wire: WireError): SpecError | undefined {
  return wire.diagnostics && new SpecError(wire.message, wire.diagnostics)
}

/** A newer supervisor may know codes that this command line does not. */
function knownCode(code: string): ErrorCode {
  return Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL'
}
