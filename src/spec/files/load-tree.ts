/**
 * Reads the files of one project, merges them, and brings them to long forms: the middle of the
 * pipeline.
 */
import { STACK_FILE_ERRORS_MAX } from '../../limits.ts'
import { applyExtends } from '../extends/extends.ts'
import { applyInclude } from '../include/include.ts'
import { interpolate } from '../interpolate/interpolate.ts'
import { withoutMarks } from '../merge/marks.ts'
import { mergeTrees } from '../merge/merge.ts'
import { removeDuplicates } from '../merge/unique.ts'
import { setDefaults } from '../normalize/defaults.ts'
import { resolveNames } from '../normalize/environment.ts'
import { resolvePaths } from '../normalize/paths.ts'
import { validate } from '../schema/validate.ts'
import { canonical } from '../short-form/canonical.ts'
import { checkForms } from '../check/forms.ts'
import { map, type MapNode, type Node, type Place, withoutEntry, get } from '../tree/node.ts'
import { parseYaml } from '../tree/parse.ts'
import type { FileContext } from './context.ts'

export interface StackFile {
  readonly path: string
  /** Where the file was named, when a file did. */
  readonly place?: Place | undefined
}

/**
 * One tree of all files, with long forms, defaults and paths. Undefined when nothing could be read.
 */
export function loadTree(files: readonly StackFile[], context: FileContext): MapNode | undefined {
  let merged: MapNode | undefined
  for (const file of files) {
    for (const document of readDocuments(file, context)) {
      merged = addDocument(merged, document, file.path, context)
    }
  }
  return merged === undefined ? undefined : finish(merged, context)
}

/** The documents of a file; only mappings. */
export function readDocuments(file: StackFile, context: FileContext): readonly MapNode[] {
  const { reader, report, documents } = context
  const known = documents.get(file.path)
  if (known !== undefined) return known
  const source = reader.read(file.path, { what: 'stack file', place: file.place })
  if (source === undefined) return []
  const maps: MapNode[] = []
  for (const document of parseYaml(source, report)) {
    if (document.kind === 'map') maps.push(document)
    else {
      report.error({
        rule: 'invalid-type',
        place: document.place,
        message:
          'Cannot read the stack file: the top-level object must be a mapping, with keys such as "services"',
      })
    }
  }
  if (report.errorCount() > STACK_FILE_ERRORS_MAX) report.throwIfErrors()
  documents.set(file.path, maps)
  return maps
}

function addDocument(
  merged: MapNode | undefined,
  document: MapNode,
  path: string,
  context: FileContext,
): MapNode {
  const { report } = context
  const filled = fillIn(document, context)
  const extended = applyExtends(filled, { context, path, readTree: readBase })
  const including = [...context.including, path]
  const complete = applyInclude(extended, { ...context, including }, loadTree)
  const over = mergeTrees(merged ?? map({}, document), complete, report)
  const unmarked = context.reader.hasMarks() ? withoutMarks(over) : over
  const unique = removeDuplicates(unmarked) as MapNode
  const lenient = context.phases.interpolate === false
  const valid = validate(unique, report, context.wrong)
  const long = canonical(withoutVersion(valid, context), { report, lenient })
  return removeDuplicates(long) as MapNode
}

function fillIn(document: Node, context: FileContext): Node {
  if (context.phases.interpolate === false) return document
  const { report, environment } = context
  return interpolate(document, { lookup: (name) => environment.get(name), report })
}

function withoutVersion(tree: Node, { report }: FileContext): Node {
  const version = get(tree, 'version')
  if (tree.kind !== 'map' || version === undefined) return tree
  report.warn({
    rule: 'obsolete',
    place: tree.entries.get('version')?.keyPlace,
    message: 'The key "version" is obsolete and ignored; remove it',
  })
  return withoutEntry(tree, 'version')
}

/**
 * A file that a service extends from another one: not validated, for only the result of the merge
 * counts.
 */
function readBase(path: string, context: FileContext, place: Place): Node | undefined {
  let merged: Node | undefined
  const lenient = context.phases.interpolate === false
  for (const document of readDocuments({ path, place }, context)) {
    const filled = fillIn(document, context)
    const over = merged === undefined ? filled : mergeTrees(merged, filled, context.report)
    merged = canonical(over, { report: context.report, lenient })
  }
  return merged
}

function finish(merged: MapNode, context: FileContext): MapNode {
  const withDefaults = setDefaults(merged)
  checkForms(withDefaults, context.report)
  const resolved =
    context.base === undefined
      ? withDefaults
      : resolvePaths(withDefaults, { base: context.base, home: context.home })
  if (context.including.length > 0) keepValues(resolved, context)
  return resolveNames(resolved, context.environment) as MapNode
}

/** An included project has variables of its own, which nobody knows once it is one with the others. */
function keepValues(tree: Node, { environment, includedValues }: FileContext): void {
  for (const kind of ['configs', 'secrets'] as const) {
    const objects = get(tree, kind)
    if (objects?.kind !== 'map') continue
    for (const [name, { value }] of objects.entries) {
      const variable = get(value, 'environment')
      if (variable?.kind !== 'scalar') continue
      const content = environment.get(String(variable.value))
      if (content !== undefined) includedValues[kind].set(name, content)
    }
  }
}
