/** Gives names without a value the value they have in the project's environment. */
import {
  get,
  getString,
  isString,
  mapEntries,
  mapItems,
  type Node,
  text,
  withEntry,
  isNull,
} from '../tree/node.ts'

export type Variables = ReadonlyMap<string, string>

/** `environment: [NAME]` of every service, and `environment: NAME` of configs. */
export function resolveNames(tree: Node, variables: Variables): Node {
  if (tree.kind !== 'map') return tree
  let result = tree
  const services = get(tree, 'services')
  if (services?.kind === 'map') {
    const resolved = mapEntries(services, ({ value }) => {
      const environment = get(value, 'environment')
      if (value.kind !== 'map' || environment?.kind !== 'list') return value
      return withEntry(value, 'environment', resolveValues(environment, variables))
    })
    result = withEntry(result, 'services', resolved)
  }
  const configs = get(tree, 'configs')
  if (configs?.kind !== 'map') return result
  const resolved = mapEntries(configs, ({ value }) => {
    const found = variables.get(getString(value, 'environment') ?? '')
    if (value.kind !== 'map' || found === undefined) return value
    return withEntry(value, 'content', text(found, value))
  })
  return withEntry(result, 'configs', resolved)
}

/**
 * `NAME` becomes `NAME=value`, and an empty mapping value the variable's. Without a variable they
 * stay.
 */
export function resolveValues(node: Node, variables: Variables): Node {
  if (node.kind === 'list') {
    return mapItems(node, (item) => {
      const value = isString(item) ? variables.get(item.value) : undefined
      return isString(item) && value !== undefined ? text(`${item.value}=${value}`, item) : item
    })
  }
  if (node.kind !== 'map') return node
  return mapEntries(node, ({ key, keyPlace, value }) => {
    const found = isNull(value) ? variables.get(key) : undefined
    return found === undefined ? value : text(found, { place: keyPlace })
  })
}
