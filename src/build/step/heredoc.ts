/** The text of a heredoc as a file. */

import { expandWord } from '../dockerfile/expand.ts'
import type { Heredoc } from '../dockerfile/heredoc.ts'
import type { StageScope } from '../plan/scope.ts'

/** Variables are replaced unless the name of the heredoc is quoted; quotes are plain characters. */
export function heredocText(heredoc: Heredoc, scope: StageScope, escape: string): string {
  const text = strippedBody(heredoc)
  if (!heredoc.expands) return text
  return expandWord(text, { get: (name) => scope.get(name), escape, keepsQuotes: true })
}

/** Without the leading tabs that `<<-` allows. */
export function strippedBody({ body, stripsTabs }: Heredoc): string {
  return stripsTabs ? body.replaceAll(/^\t+/gmu, '') : body
}
