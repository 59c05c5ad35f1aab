/** `.dockerignore`, and `--exclude`: which paths are left out. */

import { posix } from 'node:path'
import { Problem } from '../dockerfile/problem.ts'
import { compileMatch } from './match.ts'

/** What was found for a directory, from which the answer for its entries is made. */
export interface Matched {
  readonly isMatch: boolean
  /** Which patterns matched, in their order. */
  readonly by: readonly boolean[]
}

interface Pattern {
  readonly text: string
  readonly isException: boolean
  readonly matches: (path: string) => boolean
}

/** The lines of a `.dockerignore` as patterns. @see Dockerfile reference, ".dockerignore" */
export function parseIgnoreFile(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/u, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const isException = line.startsWith('!')
      const rest = isException ? line.slice(1).trim() : line
      const clean = rest === '' ? '' : cleanPath(rest)
      const relative = clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean
      return isException ? `!${relative}` : relative
    })
}

/** Patterns in order: the last that matches a path, or a directory above it, decides. */
export class IgnoreRules {
  readonly #patterns: readonly Pattern[]
  /** Directories in which an exception may lie are walked although they are left out. */
  readonly #exceptions: readonly Pattern[]

  /** @throws {Problem} for a pattern that cannot be used. */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns
      .map((text) => text.trim())
      .filter(Boolean)
      .map(compile)
    this.#exceptions = this.#patterns.filter(({ isException }) => isException)
  }

  /** `parent` is what was said of the directory; absent: the path lies at the root. */
  match(path: string, parent?: Matched): Matched {
    let isMatch = false
    const by = this.#patterns.map((pattern, index) => {
      const inherits = parent?.by[index] ?? false
      // One that could change nothing is not asked.
      if (!inherits && pattern.isException !== isMatch) return false
      const matches = inherits || pattern.matches(path)
      if (matches) isMatch = !pattern.isException
      return matches
    })
    return { isMatch, by }
  }

  /** Whether something below the directory may be kept although the directory is left out. */
  mayKeepBelow(directory: string): boolean {
    return this.#exceptions.some(
      ({ text }) => /[*?[\\]/u.test(text) || `${text}/`.startsWith(`${directory}/`),
    )
  }
}

function compile(written: string): Pattern {
  const cleaned = cleanPath(written)
  const isException = cleaned.startsWith('!')
  const text = isException ? cleaned.slice(1) : cleaned
  if (text === '') throw new Problem('Cannot use the pattern "!": nothing follows it')
  // Its syntax is checked by Go's rules although it is matched by others.
  compileMatch(text)
  return { text, isException, matches: matcher(text) }
}

/** @see moby/patternmatcher: `**` is any number of directories, everything else as Match. */
function matcher(pattern: string): (path: string) => boolean {
  if (!/[*?[\]\\]/u.test(pattern)) return (path) => path === pattern
  const suffix = /^\*\*(?<rest>[^*?[\]\\]+)$/u.exec(pattern)?.groups?.['rest']
  // Not by the expression below: `**.log` is every path that ends so.
  if (suffix !== undefined) return (path) => path.endsWith(suffix) || `/${path}` === suffix
  const expression = new RegExp(`^${sourceOf(pattern)}$`, 'su')
  return (path) => expression.test(path)
}

const TOKEN = /\*\*\/?|\*|\?|\\.|\[(?:\\.|[^\]\\])*\]|[^]/gsu

function sourceOf(pattern: string): string {
  let source = ''
  for (const match of pattern.matchAll(TOKEN)) {
    const [token] = match
    const isLast = match.index + token.length === pattern.length
    if (token.startsWith('**')) source += isLast ? '.*' : '(?:.*/)?'
    else if (token === '*') source += '[^/]*'
    else if (token === '?') source += '[^/]'
    else if (token.length > 1 && token.startsWith('[')) source += token
    else source += token.at(-1)?.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&') ?? ''
  }
  return source
}

/** Go's `filepath.Clean`: no slash at the end, no `.`, `..` resolved. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path)
  return clean.length > 1 ? clean.replace(/\/$/, '') : clean
}
