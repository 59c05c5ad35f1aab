/** `build: DIR` and the list form of `build.ssh`. */
import { asBuild, keyValues } from '../merge/forms.ts'
import { isString, type Node } from '../tree/node.ts'
import type { FormContext } from './canonical.ts'

export function longBuild(node: Node): Node {
  return asBuild(node) ?? node
}

/** `["default", "id=path"]` as a mapping; only `default` may stand without a path. */
export function longSsh(node: Node, { report }: FormContext): Node {
  if (node.kind !== 'list') return node
  for (const item of node.items) {
    if (!isString(item) || item.value.includes('=') || item.value === 'default') continue
    report.error({
      rule: 'invalid-value',
      place: item.place,
      message: `Cannot use "${item.value}" for build.ssh: it needs "default" or the form id=path`,
    })
  }
  return keyValues(node) ?? node
}
