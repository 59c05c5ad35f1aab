/** What a stack asks for and `desire()` cannot express yet: said, never dropped in silence. */

import type { Diagnostic } from '../errors.ts'
import type { Service, Stack } from '../spec/index.ts'
import { networkGaps, volumeGaps } from './planability/resources.ts'
import { keyGaps } from './planability/service-keys.ts'
import { valueGaps } from './planability/service-values.ts'
import { sortedNames } from './order.ts'

/** A key with a value that has no effect, and what happens instead. */
export interface Gap {
  /** Keys from the thing itself: `['volumes', 0, 'bind', 'selinux']`. */
  readonly path: readonly (string | number)[]
  /** What happens instead, as a sentence part. */
  readonly instead: string
}

/** A warning with the way to its key from the top of the file, by which its line can be found. */
export interface PlanabilityWarning extends Diagnostic {
  readonly path: readonly (string | number)[]
}

/** One warning per key without effect, in the order of services, networks and volumes. */
export function validatePlanability(stack: Stack): readonly PlanabilityWarning[] {
  return [
    ...sectionGaps('services', stack.services, (service) => serviceGaps(stack, service)),
    ...sectionGaps('networks', stack.networks, networkGaps),
    ...sectionGaps('volumes', stack.volumes, volumeGaps),
  ].map(warningOf)
}

function serviceGaps(stack: Stack, service: Service): readonly Gap[] {
  return [...keyGaps(service), ...valueGaps(stack, service)]
}

function sectionGaps<T>(
  section: string,
  members: Readonly<Record<string, T>> | undefined,
  gapsOf: (member: T) => readonly Gap[],
): readonly Gap[] {
  return sortedNames(Object.keys(members ?? {})).flatMap((name) => {
    const member = members?.[name]
    const gaps = member === undefined ? [] : gapsOf(member)
    return gaps.map(({ path, instead }) => ({ path: [section, name, ...path], instead }))
  })
}

function warningOf({ path, instead }: Gap): PlanabilityWarning {
  return {
    severity: 'warning',
    rule: 'not-built-yet',
    message: `"${path.join('.')}" has no effect yet: ${instead}`,
    path,
  }
}
