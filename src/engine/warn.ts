/** What went wrong beside something that goes on. */

import { errorText } from '../errors.ts'
import type { Machine } from './machine.ts'
import type { EngineEvent } from './types.ts'

/** Says it to whoever listens; `stack`: '' for none. `what`: a text, or what was thrown. */
export function warn(
  machine: Pick<Machine, 'emit' | 'now'>,
  stack: string,
  what: unknown,
): EngineEvent {
  const message = typeof what === 'string' ? what : errorText(what)
  const event = { kind: 'warning', time: machine.now(), stack, message } as const
  machine.emit(event)
  return event
}
