/** Flags of an instruction: which it knows, and their values. */

import { didYouMean } from '../../planner/index.ts'
import { Problem } from './problem.ts'
import type { Statement } from './statement.ts'
import { type Word, wordAt } from './words.ts'

export type FlagKind = 'text' | 'texts' | 'switch'

/** What was given, by name. */
export class Flags {
  readonly #values: Map<string, Word[]> = new Map()

  /** Throws `Problem` for a flag that is unknown, given twice, or has no value it needs. */
  constructor({ keyword, flags }: Statement, known: Readonly<Record<string, FlagKind>>) {
    for (const flag of flags) {
      const { name, value } = split(flag)
      const kind = Object.hasOwn(known, name) ? known[name] : undefined
      if (kind === undefined) throw unknown(keyword, flag, { name, known: Object.keys(known) })
      const values = this.#values.get(name) ?? []
      if (values.length > 0 && kind !== 'texts') throw twice(flag, name)
      this.#values.set(name, [...values, valueOf(flag, { name, kind, value })])
    }
  }

  text(name: string): Word | undefined {
    return this.#values.get(name)?.[0]
  }

  texts(name: string): readonly Word[] {
    return this.#values.get(name) ?? []
  }

  /** `undefined` when it was not given. */
  switch(name: string): boolean | undefined {
    const word = this.text(name)
    return word && word.text === 'true'
  }
}

function split(flag: Word): { readonly name: string; readonly value: Word | undefined } {
  const at = flag.text.indexOf('=')
  if (at === -1) return { name: flag.text.slice(2), value: undefined }
  return {
    name: flag.text.slice(2, at),
    value: wordAt(flag.text.slice(at + 1), flag.start + at + 1),
  }
}

function valueOf(
  flag: Word,
  given: { readonly name: string; readonly kind: FlagKind; readonly value: Word | undefined },
): Word {
  const { name, kind, value } = given
  if (kind !== 'switch') {
    if (value !== undefined) return value
    throw new Problem(`Cannot use --${name}: it has no value`, {
      span: flag,
      hint: `write --${name}=VALUE`,
    })
  }
  const text = (value?.text ?? 'true').toLowerCase()
  if (text === 'true' || text === 'false') return { ...flag, text }
  throw new Problem(`Cannot use --${name}=${text}: it is a switch`, {
    span: value ?? flag,
    hint: 'write true or false, or the flag alone',
  })
}

function unknown(
  keyword: string,
  flag: Word,
  { name, known }: { readonly name: string; readonly known: readonly string[] },
): Problem {
  const guess = didYouMean(name, known)
  const all = known.map((one) => `--${one}`).join(', ')
  const list = known.length === 0 ? `${keyword} has no flags` : `${keyword} has ${all}`
  return new Problem(`Cannot use the flag --${name} of ${keyword}: it is unknown`, {
    span: flag,
    hint: guess === undefined ? list : `did you mean --${guess}?`,
  })
}

function twice(flag: Word, name: string): Problem {
  return new Problem(`Cannot use --${name} twice`, { span: flag, hint: 'keep one of them' })
}
