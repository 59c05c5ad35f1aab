/**
 * What every command is given: where the supervisor is, and what was said before the command's
 * name.
 */

import type { Command } from 'commander'
import type { Places, StackInput } from '../daemon/index.ts'
import { mergeOptions, stackInput } from './options.ts'
import type { StackOptions } from './options.ts'
import { hasColor } from './output.ts'
import type { Asking } from './request.ts'
import { painter } from './style.ts'
import type { Paint } from './style.ts'

export interface Context {
  readonly places: Places
  /** The command's name alone, as others are told who wait for it. */
  readonly asking: Asking
  /** Said before the command: what would be done is shown, and nothing is done. */
  readonly isDryRun: boolean
  /** Paints for stderr. */
  readonly paint: Paint
  /** The stack that is meant. `services` named by the user count as enabled. */
  readonly input: (services?: readonly string[]) => StackInput
}

export function contextOf(command: Command, places: Places): Context {
  const before = command.parent?.opts<StackOptions & { readonly dryRun?: boolean }>() ?? {}
  const after = command.opts<StackOptions & { readonly scale?: Readonly<Record<string, number>> }>()
  return {
    places,
    asking: { places, command: `tsstack ${command.name()}` },
    isDryRun: before.dryRun === true,
    paint: painter(2),
    input: (services) => ({
      ...stackInput(mergeOptions(before, after), services),
      color: hasColor(2),
      ...(after.scale && { scale: after.scale }),
    }),
  }
}
