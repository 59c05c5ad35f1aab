/** `devices: ["/dev/a:/dev/b:rwm"]`. */
import { isString, map, type Node, text } from '../tree/node.ts'
import type { FormContext } from './canonical.ts'

export function longDevice(node: Node, { report, lenient }: FormContext): Node {
  if (!isString(node)) return node
  const [source = '', target = '', permissions = 'rwm', ...rest] = node.value.split(':')
  if (rest.length > 0) {
    if (!lenient) {
      report.error({
        rule: 'invalid-value',
        place: node.place,
        message:
          `Cannot read the device "${node.value}": it has too many colons; ` +
          'SOURCE:TARGET:PERMISSIONS, or the long form',
      })
    }
    return node
  }
  return map(
    {
      source: text(source, node),
      target: text(target === '' ? source : target, node),
      permissions: text(permissions, node),
    },
    node,
  )
}
