/** `<<EOF` in RUN, COPY and ADD: lines of the file that become a file, or a script. */

import { Problem, type Span } from './problem.ts'
import type { LineReader } from './lines.ts'
import { quotedWords } from './words.ts'

export interface Heredoc extends Span {
  /** File descriptor before the `<<`; 0 when there is none. */
  readonly fd: number
  /** Without its quotes: also the name of the file in COPY. */
  readonly name: string
  /** Variables are replaced: false when any part of the name is quoted. */
  readonly expands: boolean
  /** `<<-`: leading tabs are taken off. */
  readonly stripsTabs: boolean
  /** As it stands in the file, tabs included. */
  readonly body: string
}

const MARK = /^(?<fd>\d*)<<(?<dash>-?)(?<name>[^<]+)$/u

/** Heredocs announced in `text`, their bodies read from `reader`. Throws `Problem`. */
export function readHeredocs(text: string, escape: string, reader: LineReader): readonly Heredoc[] {
  if (!text.includes('<<')) return []
  return marksIn(text, escape).map((mark) => {
    const body = reader.heredocBody(mark.name, mark.stripsTabs)
    if (body !== undefined) return { ...mark, body }
    throw new Problem(`Cannot find the end of the heredoc "${mark.name}"`, {
      span: mark,
      hint: `a line that is just ${mark.name} has to end it`,
    })
  })
}

/** What `COPY <<name dest` names; `undefined` for a word that is no heredoc. */
export function heredocAt<H extends Span>(heredocs: readonly H[], { start }: Span): H | undefined {
  return heredocs.find((heredoc) => heredoc.start === start)
}

function marksIn(text: string, escape: string): readonly Omit<Heredoc, 'body'>[] {
  // A blank may stand between "<<" and the name: taken out, with as many put behind the name.
  const closed = text.replaceAll(/(?<=<<-?)(\s+)([^\s<]+)/gu, '$2$1')
  return quotedWords(closed, 0, escape).flatMap(({ text: word, start, end }) => {
    const { fd = '', dash = '', name = '' } = MARK.exec(word)?.groups ?? {}
    const plain = name.replaceAll(/["']/gu, '').replaceAll(/\\(?<next>.)/gu, '$<next>')
    if (plain === '') return []
    return [
      {
        start,
        end,
        fd: Number(fd || '0'),
        name: plain,
        expands: plain === name,
        stripsTabs: dash === '-',
      },
    ]
  })
}
