/** Reads the log of one container: its segments from old to new, then what is being written. */

import { watch } from 'node:fs'
import { Bell } from '../bell.ts'
import type { LogBlock, LogOptions } from '../types.ts'
import { Cursor } from './cursor.ts'
import { LineJoiner, type Lines, Pieces } from './lines.ts'
import { lastLines } from './tail.ts'

export interface LogSource {
  readonly container: string
  readonly directory: string
  /** Without `follow`: resolves when all is there that a program has written that has ended. */
  readonly lastWords?: () => Promise<void>
  /** With `follow`: true once nothing more will be written; looked at after each wake. */
  readonly isComplete: () => boolean
  /** With `follow`: calls back when {@link isComplete} may have changed; returns its undoing. */
  readonly onChange: (wake: () => void) => () => void
}

/** Lines of a container in the order they were written. */
export async function* readLog(source: LogSource, options: LogOptions): AsyncIterable<LogBlock> {
  if (!options.follow) await source.lastWords?.()
  const cursor = new Cursor(source.directory)
  const { container } = source
  const lines = options.attached === true ? new Pieces(container) : new LineJoiner(container)
  const later = options.follow ? optionsOfNew(options, Date.now()) : options
  try {
    yield* existingLines(cursor, lines, options)
    if (options.follow) yield* newLines({ cursor, lines, source, options: later })
    for (const line of lines.finish()) if (isWanted(line, later)) yield line
  } finally {
    cursor.close()
  }
}

function* existingLines(cursor: Cursor, lines: Lines, options: LogOptions): Iterable<LogBlock> {
  const { tail, follow } = options
  if (tail === undefined) yield* wanted(cursor, lines, options)
  // An unfinished line may be finished while it is followed.
  else yield* lastLines(follow ? wanted(cursor, lines, options) : all(cursor, lines, options), tail)
}

function* all(cursor: Cursor, lines: Lines, options: LogOptions): Iterable<LogBlock> {
  yield* wanted(cursor, lines, options)
  for (const line of lines.finish()) if (isWanted(line, options)) yield line
}

async function* newLines(reading: {
  readonly cursor: Cursor
  readonly lines: Lines
  readonly source: LogSource
  readonly options: LogOptions
}): AsyncIterable<LogBlock> {
  const { cursor, lines, source, options } = reading
  const bell = new Bell()
  const watcher = watch(source.directory, () => bell.ring())
  const unsubscribe = source.onChange(() => bell.ring())
  const abort = (): void => bell.ring()
  let isBehind = true
  options.signal?.addEventListener('abort', abort)
  try {
    while (!options.signal?.aborted) {
      // Asked before reading: what was written until then is read below, and nothing comes after.
      const complete = source.isComplete()
      yield* wanted(cursor, lines, options)
      if (complete) return
      if (isBehind) options.onCaughtUp?.()
      isBehind = false
      await bell.rung()
    }
  } finally {
    watcher.close()
    unsubscribe()
    options.signal?.removeEventListener('abort', abort)
  }
}

function* wanted(cursor: Cursor, lines: Lines, options: LogOptions): Iterable<LogBlock> {
  for (const record of cursor.records()) {
    for (const line of lines.push(record)) if (isWanted(line, options)) yield line
  }
}

/** What is written from now on is after a `since` that is past, though the clock be set back. */
function optionsOfNew(options: LogOptions, begunAt: number): LogOptions {
  const { since, ...rest } = options
  return since === undefined || since > begunAt ? options : rest
}

function isWanted(line: LogBlock, { since, until }: LogOptions): boolean {
  return (since === undefined || line.time >= since) && (until === undefined || line.time <= until)
}
