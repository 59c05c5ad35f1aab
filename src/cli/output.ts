/** Where the command line writes: results to stdout, progress and errors to stderr. */

import { constants } from 'node:os'

/** A result, with its newline. Nobody reading any more ends the program, quietly. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Progress, a warning, an error. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** `--json`, and `--format json` as in Compose. */
export function wantsJson(flags: { readonly json?: boolean; readonly format?: string }): boolean {
  return flags.json === true || flags.format === 'json'
}

/** Results as bytes; resolves when more may be written. */
export async function printBytes(bytes: Uint8Array): Promise<void> {
  if (process.stdout.write(bytes)) return
  await new Promise<void>((resolve) => {
    process.stdout.once('drain', resolve)
  })
}

/** `tsstack logs | head` ends like any other program whose reader has gone. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE)
      throw error
    })
  }
}

/** NO_COLOR and FORCE_COLOR of no-color.org and Node come before what the stream is. */
export function hasColor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0'
  return stream.isTTY && env['TERM'] !== 'dumb'
}
