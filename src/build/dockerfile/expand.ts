/**
 * Expands variables, quotes and escapes as BuildKit does. @see Dockerfile reference, "Environment
 * replacement"
 */

import { Problem } from './problem.ts'
import { replaced, withoutPrefix, withoutSuffix } from './shell-pattern.ts'
import { isBlank } from './words.ts'

export interface ExpandOptions {
  /** Value of a variable; `undefined` when it is not set. */
  readonly get: (name: string) => string | undefined
  /** Backslash, or what the directive `escape` says. */
  readonly escape: string
  /** Quotes are characters like others: in the bodies of heredocs. */
  readonly keepsQuotes?: boolean
  /** What is not set stays as it is written, for a shell that comes later. */
  readonly keepsUnset?: boolean
}

/** The text as one word, blanks included. Throws `Problem`. */
export function expandWord(text: string, options: ExpandOptions): string {
  return new Expansion(text, options).run().result
}

/** The text as words: blanks outside quotes part them, those from variables too. */
export function expandWords(text: string, options: ExpandOptions): readonly string[] {
  return new Expansion(text, options).run().words
}

/** Parameters of a shell that a Dockerfile never sets. @see POSIX shell, 2.5.2 */
const SPECIAL = '@*#?-$!0'

class Expansion {
  readonly #text: string
  readonly #options: ExpandOptions
  #at = 0

  constructor(text: string, options: ExpandOptions) {
    this.#text = text
    this.#options = options
  }

  run(): Collected {
    return this.#until(undefined, false)
  }

