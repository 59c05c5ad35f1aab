/** RUN with a heredoc alone: a script for the shell, or a program of its own. */

import type { Heredoc } from '../dockerfile/heredoc.ts'
import type { Run } from '../dockerfile/instruction.ts'
import { strippedBody } from './heredoc.ts'

/** A heredoc that begins with `#!`. */
export interface Script {
  readonly name: string
  readonly text: string
}

/** Where BuildKit puts it too. */
export const SCRIPT_DIRECTORY = '/dev/pipes'

export function scriptOf({ command }: Run): Script | undefined {
  const heredoc = onlyHeredoc(command)
  if (heredoc === undefined || !heredoc.body.startsWith('#!')) return undefined
  return { name: heredoc.name, text: strippedBody(heredoc) }
}

/** `RUN <<EOF`: the body is the script, also for shells that know no heredocs. */
export function onlyHeredoc(command: Run['command']): Heredoc | undefined {
  if (command.form === 'exec' || command.heredocs.length !== 1) return undefined
  return /^\d*<<-?\s*[^\s<]+$/u.test(command.text) ? command.heredocs[0] : undefined
}
