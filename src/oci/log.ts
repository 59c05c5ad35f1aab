/** Says what fails: on the error stream, and in the log that --log names, for callers that read it. */

import { appendFileSync } from 'node:fs'
import { TsstackError } from '../errors.ts'

export interface Log {
  readonly warn: (text: string) => void
  readonly error: (error: unknown) => void
}

export function openLog({
  path,
  format,
}: {
  readonly path: string | undefined
  readonly format: 'text' | 'json'
}): Log {
  const write = (level: 'warning' | 'error', msg: string): void => {
    process.stderr.write(`tsstack-oci: ${level === 'warning' ? 'warning: ' : ''}${msg}\n`)
    if (path === undefined) return
    const time = new Date().toISOString()
    const line =
      format === 'json'
        ? JSON.stringify({ level, msg, time })
        : `time="${time}" level=${level} msg=${JSON.stringify(msg)}`
    try {
      appendFileSync(path, `${line}\n`, { mode: 0o644 })
    } catch (cause) {
      process.stderr.write(`tsstack-oci: Cannot write to "${path}": ${textOf(cause)}\n`)
    }
  }
  return {
    warn: (text) => write('warning', text),
    error: (error) => write('error', textOf(error)),
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const hint = error instanceof TsstackError ? error.hint : undefined
  return hint === undefined ? error.message : `${error.message} (${hint})`
}
