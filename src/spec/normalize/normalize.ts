/**
 * Fills in what a merged tree leaves unsaid: the default network, dependencies that follow from
 * other keys, names.
 */
import { posix } from 'node:path'
import {
  boolean,
  get,
  getString,
  isNull,
  isString,
  type MapNode,
  map,
  mapEntries,
  mapItems,
  type Node,
  nothing,
  text,
  withEntry,
} from '../tree/node.ts'
import { resolveValues, type Variables } from './environment.ts'

export interface NormalizeOptions {
  readonly name: string
  readonly variables: Variables
}

export function normalize(tree: MapNode, options: NormalizeOptions): MapNode {
  let result = withNetworks(tree)
  const services = get(result, 'services')
  if (services?.kind === 'map') {
    result = withEntry(
      result,
      'services',
      mapEntries(services, ({ value }) =>
        value.kind === 'map' ? normalizeService(value, options) : value,
      ),
    )
  }
  for (const section of ['networks', 'volumes', 'configs', 'secrets']) {
    result = withNames(result, section, options.name)
  }
  return withEntry(result, 'name', text(options.name, get(result, 'name') ?? result))
}

/** Attaches services that name no network to `default`, and declares it when it is used. */
function withNetworks(tree: MapNode): MapNode {
  const services = get(tree, 'services')
  if (services?.kind !== 'map') return tree
  let usesDefault: Node | undefined
  const attached = mapEntries(services, ({ value }) => {
    if (value.kind !== 'map' || has(value, 'provider') || has(value, 'network_mode')) return value
    const networks = get(value, 'networks')
    if (networks?.kind === 'map' && networks.entries.size > 0) {
      if (networks.entries.has('default')) usesDefault ??= networks
      return value
    }
    usesDefault ??= value
    return withEntry(value, 'networks', map({ default: nothing(value) }, value))
  })
  const result = withEntry(tree, 'services', attached)
  if (usesDefault === undefined) return result
  const networks = get(tree, 'networks')
  const declared = networks?.kind === 'map' ? networks : map({}, usesDefault)
  if (declared.entries.has('default')) return result
  return withEntry(result, 'networks', withEntry(declared, 'default', nothing(usesDefault)))
}

function has(node: MapNode, key: string): boolean {
  return node.entries.has(key)
}

function normalizeService(service: MapNode, { variables }: NormalizeOptions): MapNode {
  let result = service
  if (getString(result, 'pull_policy') === 'if_not_present') {
    result = withEntry(result, 'pull_policy', text('missing', get(result, 'pull_policy') ?? result))
  }
  const build = get(result, 'build')
  if (build?.kind === 'map') result = withEntry(result, 'build', normalizeBuild(build, variables))
  const environment = get(result, 'environment')
  if (environment !== undefined) {
    result = withEntry(result, 'environment', resolveValues(environment, variables))
  }
  const volumes = get(result, 'volumes')
  if (volumes?.kind === 'list') {
    result = withEntry(result, 'volumes', mapItems(volumes, cleanTarget))
  }
  return withDependencies(result)
}

function normalizeBuild(build: MapNode, variables: Variables): MapNode {
  let result = build
  if (isUnset(build, 'context')) result = withEntry(result, 'context', text('.', build))
  if (isUnset(build, 'dockerfile') && isUnset(build, 'dockerfile_inline')) {
    result = withEntry(result, 'dockerfile', text('Dockerfile', build))
  }
  const args = get(result, 'args')
  return args === undefined ? result : withEntry(result, 'args', withoutUnset(args, variables))
}

function isUnset(node: MapNode, key: string): boolean {
  const value = get(node, key)
  return value === undefined || isNull(value)
}

/** Build arguments that have no value anywhere are left out. */
function withoutUnset(args: Node, variables: Variables): Node {
  const resolved = resolveValues(args, variables)
  if (resolved.kind === 'map') {
    return mapEntries(resolved, ({ value }) => (isNull(value) ? undefined : value))
  }
  if (resolved.kind !== 'list') return resolved
  const items = resolved.items.filter((item) => !isString(item) || item.value.includes('='))
  return { ...resolved, items }
}

function cleanTarget(mount: Node): Node {
  const target = get(mount, 'target')
  if (mount.kind !== 'map' || !isString(target) || target.value === '') return mount
  const clean = posix.normalize(target.value).replace(/(.)\/$/, '$1')
  return clean === target.value ? mount : withEntry(mount, 'target', { ...target, value: clean })
}

interface Implied {
  readonly service: string
  readonly restart: boolean
  readonly from: Node
}

/** What a service shares with another one makes it depend on it. */
function withDependencies(service: MapNode): MapNode {
  const implied = [
    ...impliedByLinks(service),
    ...impliedByNamespaces(service),
    ...impliedByVolumes(service),
  ]
  if (implied.length === 0) return service
  const written = get(service, 'depends_on')
  let dependencies = written?.kind === 'map' ? written : map({}, implied[0]?.from ?? service)
  for (const { service: name, restart, from } of implied) {
    if (dependencies.entries.has(name)) continue
    dependencies = withEntry(
      dependencies,
      name,
      map(
        {
          condition: text('service_started', from),
          restart: boolean(restart, from),
          required: boolean(true, from),
        },
        from,
      ),
    )
  }
  return withEntry(service, 'depends_on', dependencies)
}

function strings(node: Node | undefined): (Node & { readonly value: string })[] {
  return node?.kind === 'list' ? node.items.filter(isString) : []
}

function impliedByLinks(service: MapNode): Implied[] {
  return strings(get(service, 'links')).map((from) => {
    const parts = from.value.split(':')
    return { service: parts.length === 2 ? (parts[0] ?? '') : from.value, restart: true, from }
  })
}

function impliedByNamespaces(service: MapNode): Implied[] {
  return ['network_mode', 'ipc', 'pid', 'uts', 'cgroup', 'userns_mode'].flatMap((key) => {
    const from = get(service, key)
    if (!isString(from) || !from.value.startsWith('service:')) return []
    return [{ service: from.value.slice('service:'.length), restart: true, from }]
  })
}

function impliedByVolumes(service: MapNode): Implied[] {
  return strings(get(service, 'volumes_from'))
    .filter((from) => !from.value.startsWith('container:'))
    .map((from) => ({ service: from.value.split(':')[0] ?? '', restart: false, from }))
}

/** `<project>_<key>`; what exists outside keeps its key. */
function withNames(tree: MapNode, section: string, project: string): MapNode {
  const resources = get(tree, section)
  if (resources?.kind !== 'map') return tree
  const namedAll = mapEntries(resources, ({ key, keyPlace, value }) => {
    const resource = value.kind === 'map' ? value : map({}, value)
    if (!isUnset(resource, 'name')) return resource
    const external = get(resource, 'external')
    const isExternal = external?.kind === 'scalar' && /^(?:1|t|true)$/i.test(String(external.value))
    return withEntry(
      resource,
      'name',
      text(isExternal ? key : `${project}_${key}`, { place: keyPlace }),
    )
  })
  return withEntry(tree, section, namedAll)
}
