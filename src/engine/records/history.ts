/** Every stack that was applied, by number: what it was, and when. */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HISTORY_REVISIONS_MAX } from '../../limits.ts'
import type { DesiredState } from '../../planner/index.ts'
import { stackDirectory } from '../paths.ts'
import type { Paths, Revision } from '../types.ts'
import { readRecord, writeRecord } from './file.ts'
import { filesIn } from './present.ts'

/** Adds `desired` as the newest; the oldest goes when there are too many. */
export function addRevision(paths: Paths, desired: DesiredState, appliedAt: number): void {
  const directory = historyDirectory(paths, desired.stack)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const numbers = revisionNumbers(paths, desired.stack)
  const number = (numbers.at(-1) ?? 0) + 1
  const record: Revision = { number, appliedAt, desired }
  writeRecord(fileOf(directory, number), record)
  for (const old of numbers.slice(0, -HISTORY_REVISIONS_MAX)) {
    rmSync(fileOf(directory, old), { force: true })
  }
}

/** Oldest first; none that cannot be read. */
export function readRevisions(paths: Paths, stack: string): readonly Revision[] {
  const directory = historyDirectory(paths, stack)
  return revisionNumbers(paths, stack)
    .map((number) => readRecord(fileOf(directory, number), isRevision))
    .filter((each) => each !== undefined)
}

function revisionNumbers(paths: Paths, stack: string): readonly number[] {
  return filesIn(historyDirectory(paths, stack))
    .flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

const historyDirectory = (paths: Paths, stack: string): string =>
  join(stackDirectory(paths, stack), 'history')
const fileOf = (directory: string, number: number): string => join(directory, `${number}.json`)

function isRevision(value: object): value is Revision {
  const revision = value as Partial<Revision>
  return typeof revision.number === 'number' && typeof revision.desired === 'object'
}
