/** The patterns of `${x#…}`, `${x%…}` and `${x/…/…}`: `*` and `?`, no brackets. */

import { Problem } from './problem.ts'

/** `value` without the shortest, or when `isGreedy` longest, match of `pattern` at its start. */
export function withoutPrefix(value: string, pattern: string, isGreedy: boolean): string {
  const match = new RegExp(`^${sourceOf(pattern, isGreedy)}`, 'su').exec(value)
  return match ? value.slice(match[0].length) : value
}

/** The same at its end. The shortest match from the right is the shortest of the mirror image. */
export function withoutSuffix(value: string, pattern: string, isGreedy: boolean): string {
  return reversed(withoutPrefix(reversed(value), reversedPattern(pattern), isGreedy))
}

/** `value` with the first, or every, longest match of `pattern` replaced. */
export function replaced(
  value: string,
  pattern: string,
  { by, all }: { readonly by: string; readonly all: boolean },
): string {
  return value.replace(new RegExp(sourceOf(pattern, true), all ? 'gsu' : 'su'), () => by)
}

function sourceOf(pattern: string, isGreedy: boolean): string {
  const characters = Array.from(pattern)
  let source = ''
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? ''
    if (character === '*') source += isGreedy ? '.*' : '.*?'
    else if (character === '?') source += '.'
    else if (character === '\\') {
      at += 1
      source += escapedSource(characters[at])
    } else source += literal(character)
  }
  return source
}

function escapedSource(character: string | undefined): string {
  // `}` and `/` are escaped for the sake of the substitution around the pattern.
  if (character !== undefined && '*?\\}/'.includes(character)) return literal(character)
  const seen = character === undefined ? 'an escape at its end' : `the escape "\\${character}"`
  throw new Problem(`Cannot use the pattern of the substitution: it has ${seen}`, {
    hint: 'only \\*, \\? and \\\\ can be escaped',
  })
}

/** With the flag `u` only characters of the syntax may be escaped. */
function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&')
}

function reversed(text: string): string {
  return Array.from(text).toReversed().join('')
}

/** `a\*c` becomes `c\*a`: an escape stays before what it escapes. */
function reversedPattern(pattern: string): string {
  const parts = pattern.match(/\\.|[^]/gsu) ?? []
  return parts.toReversed().join('')
}
