/** Which files below a path that is followed count. */

import { existsSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { IgnoreRules, parseIgnoreFile } from '../../build/index.ts'
import { UsageError, errorText } from '../../errors.ts'
import type { DevelopRule } from '../protocol.ts'

/** What editors and version control keep beside files, as Docker Compose leaves it out. */
const NEVER: readonly string[] = [
  '**/.git',
  '**/.DS_Store',
  '**/*~',
  '**/.*.sw?',
  '**/.*.sw??',
  '**/4913',
  '**/.#*',
  '**/#*#',
  '**/*___jb_tmp___',
  '**/*___jb_old___',
]

export class Matcher {
  readonly #rule: DevelopRule
  readonly #ignored: readonly { readonly base: string; readonly rules: IgnoreRules }[]
  readonly #included: IgnoreRules | undefined

  /** @throws {UsageError} for a pattern that cannot be used */
  constructor(rule: DevelopRule) {
    const { path, ignore, include, context } = rule
    this.#rule = rule
    this.#ignored = [
      { base: path, rules: this.#compile([...NEVER, ...ignore]) },
      ...(context === undefined ? [] : this.#dockerIgnore(context)),
    ]
    this.#included = include.length === 0 ? undefined : this.#compile(include)
  }

  /** Nothing below the directory is of interest. */
  isClosed(directory: string): boolean {
    return this.#ignored.some(({ base, rules }) => {
      const inside = insideOf(base, directory)
      return inside !== undefined && isMatch(rules, inside) && !rules.mayKeepBelow(inside)
    })
  }

  /** The file, or the directory itself, is of interest. */
  accepts(path: string, { isDirectory }: { readonly isDirectory: boolean }): boolean {
    const isIgnored = this.#ignored.some(({ base, rules }) => {
      const inside = insideOf(base, path)
      return inside !== undefined && isMatch(rules, inside)
    })
    if (isIgnored) return false
    if (this.#included === undefined) return true
    // A directory comes with the files that are wanted of it.
    if (isDirectory) return false
    return isMatch(this.#included, insideOf(this.#rule.path, path) ?? basename(path))
  }

  /** `.dockerignore` says what belongs to no image: it is not synchronised either. */
  #dockerIgnore(context: string): readonly { base: string; rules: IgnoreRules }[] {
    const file = join(context, '.dockerignore')
    if (!existsSync(file)) return []
    return [{ base: context, rules: this.#compile(parseIgnoreFile(readFileSync(file, 'utf8'))) }]
  }

  #compile(patterns: readonly string[]): IgnoreRules {
    try {
      return new IgnoreRules(patterns.map((each) => each.replace(/^\.\//, '')))
    } catch (error) {
      const why = errorText(error)
      throw new UsageError(`Cannot follow "${this.#rule.path}" for "${this.#rule.service}": ${why}`)
    }
  }
}

/** By the path or a directory above it, as Docker reads such patterns. */
function isMatch(rules: IgnoreRules, path: string): boolean {
  const parts = path.split('/')
  let matched: ReturnType<IgnoreRules['match']> | undefined
  for (let length = 1; length <= parts.length; length += 1) {
    matched = rules.match(parts.slice(0, length).join('/'), matched)
  }
  return matched?.isMatch === true
}

/** `path` as seen from `base`; undefined for `base` itself and for what lies elsewhere. */
function insideOf(base: string, path: string): string | undefined {
  const inside = relative(base, path)
  return inside === '' || inside === '..' || inside.startsWith('../') ? undefined : inside
}
