/** Reads a Dockerfile into statements: keyword, flags, arguments and heredocs, all with places. */

import { type Heredoc, readHeredocs } from './heredoc.ts'
import { type LogicalLine, LineReader, type Position } from './lines.ts'
import { Problem } from './problem.ts'
import { isBlank, type Word, wordAt } from './words.ts'

/** One instruction as it is written. Offsets count in `text`. */
export interface Statement {
  /** In capitals. */
  readonly keyword: string
  readonly text: string
  /** `--name=value`, quotes and escapes resolved. */
  readonly flags: readonly Word[]
  /** Everything behind the flags. */
  readonly args: Word
  readonly heredocs: readonly Heredoc[]
  readonly escape: string
  readonly line: number
  readonly lineEnd: number
  readonly place: (offset: number) => Position
}

/** Something found wrong, at its place. */
export interface Finding {
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly hint?: string | undefined
  readonly line: number
  readonly column: number
  /** At least 1. */
  readonly length: number
}

export interface Statements {
  readonly statements: readonly Statement[]
  readonly directives: ReadonlyMap<string, string>
  readonly findings: readonly Finding[]
}

/** Everything that can be read is read, so that all mistakes are found at once. */
export function readStatements(text: string): Statements {
  const reader = new LineReader(text)
  const statements: Statement[] = []
  const findings: Finding[] = []
  for (;;) {
    try {
      const line = reader.next()
      if (line === undefined) break
      statements.push(readOne(line, reader, findings))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      findings.push(findingAt(error, { line: reader.line, column: 1 }))
    }
  }
  findings.push(...reader.emptyContinuations.map(emptyContinuation))
  return { statements, directives: reader.directives.values, findings }
}

/** `problem` at its place in `statement`. */
export function findingIn(statement: Statement, problem: Problem): Finding {
  const { span = { start: 0, end: statement.keyword.length } } = problem
  const place = statement.place(span.start)
  const isOneLine = statement.place(Math.max(span.start, span.end - 1)).line === place.line
  return findingAt(problem, place, isOneLine ? span.end - span.start : 1)
}

/** What the heredoc of a wrong ending swallowed is lost; the statement itself is kept. */
function readOne(line: LogicalLine, reader: LineReader, findings: Finding[]): Statement {
  const { escape } = reader.directives
  const { text, place } = line
  const keyword = /^[^\t\v\f\r ]+/u.exec(text)?.[0] ?? ''
  const { flags, start } = splitFlags(text, keyword.length, escape)
  const rest = text.slice(start).trimEnd()
  const draft: Statement = {
    keyword: keyword.toUpperCase(),
    text,
    flags,
    args: wordAt(rest, start),
    heredocs: [],
    escape,
    line: line.line,
    lineEnd: line.lineEnd,
    place,
  }
  if (!canHaveHeredoc(draft)) return draft
  try {
    const heredocs = readHeredocs(text, escape, reader)
    return { ...draft, heredocs, lineEnd: reader.line }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    findings.push(findingIn(draft, error))
    return draft
  }
}

function canHaveHeredoc({ keyword, args }: Statement): boolean {
  const inner = keyword === 'ONBUILD' ? (/^\w+/u.exec(args.text)?.[0].toUpperCase() ?? '') : keyword
  return ['RUN', 'COPY', 'ADD'].includes(inner) && !args.text.startsWith('[')
}

/** Words that begin with `--`, up to the first that does not, or up to `--` alone. */
function splitFlags(
  text: string,
  from: number,
  escape: string,
): { readonly flags: readonly Word[]; readonly start: number } {
  const flags: Word[] = []
  let at = from
  for (;;) {
    while (isBlank(text[at])) at += 1
    if (!text.startsWith('--', at)) return { flags, start: at }
    const flag = readFlag(text, at, escape)
    if (flag.text === '--') return { flags, start: skipBlanks(text, flag.end) }
    flags.push(flag)
    at = flag.end
  }
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (isBlank(text[at])) at += 1
  return at
}

function readFlag(text: string, start: number, escape: string): Word {
  let value = ''
  let quote: string | undefined
  let at = start
  while (at < text.length && (quote !== undefined || !isBlank(text[at]))) {
    const character = text[at] ?? ''
    if (character === escape && quote !== "'") {
      at += 1
      value += text[at] ?? ''
    } else if (character === quote) quote = undefined
    else if (quote === undefined && (character === '"' || character === "'")) quote = character
    else value += character
    at += 1
  }
  return { text: value, start, end: Math.min(at, text.length) }
}

function findingAt({ message, hint }: Problem, place: Position, length = 1): Finding {
  return { severity: 'error', message, hint, ...place, length: Math.max(1, length) }
}

function emptyContinuation(line: number): Finding {
  return {
    severity: 'warning',
    message: 'An empty line continues the instruction above it',
    hint: 'remove it, or make it a comment: Docker will refuse it one day',
    line,
    column: 1,
    length: 1,
  }
}
