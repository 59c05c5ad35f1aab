/** Which files a COPY means, and what each becomes at the target. */

import { posix } from 'node:path'
import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'
import type { Archive } from './archive.ts'
import { cleanPath, IgnoreRules, type Matched } from './ignore.ts'
import { compileMatch, hasWildcard } from './match.ts'
import { type FileTree, isLeftOut, resolveEntry, type TreeEntry, walkTree } from './tree.ts'

/** One source. */
export type CopyJob =
  /** What is in the directory goes into the target. */
  | { readonly kind: 'directory'; readonly tree: FileTree; readonly entries: readonly CopyEntry[] }
  /** Becomes the target, or `name` in it. */
  | {
      readonly kind: 'file'
      readonly tree: FileTree
      readonly entry: TreeEntry
      readonly name: string
    }
  /** ADD: what is in it goes into the target. */
  | { readonly kind: 'archive'; readonly archive: Archive }
  /** A heredoc. */
  | { readonly kind: 'text'; readonly text: string; readonly name: string }

/** `to` is relative to the target. */
export interface CopyEntry extends TreeEntry {
  readonly to: string
}

export interface SelectOptions {
  /** `--parents`: the directories above the source come along. */
  readonly keepsParents: boolean
  readonly excludes: readonly string[]
}

/** @throws {Problem} when nothing is there. */
export async function selectFiles(
  tree: FileTree,
  source: Word,
  options: SelectOptions,
): Promise<readonly CopyJob[]> {
  if (options.keepsParents) return [await withParents(tree, source, options)]
  const path = cleanPath(posix.join('/', source.text)).slice(1)
  const paths = hasWildcard(path) ? await matching(tree, path) : [path]
  const jobs: CopyJob[] = []
  for (const each of paths) {
    const job = await jobOf(tree, each, options)
    if (job) jobs.push(job)
  }
  if (jobs.length > 0 || (paths.length > 0 && options.excludes.length > 0)) return jobs
  throw missing(tree, source)
}

async function jobOf(
  tree: FileTree,
  path: string,
  { excludes }: SelectOptions,
): Promise<CopyJob | undefined> {
  const entry = resolveEntry(tree, path)
  if (entry === undefined || isLeftOut(tree, entry)) return undefined
  const name = posix.basename(path)
  if (!entry.stats.isDirectory()) {
    const isExcluded = new IgnoreRules(excludes).match(name).isMatch
    return isExcluded ? undefined : { kind: 'file', tree, entry, name }
  }
  const all = await walkTree(tree, entry.path)
  const entries = all.map((each) => ({ ...each, to: relativeTo(entry.path, each.path) }))
  return { kind: 'directory', tree, entries: filtered(entries, { excludes }) }
}

/** Paths that match, sorted; what is in a directory that matches comes with it. */
async function matching(tree: FileTree, pattern: string): Promise<readonly string[]> {
  const parts = pattern.split('/')
  const fixed = parts.findIndex((part) => hasWildcard(part))
  const base = unescaped(parts.slice(0, fixed).join('/'))
  const matches = compileMatch(parts.slice(fixed).join('/'))
  const start = resolveEntry(tree, base)
  if (start === undefined || !start.stats.isDirectory()) return []
  const found: string[] = []
  for (const { path } of await walkTree(tree, start.path)) {
    if (found.some((directory) => path.startsWith(`${directory}/`))) continue
    if (matches(relativeTo(start.path, path))) found.push(path)
  }
  return found
}

/** `COPY --parents a/./b/*.c /x` makes /x/b/1.c: what comes before `/./` is left out. */
async function withParents(
  tree: FileTree,
  source: Word,
  { excludes }: SelectOptions,
): Promise<CopyJob> {
  const pivot = source.text.indexOf('/./')
  const base = pivot === -1 ? '' : cleanPath(posix.join('/', source.text.slice(0, pivot))).slice(1)
  const rest = pivot === -1 ? source.text : source.text.slice(pivot + 3)
  const pattern = cleanPath(posix.join('/', rest)).slice(1)
  const start = resolveEntry(tree, base)
  if (start === undefined || !start.stats.isDirectory()) throw missing(tree, source)
  const all = await walkTree(tree, start.path)
  const entries = all.map((each) => ({ ...each, to: relativeTo(start.path, each.path) }))
  const includes = pattern === '' ? undefined : [pattern]
  const kept = filtered(entries, { includes, excludes })
  if (kept.length === 0) throw missing(tree, source)
  return { kind: 'directory', tree, entries: kept }
}

/** Entries that match and are not left out, with the directories they need. */
function filtered(
  entries: readonly CopyEntry[],
  patterns: {
    readonly includes?: readonly string[] | undefined
    readonly excludes: readonly string[]
  },
): readonly CopyEntry[] {
  const { includes, excludes } = patterns
  if (includes === undefined && excludes.length === 0) return entries
  const included = includes && new Judge(includes)
  const excluded = new Judge(excludes)
  const kept = entries.filter(({ to }) => {
    const isIn = included?.judge(to) ?? true
    return !excluded.judge(to) && isIn
  })
  const needed = new Set(kept.flatMap(({ to }) => [to, ...parentsOf(to)]))
  return entries.filter(({ to }) => needed.has(to))
}

/** Asks about paths, directories before what is in them. */
class Judge {
  readonly #rules: IgnoreRules
  readonly #known = new Map<string, Matched>()

  constructor(patterns: readonly string[]) {
    this.#rules = new IgnoreRules(patterns.map((pattern) => pattern.replace(/^(!?)\//, '$1')))
  }

  judge(path: string): boolean {
    const matched = this.#rules.match(path, this.#known.get(posix.dirname(path)))
    this.#known.set(path, matched)
    return matched.isMatch
  }
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

function relativeTo(directory: string, path: string): string {
  return directory === '' ? path : path.slice(directory.length + 1)
}

function unescaped(path: string): string {
  return path.replaceAll(/\\(.)/gu, '$1')
}

function missing(tree: FileTree, source: Word): Problem {
  const path = cleanPath(posix.join('/', source.text)).slice(1)
  const entry = hasWildcard(path) ? undefined : resolveEntry(tree, path)
  const isIgnored = entry !== undefined && isLeftOut(tree, entry)
  const why = isIgnored ? 'it is left out by .dockerignore' : `${tree.what} has no such file`
  const leaves = /(?:^|\/)\.\.(?:\/|$)/u.test(source.text)
  return new Problem(`Cannot copy "${source.text}": ${why}`, {
    span: source,
    hint: hintFor({ isIgnored, leaves }),
  })
}

function hintFor({ isIgnored, leaves }: { isIgnored: boolean; leaves: boolean }): string {
  if (isIgnored) return 'add an exception to .dockerignore: !PATH'
  if (leaves) return '".." does not lead out of it: choose a context that holds the file'
  return 'paths are relative to it'
}
