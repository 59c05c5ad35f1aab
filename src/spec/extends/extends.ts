/**
 * `extends`: a service takes over another one, of its file or of another, and merges its own keys
 * on top.
 */
import { dirname, isAbsolute, join, relative } from 'node:path'
import { didYouMean } from '../diagnostics/suggest.ts'
import type { FileContext } from '../files/context.ts'
import { mergeServices } from '../merge/merge.ts'
import { resolvePaths } from '../normalize/paths.ts'
import {
  get,
  isString,
  type MapNode,
  mapEntries,
  type Node,
  withEntry,
  withoutEntry,
} from '../tree/node.ts'

/** Reads another file up to the point where its services can be extended. */
export type ReadTree = (
  path: string,
  context: FileContext,
  place: Node['place'],
) => Node | undefined

export interface ExtendsOptions {
  readonly context: FileContext
  /** File that the tree was read from. */
  readonly path: string
  readonly readTree: ReadTree
}

interface Step {
  readonly path: string
  readonly service: string
}

export function applyExtends(tree: Node, options: ExtendsOptions): Node {
  const services = get(tree, 'services')
  if (tree.kind !== 'map' || services?.kind !== 'map') return tree
  const file: File = { path: options.path, services, done: new Map() }
  const extended = mapEntries(
    services,
    ({ key, value }) => extend(key, file, { ...options, steps: [] }) ?? value,
  )
  return extended === services ? tree : withEntry(tree, 'services', extended)
}

interface File {
  readonly path: string
  readonly services: MapNode
  readonly done: Map<string, Node>
}

interface Walk extends ExtendsOptions {
  readonly steps: readonly Step[]
}

/**
 * The service with everything it extends merged in; undefined when the file has no such service.
 */
function extend(name: string, file: File, walk: Walk): Node | undefined {
  const known = file.done.get(name)
  if (known !== undefined) return known
  const service = get(file.services, name)
  const extendsNode = get(service, 'extends')
  if (service?.kind !== 'map' || extendsNode === undefined || extendsNode.kind === 'reset') {
    return service
  }
  const base = baseOf(name, extendsNode, file, walk)
  // What it would have had is not missed: that it cannot be extended is said already.
  if (base === undefined) walk.context.wrong.push(['services', name])
  // An empty service adds nothing: `extends` stays then, and is shown as it was written.
  const result =
    base === undefined || base.kind !== 'map'
      ? service
      : mergeServices(base, withoutEntry(service, 'extends'), walk.context.report, name)
  file.done.set(name, result)
  return result
}

function baseOf(name: string, node: Node, file: File, walk: Walk): Node | undefined {
  const reference = isString(node) ? node : get(node, 'service')
  if (!isString(reference)) {
    walk.context.report.error({
      rule: 'extends',
      place: node.place,
      message:
        `Cannot tell what the service "${name}" extends: ` +
        '"extends" needs "service", the name of a service',
    })
    return undefined
  }
  const fileNode = get(node, 'file')
  const other = fileNode === undefined ? file : otherFile(fileNode, file, walk)
  if (other === undefined) return undefined
  const step: Step = { path: file.path, service: name }
  const steps = [...walk.steps, step]
  const next: Step = { path: other.path, service: reference.value }
  if (steps.some((earlier) => earlier.path === next.path && earlier.service === next.service)) {
    reportCycle([...steps, next], reference.place, walk)
    return undefined
  }
  if (get(other.services, next.service) === undefined) {
    walk.context.report.error({
      rule: 'extends',
      place: reference.place,
      message:
        `Cannot extend the service "${next.service}": ` +
        `${walk.context.reader.nameOf(other.path)} has no such service`,
      hint: didYouMean(next.service, other.services.entries.keys()),
    })
    return undefined
  }
  return extend(next.service, other, { ...walk, steps })
}

function otherFile(node: Node, file: File, walk: Walk): File | undefined {
  const { context } = walk
  if (!isString(node)) {
    context.report.error({
      rule: 'extends',
      place: node.place,
      message: 'Cannot read "extends.file": it needs the path of a file',
    })
    return undefined
  }
  if (isRemote(node.value)) {
    context.report.error({
      rule: 'not-supported',
      place: node.place,
      message:
        `Cannot extend from "${node.value}": remote files are not supported yet; ` +
        'copy the file and name its path',
    })
    return undefined
  }
  const path = isAbsolute(node.value) ? node.value : join(walk.context.directory, node.value)
  if (path === file.path) return file
  const known = context.extended.get(path)
  if (known !== undefined) return known
  const tree = walk.readTree(path, context, node.place)
  const services = get(tree, 'services')
  if (tree === undefined) return undefined
  if (services?.kind !== 'map') {
    context.report.error({
      rule: 'extends',
      place: node.place,
      message: `Cannot extend from "${node.value}": the file has no services`,
    })
    return undefined
  }
  const base = relative(context.directory, dirname(path)) || '.'
  const resolved = get(resolvePaths(tree, { base, home: context.home }), 'services')
  const result = { path, services: resolved as MapNode, done: new Map<string, Node>() }
  context.extended.set(path, result)
  return result
}

export function isRemote(path: string): boolean {
  return /^(?:https?|git|ssh|oci):\/\/|^git@|^github\.com\/|\.git(?:#|$)/.test(path)
}

function reportCycle(steps: readonly Step[], place: Node['place'], walk: Walk): void {
  const { reader, report } = walk.context
  const chain = steps.map((step) => `"${step.service}" in ${reader.nameOf(step.path)}`)
  report.error({
    rule: 'extends-cycle',
    place,
    message: `Cannot extend in a cycle (circular reference): ${chain.join(' extends ')}`,
  })
}
