/** `ports: ["8080:80"]`: one entry of a list may become several. */
import { integer, isList, list, map, type Node, type ScalarNode, text } from '../tree/node.ts'
import { scalarText } from '../tree/plain.ts'
import type { FormContext } from './canonical.ts'
import { parsePort, type PortText } from './port-text.ts'

export function longPorts(node: Node, { report, lenient }: FormContext): Node {
  if (!isList(node)) return node
  const items: Node[] = []
  for (const item of node.items) {
    if (item.kind !== 'scalar') {
      items.push(item)
      continue
    }
    const ports = parsePort(scalarText(item))
    if (typeof ports !== 'string') {
      items.push(...ports.map((port) => longPort(port, item)))
      continue
    }
    if (lenient) return node
    report.error({
      rule: 'invalid-port',
      place: item.place,
      message: `Cannot read the entry "${scalarText(item)}" of "ports": ${ports}`,
    })
  }
  return list(items, node)
}

function longPort(port: PortText, item: ScalarNode): Node {
  return map(
    {
      mode: text('ingress', item),
      host_ip: port.hostIp === undefined ? undefined : text(port.hostIp, item),
      target: integer(port.target, item),
      published: port.published === undefined ? undefined : text(port.published, item),
      protocol: text(port.protocol, item),
    },
    item,
  )
}
