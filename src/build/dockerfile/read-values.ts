/** Instructions that set something: ENV, LABEL, ARG, WORKDIR, USER, EXPOSE, VOLUME, SHELL … */

import { Flags } from './flags.ts'
import type { ArgDeclaration, InstructionBody } from './instruction.ts'
import { readJsonList } from './json-list.ts'
import { Problem } from './problem.ts'
import type { Statement } from './statement.ts'
import { plainWords, quotedWords, type Word, wordAt } from './words.ts'

/** `ENV a=b c=d`, and the old form `ENV name the whole rest`. */
export function readPairs(kind: 'env' | 'label'): (statement: Statement) => InstructionBody {
  return (statement) => {
    const { keyword, args, escape } = statement
    noFlags(statement)
    const words = quotedWords(args.text, args.start, escape)
    const [first] = words
    if (first === undefined) throw tooFew(keyword, `${keyword} name=value`)
    if (!first.text.includes('=')) return { kind, pairs: [oldPair(statement, first)] }
    return { kind, pairs: words.map((word) => readPair(keyword, word)) }
  }
}

function readPair(keyword: string, word: Word): { readonly key: Word; readonly value: Word } {
  const at = word.text.indexOf('=')
  if (at === -1) {
    throw new Problem(`Cannot use "${word.text}" of ${keyword}: it has no "="`, {
      span: word,
      hint: 'write name=value, and quote a value that has blanks',
    })
  }
  if (at === 0) throw new Problem(`Cannot use "${word.text}": its name is empty`, { span: word })
  return {
    key: wordAt(word.text.slice(0, at), word.start),
    value: wordAt(word.text.slice(at + 1), word.start + at + 1),
  }
}

function oldPair(
  { keyword, args }: Statement,
  first: Word,
): { readonly key: Word; readonly value: Word } {
  const match = /^(?<key>\S+)\s+(?<value>[^]+)$/u.exec(args.text)
  const { key = '', value = '' } = match?.groups ?? {}
  if (match === null) {
    throw new Problem(`Cannot use "${first.text}" of ${keyword}: it has no value`, {
      span: first,
      hint: `write ${keyword} ${first.text}=VALUE`,
    })
  }
  const start = args.start + args.text.length - value.length
  return { key: wordAt(key, args.start), value: wordAt(value, start) }
}

export function readArg(statement: Statement): InstructionBody {
  const { args, escape } = statement
  noFlags(statement)
  const words = quotedWords(args.text, args.start, escape)
  if (words.length === 0) throw tooFew('ARG', 'ARG name=default')
  return { kind: 'arg', args: words.map(readDeclaration) }
}

function readDeclaration(word: Word): ArgDeclaration {
  if (!word.text.includes('=')) return { name: word, value: undefined }
  const { key, value } = readPair('ARG', word)
  return { name: key, value }
}

export function readValue(
  kind: 'workdir' | 'user' | 'stopsignal' | 'maintainer',
): (statement: Statement) => InstructionBody {
  return (statement) => {
    noFlags(statement)
    const { keyword, args } = statement
    if (args.text === '') throw tooFew(keyword, `${keyword} VALUE`)
    return { kind, value: args }
  }
}

/** EXPOSE is a list of words; VOLUME that, or a JSON list. */
export function readValues(kind: 'expose' | 'volume'): (statement: Statement) => InstructionBody {
  return (statement) => {
    noFlags(statement)
    const { keyword, args } = statement
    const json = kind === 'volume' ? readJsonList(args) : undefined
    const values = json?.map((text) => ({ ...args, text })) ?? plainWords(args.text, args.start)
    if (values.length === 0) throw tooFew(keyword, `${keyword} VALUE`)
    if (values.some(({ text }) => text.trim() === '')) {
      throw new Problem(`Cannot use an empty value in ${keyword}`, { span: args })
    }
    return { kind, values }
  }
}

export function readShell(statement: Statement): InstructionBody {
  noFlags(statement)
  const shell = readJsonList(statement.args)
  if (shell !== undefined && shell.length > 0) return { kind: 'shell', shell }
  throw new Problem('Cannot use SHELL: it needs a JSON list of words', {
    span: statement.args,
    hint: 'write SHELL ["/bin/sh", "-c"]',
  })
}

export function noFlags(statement: Statement): void {
  void new Flags(statement, {})
}

export function tooFew(keyword: string, form: string): Problem {
  return new Problem(`Cannot use ${keyword}: nothing follows it`, { hint: `write ${form}` })
}
