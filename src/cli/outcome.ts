/** What became of a plan: the failures in full, and the exit status. */

import type { Outcome } from '../daemon/index.ts'
import { ERROR_CODES } from '../errors.ts'
import { say } from './output.ts'
import { subjectText } from './progress.ts'
import { exitOf } from './render-error.ts'
import { safeText } from './safe-text.ts'
import type { Paint } from './style.ts'

/**
 * Says each failure with its cure; returns the status of the first, 130 when interrupted, else 0.
 */
export function reportOutcomes(
  outcomes: readonly Outcome[],
  { interrupted, paint }: { readonly interrupted: boolean; readonly paint: Paint },
): number {
  let status = 0
  for (const outcome of outcomes) {
    if (outcome.kind !== 'failed') continue
    const { code, message, hint } = outcome.error
    const head = `${paint('red', 'error:')} ${subjectText(outcome.action)}`
    say(`${head}: ${safeText(message)} ${paint('dim', `[${code}]`)}`)
    if (hint !== undefined) say(`${paint('cyan', 'hint:')} ${safeText(hint)}`)
    if (status === 0) status = statusOf(code)
  }
  if (status === 0 && interrupted) return exitOf('INTERRUPTED')
  if (status === 0 && outcomes.some(({ kind }) => kind === 'skipped')) {
    return exitOf('ACTION_FAILED')
  }
  return status
}

function statusOf(code: string): number {
  return Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as keyof typeof ERROR_CODES].exit : 1
}
