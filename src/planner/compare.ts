/** What differs between two versions of a stack, container by container. */

import { diffSpec } from './diff.ts'
import type { DesiredState, FieldChange } from './model.ts'
import { compareNames } from './order.ts'

export interface Difference {
  readonly subject: 'container' | 'network' | 'volume'
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly fields: readonly FieldChange[]
}

export function compareStacks(before: DesiredState, after: DesiredState): readonly Difference[] {
  return [
    ...compared('network', before.networks, after.networks),
    ...compared('volume', before.volumes, after.volumes),
    ...compared('container', before.containers, after.containers),
  ]
}

function compared<T extends { readonly name: string }>(
  subject: Difference['subject'],
  before: readonly T[],
  after: readonly T[],
): readonly Difference[] {
  const old = new Map(before.map((each) => [each.name, each]))
  const now = new Map(after.map((each) => [each.name, each]))
  const names = [...new Set([...old.keys(), ...now.keys()])].toSorted(compareNames)
  return names.flatMap((name): readonly Difference[] => {
    const [was, is] = [old.get(name), now.get(name)]
    if (was === undefined) return [{ subject, name, change: 'added', fields: [] }]
    if (is === undefined) return [{ subject, name, change: 'removed', fields: [] }]
    const fields = diffSpec(was, is).map((field) => ({
      ...field,
      path: field.path.replace(/^spec\./u, ''),
    }))
    return fields.length === 0 ? [] : [{ subject, name, change: 'changed', fields }]
  })
}
