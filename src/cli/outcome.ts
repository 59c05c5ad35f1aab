/** What became of a plan: the failures in full, and the exit status. */

import type { Outcome } from '../daemon/index.ts'
import { ERROR_CODES } from '../errors.ts'
import { say } from './output.ts'
import { subjectText } from './progress.ts'
import { exitOf } from './render-error.ts'
import { safeText } from './safe-text.ts'
import type { Paint } from './style.ts'

/**
 * Says each failure with its cure; returns 1 where there is one, 130 when interrupted, else 0.
 * `runsProgram`: a program that is missing ends it as a shell does, with 127 or 126.
 */
export function reportOutcomes(
  outcomes: readonly Outcome[],
  {
    interrupted,
    paint,
    runsProgram = false,
  }: { readonly interrupted: boolean; readonly paint: Paint; readonly runsProgram?: boolean },
): number {
  let status = 0
  for (const outcome of outcomes) {
    if (outcome.kind !== 'failed') continue
    const { code, message, hint } = outcome.error
    const head = `${paint('red', 'error:')} ${subjectText(outcome.action)}`
    say(`${head}: ${safeText(message)} ${paint('dim', `[${code}]`)}`)
    if (hint !== undefined) say(`${paint('cyan', 'hint:')} ${safeText(hint)}`)
    if (status === 0) status = runsProgram ? statusOf(code) : FAILED
  }
  if (status === 0 && interrupted) return exitOf('INTERRUPTED')
  if (status === 0 && outcomes.some(({ kind }) => kind === 'skipped')) {
    return exitOf('ACTION_FAILED')
  }
  return status
}

/** As Compose ends, whatever the reason. */
const FAILED = 1

function statusOf(code: string): number {
  return Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as keyof typeof ERROR_CODES].exit : 1
}
