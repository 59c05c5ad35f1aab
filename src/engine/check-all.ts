/** Checks of a plan before anything of it is done: the user is told of everything at once. */

import { EngineError } from '../errors.ts'

/**
 * Makes all of them, and throws the only failure, or one that names each, with the code of the
 * first. `hintOfMany`: for several; default: the hint of the first.
 */
export function checkAll(checks: Iterable<() => unknown>, hintOfMany?: string): void {
  const failures = [...checks].flatMap(failureOf)
  const [first] = failures
  if (first === undefined) return
  if (failures.length === 1) throw first
  throw new EngineError(first.code, failures.map(({ message }) => message).join('\n'), {
    hint: hintOfMany ?? first.hint,
  })
}

function failureOf(check: () => unknown): readonly EngineError[] {
  try {
    check()
    return []
  } catch (error) {
    if (error instanceof EngineError) return [error]
    throw error
  }
}
