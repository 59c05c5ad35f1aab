/** An error as the reader sees it, and the exit status it ends the program with. */

import { InvalidStack, RemoteError, RenderedError } from '../daemon/index.ts'
import { ERROR_CODES, TsstackError, errorText } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { safeLine, safeText } from './safe-text.ts'
import type { Paint } from './style.ts'

/** The exit status of a code: docs/errors.md. */
export function exitOf(code: ErrorCode): number {
  return ERROR_CODES[code].exit
}

/** The exit status of the table of codes; 1 for what is not in it. */
export function exitCodeOf(error: unknown): number {
  return error instanceof TsstackError ? exitOf(error.code) : 1
}

/** Message, hint and code; with `debug` the stacks as well. */
export function renderError(error: unknown, paint: Paint, debug: boolean): string {
  const { message, hint, code } = parts(error)
  const lines = renderedOf(error)
  // A single diagnostic has said it all.
  if (!lines.some((line) => withoutColor(line).endsWith(`: ${message}`))) {
    lines.push(`${paint('red', 'error:')} ${safeText(message)} ${paint('dim', `[${code}]`)}`)
  }
  if (hint !== undefined) lines.push(`${paint('cyan', 'hint:')} ${safeText(hint)}`)
  return [...lines, ...(debug ? stacks(error) : [])].join('\n')
}

/**
 * The diagnostics that the error of a stack file brought along: excerpts of a file that may be
 * hostile.
 */
function renderedOf(error: unknown): string[] {
  const isRendered =
    error instanceof InvalidStack || error instanceof RemoteError || error instanceof RenderedError
  const text = isRendered ? error.rendered : undefined
  return text === undefined ? [] : text.trimEnd().split('\n').map(safeLine)
}

function withoutColor(line: string): string {
  return line.replaceAll(/\p{Cc}\[[\d;]*m/gu, '')
}

function parts(error: unknown): {
  readonly message: string
  readonly hint: string | undefined
  readonly code: string
} {
  if (error instanceof TsstackError) {
    const defect =
      error.code === 'INTERNAL' ? 'this is a defect of tsstack: please report it' : undefined
    return { message: error.message, hint: error.hint ?? defect, code: error.code }
  }
  const message = errorText(error)
  const hint = 'this is a defect of tsstack: please report it, with the output of TSSTACK_DEBUG=1'
  return { message, hint, code: 'INTERNAL' }
}

function stacks(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return []
  const remote = error instanceof RemoteError ? error.remoteStack : undefined
  const own = error.stack ?? ''
  const cause = error.cause === undefined ? [] : ['caused by:', ...stacks(error.cause)]
  return remote === undefined ? [own, ...cause] : ['in the supervisor:', remote, own, ...cause]
}
