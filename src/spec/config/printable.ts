/** What of the model is printed, where Docker Compose prints something else than it works with. */
import type { Service, ServiceMount, Stack } from '../model.ts'
import { asSequence } from '../merge/forms.ts'
import { UNIQUE } from '../merge/unique.ts'
import type { Node } from '../tree/node.ts'
import { below, type Rules } from '../tree/rules.ts'
import { emptyObject, type Plain, recordOf, toPlain } from '../tree/plain.ts'

/** The stack for printing: content of the environment is not repeated; JSON has no `models`. */
export function printable(stack: Stack, format: 'yaml' | 'json'): Plain {
  const { models, configs, secrets, ...rest } = stack
  const result: Record<string, unknown> = { ...rest }
  for (const [key, value] of Object.entries(rest)) {
    if (key.startsWith('x-')) result[key] = withNulls(value as Plain)
  }
  result['services'] = recordOf(
    Object.entries(rest.services).map(([name, service]) => [name, withPrintedMounts(service)]),
  )
  if (secrets !== undefined) result['secrets'] = withoutContent(secrets)
  if (configs !== undefined) result['configs'] = withoutContent(configs)
  if (models !== undefined && format === 'yaml') result['models'] = models
  return result as Plain
}

/** Docker Compose leaves `create_host_path: false` out, although it works by it. */
function withPrintedMounts(service: Service): Service {
  return service.volumes === undefined
    ? service
    : { ...service, volumes: service.volumes.map(printedMount) }
}

function printedMount(mount: ServiceMount): ServiceMount {
  if (mount.bind?.create_host_path !== false) return mount
  const { create_host_path: _unprinted, ...bind } = mount.bind
  return { ...mount, bind }
}

function withoutContent(objects: NonNullable<Stack['configs']>): NonNullable<Stack['configs']> {
  return recordOf(
    Object.entries(objects).map(([name, { content, ...rest }]) => [
      name,
      content === undefined || rest.environment !== undefined ? rest : { ...rest, content },
    ]),
  )
}

/**
 * A tree that was not typed, as Docker Compose prints it: an empty list is `null` unless its items
 * have keys, and assignments that were merged are a list.
 */
export function printableTree(tree: Node): Plain {
  return plainAt(tree, UNIQUE)
}

function plainAt(node: Node, at: Rules<unknown> | undefined): Plain {
  if (node.kind === 'list') {
    if (node.items.length === 0) return at?.rule === undefined ? null : []
    return node.items.map((item) => plainAt(item, at?.any))
  }
  if (node.kind !== 'map') return toPlain(node)
  if (node.listed === true) return (asSequence(node)?.items ?? []).map(toPlain)
  const object = emptyObject<Plain>()
  for (const { key, value } of node.entries.values()) object[key] = plainAt(value, below(at, key))
  return object
}

function withNulls(value: Plain): Plain {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.length === 0 ? null : (value as Plain[]).map(withNulls)
  const object = emptyObject<Plain>()
  for (const [key, child] of Object.entries(value as Record<string, Plain>)) {
    object[key] = withNulls(child)
  }
  return object
}
