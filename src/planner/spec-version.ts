/**
 * An upgrade of tsstack must not replace a container for a field that the older one did not know:
 * such a difference says nothing of what the user changed.
 */

import type { FieldChange } from './model.ts'

/** Raised with each release that adds fields to the canonical spec, or changes what one means. */
export const SPEC_VERSION = 1

/**
 * Fields that came after version 1, as `resources.cpus` or `mounts[].readOnly`: with which version.
 * A record of an earlier one is not compared in them, but takes them over, so that the user's next
 * change of them counts. Before the first release there are none.
 */
const FIELDS_SINCE: Readonly<Record<string, number>> = {}

/** Those of `changes` that the tsstack of version `recorded` could have written down. */
export function knownChanges(
  changes: readonly FieldChange[],
  recorded: number,
  since: Readonly<Record<string, number>> = FIELDS_SINCE,
): readonly FieldChange[] {
  if (recorded >= SPEC_VERSION && since === FIELDS_SINCE) return changes
  return changes.filter(({ path }) =>
    prefixesOf(path).every((one) => (since[one] ?? 1) <= recorded),
  )
}

/** `mounts[/data].readOnly`: `mounts`, `mounts[]`, `mounts[].readOnly`. */
function prefixesOf(path: string): readonly string[] {
  const parts = path.replaceAll(/\[[^\]]*\]/gu, '[]').split(/(?=\.|\[)/u)
  return parts.map((_, at) => parts.slice(0, at + 1).join(''))
}
