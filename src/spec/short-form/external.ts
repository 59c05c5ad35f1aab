/** `external: { name: NAME }`, the old way to name what exists already. */
import { boolean, get, isString, type Node, withEntry } from '../tree/node.ts'
import type { FormContext } from './canonical.ts'

export function longExternal(node: Node, { report }: FormContext): Node {
  const external = get(node, 'external')
  if (node.kind !== 'map' || external?.kind !== 'map') return node
  const result = withEntry(node, 'external', boolean(true, external))
  const oldName = get(external, 'name')
  if (oldName === undefined) return result
  report.warn({
    rule: 'deprecated',
    place: oldName.place,
    message: '"external.name" is deprecated; write "external: true" and "name"',
  })
  const name = get(node, 'name')
  if (name === undefined) return withEntry(result, 'name', oldName)
  if (isString(name) && isString(oldName) && name.value !== oldName.value) {
    report.error({
      rule: 'name-conflict',
      place: oldName.place,
      message:
        `Cannot use two names: "name" is "${name.value}" and "external.name" is ` +
        `"${oldName.value}"; keep "name"`,
    })
  }
  return result
}
