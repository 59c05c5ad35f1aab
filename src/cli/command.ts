/** What a command brings to the program: its grammar and its work. */

import type { Command } from 'commander'
import type { Context } from './context.ts'

export interface CommandModule {
  /**
   * Adds options and arguments, and hands the work to `run`. Called only for a command that was
   * typed.
   */
  readonly define: (command: Command, run: Run) => void
}

/** Does the work of the command; what it resolves to is the exit status. */
export type Run = (work: (context: Context) => Promise<number> | number) => Promise<void>
