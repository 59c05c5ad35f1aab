/** How long actions took on this machine, for what a plan says about its own duration. */

import { join } from 'node:path'
import { TIMINGS_MAX } from '../../limits.ts'
import type { Action } from '../../planner/index.ts'
import type { Outcome, Paths } from '../types.ts'
import { readRecord, writeRecord } from './file.ts'

interface TimingsRecord {
  /** Milliseconds by kind of action, and by kind and name; those used last at the end. */
  readonly usualMs: Readonly<Record<string, number>>
}

/** Of the latest time; the rest is what was usual until then. */
const WEIGHT = 0.3

/** What `action` usually takes here: this very one, or else its kind; undefined: never done. */
export type UsualMs = (action: Action) => number | undefined

export function readUsualMs(paths: Paths): UsualMs {
  const { usualMs } = read(paths)
  return (action) => usualMs[nameOf(action)] ?? usualMs[action.kind]
}

/** Adds what was just done. A disk that is full keeps nothing, and harms nothing. */
export function addTimings(paths: Paths, outcomes: readonly Outcome[]): void {
  const done = outcomes.filter((each) => each.kind === 'done')
  if (done.length === 0) return
  const usual = new Map(Object.entries(read(paths).usualMs))
  for (const { action, tookMs } of done) {
    for (const key of [action.kind, nameOf(action)]) {
      const before = usual.get(key)
      usual.delete(key)
      usual.set(
        key,
        Math.round(before === undefined ? tookMs : before + WEIGHT * (tookMs - before)),
      )
    }
  }
  const kept = [...usual].slice(-TIMINGS_MAX)
  try {
    writeRecord(fileOf(paths), { usualMs: Object.fromEntries(kept) })
  } catch {
    // It is only an estimate.
  }
}

function read(paths: Paths): TimingsRecord {
  return readRecord(fileOf(paths), isTimings) ?? { usualMs: {} }
}

function isTimings(value: object): value is TimingsRecord {
  const { usualMs } = value as { usualMs?: unknown }
  if (typeof usualMs !== 'object' || usualMs === null) return false
  return Object.values(usualMs).every((each) => typeof each === 'number')
}

const fileOf = (paths: Paths): string => join(paths.state, 'timings.json')

/** Ids are the kind and the name. */
function nameOf({ id }: Action): string {
  return id
}
