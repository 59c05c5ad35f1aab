/** FROM: which image, or stage, a stage begins with. */

import { Flags } from './flags.ts'
import type { InstructionBody } from './instruction.ts'
import { Problem } from './problem.ts'
import type { Statement } from './statement.ts'
import { plainWords, type Word } from './words.ts'

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/

export function readFrom(statement: Statement): InstructionBody {
  const platform = new Flags(statement, { platform: 'text' }).text('platform')
  const words = plainWords(statement.args.text, statement.args.start)
  const [base, as, name] = words
  const isNamed = words.length === 3 && as?.text.toLowerCase() === 'as'
  if (base === undefined || (words.length !== 1 && !isNamed)) {
    throw new Problem('Cannot use FROM: it has one image and at most a name', {
      span: statement.args.text === '' ? undefined : statement.args,
      hint: 'write FROM IMAGE, or FROM IMAGE AS NAME',
    })
  }
  return { kind: 'from', base, name: isNamed ? stageName(name) : undefined, platform }
}

function stageName(word: Word | undefined): string {
  const name = word?.text.toLowerCase() ?? ''
  if (STAGE_NAME.test(name)) return name
  throw new Problem(`Cannot name a stage "${word?.text}"`, {
    span: word,
    hint: 'a name begins with a letter and has letters, digits, "-", "_" and "." only',
  })
}
