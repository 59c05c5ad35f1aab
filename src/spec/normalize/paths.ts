/** Makes the paths of a tree absolute, or relative to the project when the base is relative. */
import { join } from 'node:path'
import {
  get,
  getString,
  isString,
  mapEntries,
  mapItems,
  type Node,
  text,
  withEntry,
} from '../tree/node.ts'
import { below, rules, type Rules } from '../tree/rules.ts'

export interface PathContext {
  /**
   * Folder that relative paths are meant from; itself absolute, or relative to the project folder.
   */
  readonly base: string
  /** For `~`; undefined: left as it is. */
  readonly home: string | undefined
}

type Resolve = (node: Node, context: PathContext) => Node

/** Any relative path. The empty one stays. */
const anyPath: Resolve = (node, context) => {
  if (node.kind === 'list') return mapItems(node, (item) => anyPath(item, context))
  return isString(node) && node.value !== '' ? replace(node, absolute(node.value, context)) : node
}

const filePath: Resolve = (node, context) =>
  isString(node) ? replace(node, absolute(node.value, context)) : node

const REMOTE = ['https://', 'http://', 'git://', 'ssh://', 'github.com/', 'git@']

/** A folder, unless it is a URL, a git reference or another service's image. */
const buildContext: Resolve = (node, context) => {
  if (!isString(node)) return node
  const { value } = node
  const elsewhere =
    value.includes('://') ||
    value.startsWith('service:') ||
    REMOTE.some((prefix) => value.startsWith(prefix))
  return elsewhere ? node : anyPath(node, context)
}

const mount: Resolve = (node, context) => {
  const source = get(node, 'source')
  if (node.kind !== 'map' || getString(node, 'type') !== 'bind' || !isString(source)) return node
  return withEntry(node, 'source', filePath(source, context))
}

/** `driver_opts: { o: bind, device: ./dir }` of the local driver is a bind mount. */
const volumeDevice: Resolve = (node, context) => {
  const options = get(node, 'driver_opts')
  if (node.kind !== 'map' || options?.kind !== 'map') return node
  const device = get(options, 'device')
  if (getString(node, 'driver') !== 'local' || getString(options, 'o') !== 'bind') return node
  if (device === undefined) return node
  return withEntry(node, 'driver_opts', withEntry(options, 'device', filePath(device, context)))
}

const PATHS: Rules<Resolve> = rules<Resolve>({
  'services.*.build.context': buildContext,
  'services.*.build.additional_contexts.*': buildContext,
  'services.*.build.ssh.*': filePath,
  'services.*.env_file.*.path': anyPath,
  'services.*.label_file.*': anyPath,
  'services.*.extends.file': anyPath,
  'services.*.develop.watch.*.path': anyPath,
  'services.*.volumes.*': mount,
  'configs.*.file': filePath,
  'secrets.*.file': filePath,
  'volumes.*': volumeDevice,
})

export function resolvePaths(tree: Node, context: PathContext): Node {
  return walk(tree, PATHS, context)
}

function walk(node: Node, at: Rules<Resolve> | undefined, context: PathContext): Node {
  if (at === undefined) return node
  if (at.rule !== undefined) return at.rule(node, context)
  if (node.kind === 'map') {
    return mapEntries(node, ({ key, value }) => walk(value, below(at, key), context))
  }
  return node.kind === 'list' ? mapItems(node, (item) => walk(item, at.any, context)) : node
}

function absolute(path: string, { base, home }: PathContext): string {
  const expanded = path.startsWith('~') && home !== undefined ? join(home, path.slice(1)) : path
  if (expanded.startsWith('/') || /^[A-Za-z]:[\\/]/.test(expanded) || expanded.startsWith('\\\\')) {
    return expanded
  }
  return withoutEndSlash(join(base, expanded))
}

function withoutEndSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function replace(node: Node, path: string): Node {
  return isString(node) && node.value !== path ? { ...node, ...text(path, node) } : node
}
