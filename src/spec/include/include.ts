/**
 * `include`: loads other projects, each with its own folder and variables, and takes their
 * resources in.
 */
import { dirname, isAbsolute, join, relative } from 'node:path'
import type { FileContext } from '../files/context.ts'
import { isRemote } from '../extends/extends.ts'
import { readEnvFiles } from '../dotenv/env-files.ts'
import {
  type Entry,
  get,
  isNull,
  isString,
  type MapNode,
  type Node,
  withEntry,
  withoutEntry,
} from '../tree/node.ts'
import { toPlain } from '../tree/plain.ts'

/** Loads a project's files to one tree with long forms and resolved paths. */
export type LoadProject = (
  files: readonly { readonly path: string; readonly place: Node['place'] }[],
  context: FileContext,
) => Node | undefined

const SECTIONS = ['services', 'volumes', 'networks', 'secrets', 'configs', 'models']

/** The tree with everything it includes, without its `include`. */
export function applyInclude(tree: Node, context: FileContext, load: LoadProject): Node {
  const include = get(tree, 'include')
  if (tree.kind !== 'map' || include === undefined) return tree
  let result = withoutEntry(tree, 'include')
  if (isNull(include)) return result
  if (include.kind !== 'list') {
    context.report.error({
      rule: 'invalid-type',
      place: include.place,
      message: 'Cannot read "include": it needs to be a list of paths, or of mappings with "path"',
    })
    return result
  }
  for (const item of include.items) {
    const included = loadItem(item, context, load)
    if (included !== undefined) result = importInto(result, included, item, context)
  }
  return result
}

interface Paths {
  readonly files: readonly { readonly path: string; readonly place: Node['place'] }[]
  readonly directory: string
  /** The same folder relative to the including project's. */
  readonly relative: string
}

function loadItem(item: Node, context: FileContext, load: LoadProject): Node | undefined {
  const paths = pathsOf(item, context)
  if (paths === undefined) return undefined
  const main = paths.files[0]?.path ?? ''
  if (context.including.includes(main)) {
    const chain = [...context.including, main].map((path) => context.reader.nameOf(path))
    context.report.error({
      rule: 'include-cycle',
      place: item.place,
      message: `Cannot include in a cycle: ${chain.join(' includes ')}`,
    })
    return undefined
  }
  const environment = includeEnvironment(item, paths.directory, context)
  return load(paths.files, {
    ...context,
    directory: paths.directory,
    base: paths.relative,
    environment,
    extended: new Map(),
  })
}

function pathsOf(item: Node, context: FileContext): Paths | undefined {
  const named = isString(item) ? [item] : strings(get(item, 'path'))
  if (named === undefined || named.length === 0) {
    context.report.error({
      rule: 'invalid-type',
      place: item.place,
      message: 'Cannot read an entry of "include": it needs "path", a path or a list of paths',
    })
    return undefined
  }
  for (const node of named) {
    if (!isRemote(node.value)) continue
    context.report.error({
      rule: 'not-supported',
      place: node.place,
      message:
        `Cannot include "${node.value}": remote files are not supported yet; ` +
        'copy the file and name its path',
    })
    return undefined
  }
  const files = named.map((node) => ({
    path: isAbsolute(node.value) ? node.value : join(context.directory, node.value),
    place: node.place,
  }))
  const directory = directoryOf(item, files[0]?.path ?? '', context)
  return { files, directory, relative: relative(context.directory, directory) || '.' }
}

/**
 * `project_directory`, or the folder of the first file. One that is no folder is taken for a file
 * in it.
 */
function directoryOf(item: Node, firstFile: string, context: FileContext): string {
  const node = get(item, 'project_directory')
  if (!isString(node) || node.value === '') return dirname(firstFile)
  const path = isAbsolute(node.value) ? node.value : join(context.directory, node.value)
  return isAbsolute(node.value) || context.reader.kindOf(path) === 'directory'
    ? path
    : dirname(path)
}

/** The including project's variables win over those of the included one's env files. */
function includeEnvironment(
  item: Node,
  directory: string,
  context: FileContext,
): ReadonlyMap<string, string> {
  const written = strings(get(item, 'env_file')) ?? []
  const fallback = join(directory, '.env')
  const files =
    written.length > 0
      ? written.map((node) => ({
          path: isAbsolute(node.value) ? node.value : join(context.directory, node.value),
          place: node.place,
        }))
      : context.reader.kindOf(fallback) === 'file'
        ? [{ path: fallback, place: undefined }]
        : []
  const own = readEnvFiles(files, (name) => context.environment.get(name), context.reader)
  return new Map([...own, ...context.environment])
}

function strings(
  node: Node | undefined,
): readonly (Node & { readonly value: string })[] | undefined {
  if (isString(node)) return [node]
  return node?.kind === 'list' && node.items.every(isString) ? node.items : undefined
}

/** Adds what is not there yet; the same name with another content is an error. */
function importInto(tree: MapNode, included: Node, item: Node, context: FileContext): MapNode {
  let result = tree
  for (const section of SECTIONS) {
    const from = get(included, section)
    if (from?.kind !== 'map') continue
    const into = get(result, section)
    const entries = new Map<string, Entry>(into?.kind === 'map' ? into.entries : [])
    for (const entry of from.entries.values()) {
      const own = entries.get(entry.key)
      if (own === undefined) entries.set(entry.key, entry)
      else reportConflict(`${section}.${entry.key}`, own, entry, { item, context })
    }
    const place = into?.kind === 'map' ? into.place : from.place
    result = withEntry(result, section, { kind: 'map', entries, place })
  }
  return result
}

function reportConflict(
  path: string,
  own: Entry,
  included: Entry,
  { item, context }: { readonly item: Node; readonly context: FileContext },
): void {
  const same = JSON.stringify(toPlain(own.value)) === JSON.stringify(toPlain(included.value))
  if (same) return
  context.report.error({
    rule: 'include-conflict',
    place: own.keyPlace,
    message:
      `Cannot include ${included.keyPlace.source.name}: ` +
      `its "${path}" conflicts with the one here; remove or rename one of them`,
    hint:
      item.place.source === own.keyPlace.source
        ? undefined
        : `included by ${item.place.source.name}`,
  })
}
