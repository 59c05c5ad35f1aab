/** COPY and ADD. */

import { type FlagKind, Flags } from './flags.ts'
import { heredocAt } from './heredoc.ts'
import type { CopySource, InstructionBody } from './instruction.ts'
import { readJsonList } from './json-list.ts'
import { Problem } from './problem.ts'
import type { Statement } from './statement.ts'
import { plainWords, type Word } from './words.ts'

const COMMON: Readonly<Record<string, FlagKind>> = {
  chown: 'text',
  chmod: 'text',
  link: 'switch',
  exclude: 'texts',
}
const COPY = { ...COMMON, from: 'text', parents: 'switch' } as const
const ADD = { ...COMMON, checksum: 'text', 'keep-git-dir': 'switch', unpack: 'switch' } as const

export function readCopy(kind: 'copy' | 'add'): (statement: Statement) => InstructionBody {
  return (statement) => {
    const flags = new Flags(statement, kind === 'copy' ? COPY : ADD)
    const { sources, target } = sourcesOf(statement)
    refuseVariable(flags.text('from'))
    return {
      kind,
      sources,
      target,
      from: flags.text('from'),
      chown: flags.text('chown'),
      chmod: flags.text('chmod'),
      excludes: flags.texts('exclude'),
      link: flags.switch('link') ?? false,
      parents: flags.switch('parents') ?? false,
      unpack: flags.switch('unpack'),
      checksum: flags.text('checksum'),
      keepsGit: flags.switch('keep-git-dir') ?? false,
    }
  }
}

function sourcesOf(statement: Statement): {
  readonly sources: readonly CopySource[]
  readonly target: Word
} {
  const { keyword, args, heredocs } = statement
  const words =
    readJsonList(args)?.map((text) => ({ ...args, text })) ?? plainWords(args.text, args.start)
  const target = words.at(-1)
  if (target === undefined || words.length < 2) {
    throw new Problem(`Cannot use ${keyword}: it needs a source and a target`, {
      span: args.text === '' ? undefined : args,
      hint: `write ${keyword} SOURCE TARGET`,
    })
  }
  if (heredocAt(heredocs, target)) {
    throw new Problem(`Cannot use a heredoc as the target of ${keyword}`, { span: target })
  }
  const sources = words.slice(0, -1).map((path): CopySource => {
    const heredoc = heredocAt(heredocs, path)
    return heredoc ? { kind: 'heredoc', heredoc } : { kind: 'path', path }
  })
  return { sources, target }
}

/** Which stages are needed has to be known before any variable of a stage is. */
function refuseVariable(from: Word | undefined): void {
  if (from === undefined || !from.text.includes('$')) return
  throw new Problem(`Cannot copy from "${from.text}": --from takes no variables`, {
    span: from,
    hint: 'give the image a name first: FROM $IMAGE AS name',
  })
}