  /** Everything up to `stop`, which is taken as well; `undefined`: to the end. */
  #until(stop: string | undefined, keepsEscapes: boolean): Collected {
    const collected = new Collected()
    while (this.#at < this.#text.length) {
      const character = this.#peek()
      if (character === stop) {
        this.#at += 1
        return collected.finish()
      }
      if (character === '$') collected.addValue(this.#dollar())
      else if (character === "'" && !this.#options.keepsQuotes) collected.addRaw(this.#single())
      else if (character === '"' && !this.#options.keepsQuotes) {
        collected.addRaw(this.#double(keepsEscapes))
      } else if (character === this.#options.escape) this.#escaped(collected, keepsEscapes)
      else collected.add(this.#take())
    }
    if (stop !== undefined) throw this.#missing(stop)
    return collected.finish()
  }

  #escaped(collected: Collected, keepsEscapes: boolean): void {
    const escape = this.#take()
    if (keepsEscapes) collected.addRaw(escape)
    if (this.#at < this.#text.length) collected.addRaw(this.#take())
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at + 1)
    if (end === -1) throw this.#missing("'")
    const inside = this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    return inside
  }

  #double(keepsEscapes: boolean): string {
    const { escape } = this.#options
    this.#at += 1
    let result = ''
    while (this.#at < this.#text.length) {
      const character = this.#peek()
      if (character === '"') {
        this.#at += 1
        return result
      }
      if (character === '$') result += this.#dollar()
      else if (character !== escape) result += this.#take()
      else {
        this.#at += 1
        const isSpecial = ['"', '$', escape].includes(this.#peek() ?? '')
        if (keepsEscapes || !isSpecial) result += escape
        if (isSpecial) result += this.#take()
      }
    }
    throw this.#missing('"')
  }

  /** `$name` or `${…}`. */
  #dollar(): string {
    const start = this.#at
    this.#at += 1
    if (this.#peek() === '{') return this.#braced(start)
    const name = this.#name()
    return name === '' ? '$' : this.#value(name, start)
  }

  #braced(start: number): string {
    this.#at += 1
    const name = this.#name()
    const operator = this.#at < this.#text.length ? this.#take() : ''
    if (name === '' || operator === '') throw this.#bad(start)
    switch (operator) {
      case '}':
        return this.#value(name, start)
      case ':':
        return this.#default(name, start, { operator: this.#take(), isEmptyUnset: true })
      case '-':
      case '+':
      case '?':
        return this.#default(name, start, { operator, isEmptyUnset: false })
      case '#':
      case '%':
        return this.#trim(name, start, operator)
      case '/':
        return this.#replace(name, start)
      default:
        throw this.#bad(start)
    }
  }

  #default(
    name: string,
    start: number,
    { operator, isEmptyUnset }: { readonly operator: string; readonly isEmptyUnset: boolean },
  ): string {
    if (!['-', '+', '?'].includes(operator)) throw this.#bad(start)
    const word = this.#until('}', false).result
    const value = this.#options.get(name)
    if (value === undefined && this.#options.keepsUnset) return this.#written(start)
    const isSet = value !== undefined && !(isEmptyUnset && value === '')
    if (operator === '+') return isSet ? word : ''
    if (isSet) return value
    if (operator === '-') return word
    const what = value === undefined ? 'it is not set' : 'it is empty'
    throw new Problem(`Cannot expand "${name}": ${word === '' ? what : word}`, {
      span: { start, end: this.#at },
      hint: `give it a value with --build-arg ${name}=…`,
    })
  }

  #trim(name: string, start: number, operator: string): string {
    const isGreedy = this.#peek() === operator
    if (isGreedy) this.#at += 1
    const pattern = this.#until('}', true).result
    const value = this.#options.get(name)
    if (value === undefined) return this.#options.keepsUnset ? this.#written(start) : ''
    const trim = operator === '#' ? withoutPrefix : withoutSuffix
    return this.#placed(start, () => trim(value, pattern, isGreedy))
  }

  #replace(name: string, start: number): string {
    const all = this.#peek() === '/'
    if (all) this.#at += 1
    const pattern = this.#until('/', true).result
    const by = this.#until('}', true).result
    const value = this.#options.get(name)
    if (value === undefined) return this.#options.keepsUnset ? this.#written(start) : ''
    return this.#placed(start, () => replaced(value, pattern, { by, all }))
  }

  #value(name: string, start: number): string {
    const value = this.#options.get(name)
    return value ?? (this.#options.keepsUnset ? this.#written(start) : '')
  }

  #placed(start: number, work: () => string): string {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      throw new Problem(error.message, { hint: error.hint, span: { start, end: this.#at } })
    }
  }

  /** Letters, digits and `_`; a number; or one special parameter. */
  #name(): string {
    const rest = this.#text.slice(this.#at)
    const special = rest[0] !== undefined && SPECIAL.includes(rest[0]) ? rest[0] : undefined
    const name = /^\d+/u.exec(rest)?.[0] ?? special ?? /^[\p{L}\p{Nd}_]*/u.exec(rest)?.[0] ?? ''
    this.#at += name.length
    return name
  }

  #written(start: number): string {
    return this.#text.slice(start, this.#at)
  }

  #peek(): string | undefined {
    return this.#text[this.#at]
  }

  #take(): string {
    const character = this.#text[this.#at] ?? ''
    this.#at += 1
    return character
  }

  #bad(start: number): Problem {
    const end = Math.min(this.#at, this.#text.length)
    return new Problem(`Cannot expand "${this.#text.slice(start, end)}": bad substitution`, {
      span: { start, end },
      hint: 'the forms are ${x}, ${x:-y}, ${x:+y}, ${x:?y}, ${x#y}, ${x%y} and ${x/y/z}',
    })
  }

  #missing(stop: string): Problem {
    const end = this.#text.length
    return new Problem(`Cannot find the end of "${this.#text}": its ${stop} is missing`, {
      span: { start: Math.max(0, end - 1), end },
      hint: `add ${stop}, or escape the one that opens`,
    })
  }
}

/** The result as one text, and as words. */
class Collected {
  result = ''
  readonly words: string[] = []
  #word: string | undefined

  /** A character of the text: a blank ends a word. */
  add(character: string): void {
    this.result += character
    this.#split(character)
  }

  /** What quotes or escapes protect. */
  addRaw(text: string): void {
    this.result += text
    this.#word = (this.#word ?? '') + text
  }

  /** What a variable gave: its blanks end words like others. */
  addValue(text: string): void {
    this.result += text
    for (const character of text) this.#split(character)
  }

  finish(): this {
    if (this.#word) this.words.push(this.#word)
    this.#word = undefined
    return this
  }

  #split(character: string): void {
    if (isBlank(character)) this.finish()
    else this.#word = (this.#word ?? '') + character
  }
}
