/** Patterns of Go's `filepath.Match`, by which Dockerfiles name files. */

import { Problem } from '../dockerfile/problem.ts'

/**
 * A test whether a whole path matches: `*` and `?` stop at `/`, `[a-z]` and `[^a]` are classes, `\`
 * escapes. @throws {Problem} for a pattern that Go refuses.
 * @see https://pkg.go.dev/path/filepath#Match
 */
export function compileMatch(pattern: string): (path: string) => boolean {
  const characters = Array.from(pattern)
  let source = ''
  let at = 0
  while (at < characters.length) {
    const character = characters[at] ?? ''
    at += 1
    if (character === '*') source += '[^/]*'
    else if (character === '?') source += '[^/]'
    else if (character === '[') {
      const end = endOfClass(characters, at)
      if (end === undefined) throw badPattern(pattern)
      source += classSource(characters.slice(at, end))
      at = end + 1
    } else if (character === '\\') {
      if (at === characters.length) throw badPattern(pattern)
      source += literal(characters[at] ?? '')
      at += 1
    } else source += literal(character)
  }
  const expression = new RegExp(`^${source}$`, 'su')
  return (path) => expression.test(path)
}

/** Whether the path has anything that {@link compileMatch} reads as more than itself. */
export function hasWildcard(path: string): boolean {
  return /[*?[]/u.test(path.replaceAll(/\\./gsu, ''))
}

/** Index of the `]` of a class that Go accepts; `undefined` for one that it does not. */
function endOfClass(characters: readonly string[], start: number): number | undefined {
  let at = characters[start] === '^' ? start + 1 : start
  for (let ranges = 0; at < characters.length; ranges += 1) {
    if (characters[at] === ']' && ranges > 0) return at
    const low = skipMember(characters, at)
    if (low === undefined) return undefined
    at = low
    if (characters[at] !== '-') continue
    const high = skipMember(characters, at + 1)
    if (high === undefined) return undefined
    at = high
  }
  return undefined
}

function skipMember(characters: readonly string[], at: number): number | undefined {
  const character = characters[at]
  if (character === undefined || character === '-' || character === ']') return undefined
  if (character !== '\\') return at + 1
  return at + 1 < characters.length ? at + 2 : undefined
}

/** Go's members are ranges of plain or escaped characters; only those of the syntax need escaping. */
function classSource(members: readonly string[]): string {
  const isNegated = members[0] === '^'
  let source = ''
  for (let at = isNegated ? 1 : 0; at < members.length; at += 1) {
    const character = members[at] ?? ''
    if (character === '-') {
      source += '-'
      continue
    }
    if (character === '\\') at += 1
    source += (members[at] ?? '').replace(/[\\\]^[-]/u, '\\$&')
  }
  return `[${isNegated ? '^' : ''}${ordered(source)}]`
}

/** A range whose end comes before its start matches nothing in Go, and is an error here. */
function ordered(source: string): string {
  return source.replaceAll(/(\\?.)-(\\?.)/gsu, (range: string, low: string, high: string) =>
    (low.at(-1) ?? '') > (high.at(-1) ?? '') ? '' : range,
  )
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&')
}

function badPattern(pattern: string): Problem {
  return new Problem(`Cannot use the pattern "${pattern}"`, {
    hint: 'close its "[", and put a character behind its last "\\"',
  })
}
