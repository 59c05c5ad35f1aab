/** `env_file: a.env`, a list of paths, and the default of `required`. */
import { boolean, get, isString, list, map, type Node, withEntry } from '../tree/node.ts'

export function longEnvFiles(node: Node): Node {
  if (isString(node)) return list([longEnvFile(node)], node)
  return node.kind === 'list' ? list(node.items.map(longEnvFile), node) : node
}

function longEnvFile(node: Node): Node {
  if (isString(node)) return map({ path: node, required: boolean(true, node) }, node)
  if (node.kind !== 'map' || get(node, 'required') !== undefined) return node
  return withEntry(node, 'required', boolean(true, node))
}
