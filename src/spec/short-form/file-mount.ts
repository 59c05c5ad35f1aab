/** `secrets: [token]` and `configs: [file]` of a service. */
import { isString, map, type Node } from '../tree/node.ts'

export function longFileMount(node: Node): Node {
  return isString(node) ? map({ source: node }, node) : node
}
