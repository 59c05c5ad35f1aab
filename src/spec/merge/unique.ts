/** Lists in which a later entry takes the place of an earlier one with the same key. */
import {
  getString,
  get,
  isString,
  mapEntries,
  mapItems,
  type Node,
  type ListNode,
} from '../tree/node.ts'
import { scalarText } from '../tree/plain.ts'
import { below, rules, type Rules } from '../tree/rules.ts'
import { parseVolume } from '../short-form/volume-text.ts'

/** The key of an item; undefined: it has none, and stays. */
type KeyOf = (item: Node) => string | undefined

const keyOfAssignment: KeyOf = (item) => (isString(item) ? item.value.split('=', 1)[0] : undefined)

const wholeText: KeyOf = (item) => (item.kind === 'scalar' ? scalarText(item) : undefined)

const mountTarget: KeyOf = (item) => {
  if (!isString(item)) return getString(item, 'target')
  const volume = parseVolume(item.value)
  return typeof volume === 'string' ? item.value : volume.target
}

const deviceTarget: KeyOf = (item) => {
  if (!isString(item)) return getString(item, 'target') ?? getString(item, 'source')
  const [source, target] = item.value.split(':')
  return target ?? source
}

function fileTarget(folder: string): KeyOf {
  return (item) =>
    isString(item)
      ? `${folder}/${item.value}`
      : (getString(item, 'target') ?? `${folder}/${getString(item, 'source') ?? ''}`)
}

const port: KeyOf = (item) => {
  if (item.kind === 'scalar') return scalarText(item)
  const field = (name: string, otherwise: string): string => {
    const value = get(item, name)
    return value?.kind === 'scalar' ? scalarText(value) : otherwise
  }
  const from = `${field('host_ip', '0.0.0.0')}:${field('published', '')}`
  return `${from}:${field('target', '')}/${field('protocol', 'tcp')}`
}

const envFile: KeyOf = (item) => (isString(item) ? item.value : getString(item, 'path'))

/** Where lists have keys. */
export const UNIQUE: Rules<KeyOf> = rules<KeyOf>({
  'networks.*.labels': keyOfAssignment,
  'services.*.annotations': keyOfAssignment,
  'services.*.build.args': keyOfAssignment,
  'services.*.build.additional_contexts': keyOfAssignment,
  'services.*.build.tags': keyOfAssignment,
  'services.*.build.labels': keyOfAssignment,
  'services.*.cap_add': keyOfAssignment,
  'services.*.cap_drop': keyOfAssignment,
  'services.*.configs': fileTarget(''),
  'services.*.deploy.labels': keyOfAssignment,
  'services.*.devices': deviceTarget,
  'services.*.dns': keyOfAssignment,
  'services.*.dns_opt': keyOfAssignment,
  'services.*.dns_search': keyOfAssignment,
  'services.*.environment': keyOfAssignment,
  'services.*.env_file': envFile,
  'services.*.expose': wholeText,
  'services.*.labels': keyOfAssignment,
  'services.*.links': keyOfAssignment,
  'services.*.networks.*.aliases': keyOfAssignment,
  'services.*.networks.*.link_local_ips': keyOfAssignment,
  'services.*.ports': port,
  'services.*.profiles': keyOfAssignment,
  'services.*.secrets': fileTarget('/run/secrets'),
  'services.*.sysctls': keyOfAssignment,
  'services.*.tmpfs': keyOfAssignment,
  'services.*.volumes': mountTarget,
})

export function removeDuplicates(tree: Node): Node {
  return walk(tree, UNIQUE)
}

function walk(node: Node, at: Rules<KeyOf> | undefined): Node {
  if (at === undefined) return node
  if (node.kind === 'map') return mapEntries(node, ({ key, value }) => walk(value, below(at, key)))
  if (node.kind !== 'list') return node
  if (at.rule !== undefined) return unique(node, at.rule)
  return mapItems(node, (item) => walk(item, at.any))
}

function unique(node: ListNode, keyOf: KeyOf): ListNode {
  if (node.items.length < 2) return node
  const items: Node[] = []
  const seen = new Map<string, number>()
  for (const item of node.items) {
    const key = keyOf(item)
    const index = key === undefined ? undefined : seen.get(key)
    if (index !== undefined) {
      items[index] = item
      continue
    }
    items.push(item)
    if (key !== undefined) seen.set(key, items.length - 1)
  }
  return items.length === node.items.length ? node : { ...node, items }
}
