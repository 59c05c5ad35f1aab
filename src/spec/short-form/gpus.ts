/** `gpus: all`. */
import { isString, list, map, type Node, text } from '../tree/node.ts'

export function longGpus(node: Node): Node {
  return isString(node) ? list([map({ count: text('all', node) }, node)], node) : node
}
