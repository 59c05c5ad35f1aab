/** Which layer each step has made: by what went into it, so that nothing is made twice. */

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { LayerRecord } from './ports.ts'

export interface StepRecord {
  /** Absent: the step changed nothing. */
  readonly layer?: LayerRecord
  /** RFC 3339: when it was really made, so that the same build gives the same image. */
  readonly created: string
}

/** Everything that a step's result depends on, as JSON. */
export type StepInput = Readonly<Record<string, unknown>>

/** Changes when a step of the same input may come to another result. */
const VERSION = 1

export class StepCache {
  readonly #directory: string

  constructor(cacheDirectory: string) {
    this.#directory = join(cacheDirectory, 'steps')
  }

  find(key: string): StepRecord | undefined {
    return this.#read(key) as StepRecord | undefined
  }

  keep(key: string, record: StepRecord): void {
    this.#write(key, record)
  }

  /** What {@link note} has kept. */
  recall(key: string): string | undefined {
    const text = this.#read(key)
    return typeof text === 'string' ? text : undefined
  }

  note(key: string, text: string): void {
    this.#write(key, text)
  }

  #read(key: string): unknown {
    try {
      return JSON.parse(readFileSync(this.#path(key), 'utf8'))
    } catch {
      // Not there, or broken off by a crash: then it is made again.
      return undefined
    }
  }

  #write(key: string, value: StepRecord | string): void {
    const path = this.#path(key)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(value), { mode: 0o600 })
    renameSync(`${path}.${process.pid}`, path)
  }

  #path(key: string): string {
    return join(this.#directory, key.slice(0, 2), `${key}.json`)
  }
}

export function stepKey(input: StepInput): string {
  return sha256(JSON.stringify([VERSION, sorted(input)]))
}

/** Names the files that layers make together. */
export function chainOf(layers: readonly LayerRecord[]): string {
  return sha256(layers.map(({ diffId }) => diffId).join(' '))
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** One order for keys that mean the same. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sorted(each)]),
  )
}
