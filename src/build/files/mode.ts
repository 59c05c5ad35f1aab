/** `--chmod`: an octal mode, or symbolic changes such as `u=rwX,go-w`. */

import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'

/** The mode that an entry gets; `mode` has the permission bits, 0o7777. */
export type ModeChange = (mode: number, isDirectory: boolean) => number

const CLAUSE = /^(?<who>[ugoa]*)(?<steps>(?:[-+=](?:[rwxXst]*|[ugo]))+)$/

/** @throws {Problem} */
export function parseMode(word: Word): ModeChange {
  const { text } = word
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) {
    const mode = Number.parseInt(text, 8)
    return () => mode
  }
  const clauses = text.split(',').map((clause) => CLAUSE.exec(clause)?.groups)
  if (clauses.some((clause) => clause === undefined)) {
    throw new Problem(`Cannot change modes by "${text}"`, {
      span: word,
      hint: 'write an octal number up to 7777, or changes such as u=rwX,go=rX',
    })
  }
  const steps = clauses.flatMap(({ who = '', steps = '' } = {}) =>
    [...steps.matchAll(/(?<sign>[-+=])(?<bits>[^-+=]*)/g)].map(({ groups }) => ({
      who: who === '' || who.includes('a') ? 'ugo' : who,
      sign: groups?.['sign'] ?? '=',
      bits: groups?.['bits'] ?? '',
    })),
  )
  return (mode, isDirectory) =>
    steps.reduce((current, step) => applyStep(current, step, isDirectory), mode)
}

interface Step {
  readonly who: string
  readonly sign: string
  readonly bits: string
}

const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 }

function applyStep(mode: number, { who, sign, bits }: Step, isDirectory: boolean): number {
  const plain = permissions(mode, bits, isDirectory)
  let result = mode
  for (const one of who) {
    const shift = SHIFT[one] ?? 0
    const special = specialBit(one, bits)
    const set = (plain << shift) | special
    if (sign === '+') result |= set
    else if (sign === '-') result &= ~set
    else result = (result & ~((0o7 << shift) | specialOf(one))) | set
  }
  return result
}

/** `rwx` for one class; `X` is x where it makes sense, and a class copies its bits. */
function permissions(mode: number, bits: string, isDirectory: boolean): number {
  const copied = SHIFT[bits]
  if (copied !== undefined) return (mode >> copied) & 0o7
  const execute =
    bits.includes('x') || (bits.includes('X') && (isDirectory || (mode & 0o111) !== 0))
  return (bits.includes('r') ? 4 : 0) | (bits.includes('w') ? 2 : 0) | (execute ? 1 : 0)
}

function specialBit(who: string, bits: string): number {
  if (who === 'o') return bits.includes('t') ? 0o1000 : 0
  return bits.includes('s') ? specialOf(who) : 0
}

function specialOf(who: string): number {
  return { u: 0o4000, g: 0o2000, o: 0o1000 }[who] ?? 0
}
