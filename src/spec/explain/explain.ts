/** `explain KEY.PATH`: the value, and the way it took through files, variables and merges. */
import { positionOf } from '../diagnostics/position.ts'
import { didYouMean } from '../diagnostics/suggest.ts'
import { loadMerged, loadStack } from '../load.ts'
import type { LoadRequest } from '../request.ts'
import { locate, nodeAt } from '../tree/locate.ts'
import { get, type Node, type Place } from '../tree/node.ts'
import { type Plain, toPlain } from '../tree/plain.ts'
import { gapOf } from '../support/support.ts'
import { SUPPORT } from '../support/table.ts'
import { MEANINGS } from './meanings.ts'

/** One value that the path had on its way; the last one stands. */
export interface Origin {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly value: unknown
  /** The text with its variables, when it had some. */
  readonly template?: string
}

export interface Explanation {
  readonly path: string
  readonly value: unknown
  /** The winner first, then the values it replaced, the latest first. */
  readonly origins: readonly Origin[]
  /** What the key means, in a sentence. */
  readonly meaning?: string
  /** Why it has no effect, when it has none. */
  readonly noEffect?: string
}

/** The stack has nothing at the path; `hint` names what was meant, perhaps. */
export interface MissingValue {
  readonly missing: string
  readonly hint: string | undefined
}

/**
 * What stands at `path` (`services.web.ports[0]`, `services.web.labels["a.b"]`), and why.
 * @throws {SpecError} when the stack cannot be loaded.
 */
export function explainValue(request: LoadRequest, path: string): Explanation | MissingValue {
  // Strictly, a file that `config` refuses is not explained either.
  if (request.strict === true) loadStack(request)
  const loaded = loadMerged(request)
  loaded.report.throwIfErrors()
  const keys = splitPath(path)
  const node = nodeAt(loaded.tree, keys)
  if (node === undefined) return missing(path, keys, loaded.tree)
  const place = locate(loaded.tree, keys, 'value')
  const pattern = patternOf(keys)
  const noEffect = gapAt(pattern, keys, loaded.tree)
  const meaning = MEANINGS[pattern]
  return {
    path,
    value: toPlain(node),
    origins: originsOf(node, place),
    ...(meaning === undefined ? {} : { meaning }),
    ...(noEffect === undefined ? {} : { noEffect }),
  }
}

/** Why the value, or a key around it, has no effect. */
function gapAt(
  pattern: string,
  keys: readonly (string | number)[],
  tree: Node,
): string | undefined {
  const around = keys[0] === 'services' ? nodeAt(tree, keys.slice(0, 2)) : undefined
  const sibling = (key: string): Plain | undefined => {
    const found = get(around, key)
    return found === undefined ? undefined : toPlain(found)
  }
  const parts = pattern.split('.')
  for (let length = 1; length <= parts.length; length++) {
    const support = SUPPORT[parts.slice(0, length).join('.')]
    const node = nodeAt(tree, keys.slice(0, length))
    if (support === undefined || node === undefined) continue
    const gap = gapOf(support, toPlain(node), { key: String(keys[length - 1]), sibling })
    if (gap !== undefined) return gap
  }
  return undefined
}

/** `services.web.ports[0]`; a key with a dot goes in brackets and quotes: `labels["a.b"]`. */
function splitPath(path: string): readonly (string | number)[] {
  const keys: (string | number)[] = []
  for (const match of path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)) {
    const [, quoted, index, plain] = match
    if (index !== undefined) keys.push(Number(index))
    else keys.push(quoted ?? plain ?? '')
  }
  return keys
}

function originsOf(node: Node, place: Place): readonly Origin[] {
  const origins: Origin[] = []
  for (let at: Node | undefined = node; at !== undefined; at = at.replaces) {
    const where = at === node && at.kind !== 'scalar' ? place : at.place
    const { line, column } = positionOf(where.source, where.start)
    const template = at.kind === 'scalar' ? at.template : undefined
    const value: Plain = toPlain(at)
    origins.push({
      file: where.source.name,
      line,
      column,
      value,
      ...(template === undefined ? {} : { template }),
    })
  }
  return origins
}

function missing(path: string, keys: readonly (string | number)[], tree: Node): MissingValue {
  for (let length = keys.length - 1; length >= 0; length--) {
    const parent = nodeAt(tree, keys.slice(0, length))
    if (parent?.kind !== 'map') continue
    return { missing: path, hint: didYouMean(String(keys[length]), parent.entries.keys()) }
  }
  return { missing: path, hint: undefined }
}

/** The path as the tables of keys write it: names and positions as `*`. */
function patternOf(keys: readonly (string | number)[]): string {
  return keys
    .map((key, index) =>
      typeof key === 'number' || (index === 1 && SECTIONS.has(String(keys[0]))) ? '*' : key,
    )
    .join('.')
}

const SECTIONS = new Set(['services', 'networks', 'volumes', 'secrets', 'configs', 'models'])
