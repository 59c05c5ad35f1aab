/**
 * Splits a command line into words as a shell would, without running one: quotes and backslashes
 * only.
 */

export interface Words {
  readonly words: readonly string[]
  /**
   * Shell syntax that ended the command: `&&`, `|`, `;`, `<`, `>`. What follows is not part of it.
   */
  readonly dropped?: string
}

/** The words, or what is wrong. `$(…)` and backquotes keep what is in them together, unchanged. */
export function splitWords(line: string): Words | string {
  return new Splitter(line).split()
}

class Splitter {
  readonly #line: string
  readonly #words: string[] = []
  #word: string | undefined
  /** What must come before blanks separate again; '' outside quotes. */
  #quote: '' | '"' | "'" | '`' | ')' = ''

  constructor(line: string) {
    this.#line = line
  }

  split(): Words | string {
    for (let at = 0; at < this.#line.length; at++) {
      const character = this.#line[at] ?? ''
      if (character === '\\' && this.#quote !== "'") {
        at += 1
        const next = this.#line[at]
        if (next === undefined) return 'a backslash stands at the end'
        this.#add(next)
      } else if (this.#quote === '' && /[;&|<>]/.test(character)) {
        return this.#endAt(at, character)
      } else {
        const wrong = this.#step(character)
        if (wrong !== undefined) return wrong
      }
    }
    if (this.#quote !== '')
      return `${this.#quote === ')' ? '"$("' : `the quote ${this.#quote}`} is not closed`
    this.#endWord()
    return { words: this.#words }
  }

  /** A digit right before `>` is the number of a file descriptor, so it goes too. */
  #endAt(at: number, character: string): Words {
    if (character === '>' && /^\d/.test(this.#word ?? '')) this.#word = undefined
    this.#endWord()
    return { words: this.#words, dropped: this.#line.slice(at) }
  }

  #step(character: string): string | undefined {
    if (this.#quote === '"' || this.#quote === "'") {
      if (character === this.#quote) this.#quote = ''
      else this.#add(character)
    } else if (this.#quote !== '') {
      if (character === this.#quote) this.#quote = ''
      this.#add(character)
    } else if (/[ \t\r\n]/.test(character)) {
      this.#endWord()
    } else if (character === '"' || character === "'") {
      this.#quote = character
      this.#word ??= ''
    } else {
      return this.#open(character)
    }
    return undefined
  }

  #open(character: string): string | undefined {
    if (character === '`') this.#quote = '`'
    if (character === ')' || (character === '(' && !(this.#word ?? '').endsWith('$'))) {
      return `"${character}" has no meaning without a shell; put it in quotes`
    }
    if (character === '(') this.#quote = ')'
    this.#add(character)
    return undefined
  }

  #add(text: string): void {
    this.#word = (this.#word ?? '') + text
  }

  #endWord(): void {
    if (this.#word !== undefined) this.#words.push(this.#word)
    this.#word = undefined
  }
}
