/** Splits the text of an instruction into words, each with its place; quotes and escapes stay. */

import type { Span } from './problem.ts'

export interface Word extends Span {
  readonly text: string
}

/** Words between white space, without a look at quotes: `EXPOSE 80 443`. */
export function plainWords(text: string, start: number): readonly Word[] {
  return [...text.matchAll(/[^\t\v\f\r ]+/g)].map((match) => wordAt(match[0], start + match.index))
}

/**
 * Words as `ENV` has them: a blank inside quotes or behind `escape` does not end one. Quotes and
 * escapes are kept for the expansion.
 */
export function quotedWords(text: string, start: number, escape: string): readonly Word[] {
  const words: Word[] = []
  let at = 0
  while (at < text.length) {
    if (isBlank(text[at])) {
      at += 1
      continue
    }
    const end = endOfWord(text, at, escape)
    // An escape at the very end escapes nothing.
    const word = text.slice(at, end)
    const cut = end === text.length && endsWithEscape(word, escape) ? word.slice(0, -1) : word
    if (cut !== '') words.push(wordAt(cut, start + at))
    at = end
  }
  return words
}

export function wordAt(text: string, start: number): Word {
  return { text, start, end: start + text.length }
}

function endOfWord(text: string, from: number, escape: string): number {
  let quote: string | undefined
  let at = from
  while (at < text.length && (quote !== undefined || !isBlank(text[at]))) {
    const character = text[at]
    if (character === escape && quote !== "'") at += 1
    else if (character === quote) quote = undefined
    else if (quote === undefined && (character === '"' || character === "'")) quote = character
    at += 1
  }
  return Math.min(at, text.length)
}

function endsWithEscape(word: string, escape: string): boolean {
  let count = 0
  while (word.at(-1 - count) === escape) count += 1
  return count % 2 === 1
}

export function isBlank(character: string | undefined): boolean {
  return character !== undefined && /\s/u.test(character)
}
