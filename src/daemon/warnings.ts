/** All warnings about a stack: those of the spec room, and the planner's at their places. */

import type { Diagnostic } from '../errors.ts'
import { validatePlanability } from '../planner/index.ts'
import type { LoadedStack } from '../spec/index.ts'

/** One per place: what the spec room has said of a key is not said again. */
export function warningsOf({ stack, diagnostics, placeOf }: LoadedStack): readonly Diagnostic[] {
  const said = new Set(diagnostics.map(placeText))
  const further = validatePlanability(stack)
    .map(({ path, ...warning }) => ({ ...warning, ...placeOf(path) }))
    .filter((warning) => !said.has(placeText(warning)))
  return [...diagnostics, ...further]
}

function placeText({ file, line, column }: Diagnostic): string {
  return `${file ?? ''}:${line ?? ''}:${column ?? ''}`
}
