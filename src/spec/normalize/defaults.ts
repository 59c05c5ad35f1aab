/** Values that a key has when the file does not give it. */
import {
  get,
  getString,
  mapEntries,
  mapItems,
  type MapNode,
  type Node,
  text,
  withEntry,
} from '../tree/node.ts'
import { below, rules, type Rules } from '../tree/rules.ts'

type Default = (node: MapNode) => Node

function orText(node: MapNode, key: string, value: string): MapNode {
  return get(node, key) === undefined ? withEntry(node, key, text(value, node)) : node
}

/** The project folder. */
const build: Default = (node) => orText(node, 'context', '.')

const secret: Default = (node) =>
  orText(node, 'target', `/run/secrets/${getString(node, 'source') ?? ''}`)

const port: Default = (node) => orText(orText(node, 'protocol', 'tcp'), 'mode', 'ingress')

/** All devices, unless they are counted or named. */
const device: Default = (node) =>
  get(node, 'count') === undefined && get(node, 'device_ids') === undefined
    ? withEntry(node, 'count', text('all', node))
    : node

const DEFAULTS: Rules<Default> = rules<Default>({
  'services.*.build': build,
  'services.*.secrets.*': secret,
  'services.*.ports.*': port,
  'services.*.deploy.resources.reservations.devices.*': device,
  'services.*.gpus.*': device,
})

export function setDefaults(tree: Node): Node {
  return walk(tree, DEFAULTS)
}

function walk(node: Node, at: Rules<Default> | undefined): Node {
  if (at === undefined) return node
  if (at.rule !== undefined) return node.kind === 'map' ? at.rule(node) : node
  if (node.kind === 'map') return mapEntries(node, ({ key, value }) => walk(value, below(at, key)))
  return node.kind === 'list' ? mapItems(node, (item) => walk(item, at.any)) : node
}
