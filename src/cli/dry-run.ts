/** `tsstack --dry-run COMMAND`: what would be done is shown, and nothing is done. */

import { UsageError } from '../errors.ts'

/** They show a plan. */
const PLANNED = ['up', 'down', 'create', 'scale', 'start', 'stop', 'restart', 'kill', 'rm']
const PAUSES = ['pause', 'unpause']
/** They do nothing anyway. */
const LOOKS = (
  'plan ps ls logs events top stats port url images volumes config convert version status ' +
  'explain history diff graph inspect info doctor audit schema completion'
).split(' ')
const KNOWN: ReadonlySet<string> = new Set([...PLANNED, ...PAUSES, ...LOOKS])

/**
 * Throws for a command of which nobody knows what it will do before it has been done: refused is
 * better than done.
 */
export function checkDryRun(command: string): void {
  if (KNOWN.has(command)) return
  throw new UsageError(`Cannot show what "${command}" would do: it is known only when it is done`, {
    hint: `--dry-run goes with ${[...PLANNED, ...PAUSES].join(', ')}`,
  })
}
