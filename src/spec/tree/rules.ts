/**
 * Rules that apply at a path of the tree: `services.*.build.args`, where `*` is any key or list
 * item.
 */

export interface Rules<T> {
  readonly rule?: T | undefined
  readonly named: ReadonlyMap<string, Rules<T>>
  readonly any?: Rules<T> | undefined
}

interface Growing<T> {
  rule?: T
  named: Map<string, Growing<T>>
  any?: Growing<T>
}

/** Builds the rules once, so that a walk looks up one step at a time. */
export function rules<T>(table: Readonly<Record<string, T>>): Rules<T> {
  const root: Growing<T> = { named: new Map() }
  for (const [pattern, rule] of Object.entries(table)) {
    let at = root
    for (const part of pattern.split('.')) at = part === '*' ? anyStep(at) : namedStep(at, part)
    at.rule = rule
  }
  return root
}

/** The rules one step down; undefined when there are none below. */
export function below<T>(at: Rules<T> | undefined, key: string): Rules<T> | undefined {
  return at?.named.get(key) ?? at?.any
}

function anyStep<T>(at: Growing<T>): Growing<T> {
  return (at.any ??= { named: new Map() })
}

function namedStep<T>(at: Growing<T>, key: string): Growing<T> {
  const next = at.named.get(key) ?? { named: new Map() }
  at.named.set(key, next)
  return next
}
