/**
 * The journal of a stack: what it was last told to be, written durably before anything is changed.
 */

import { mkdirSync, rmSync } from 'node:fs'
import type { DesiredState, StackSource } from '../../planner/index.ts'
import { stackDirectory, stackFile, stacksDirectory } from '../paths.ts'
import type { Paths } from '../types.ts'
import { readRecord, writeRecord } from './file.ts'
import { forgetNetworkRecords } from './network.ts'
import { directoriesIn } from './present.ts'

export interface StackRecord {
  readonly stack: string
  readonly source: StackSource
  /** Absent while the stack is being removed. */
  readonly desired?: DesiredState
}

/** One fsync per plan: after a power cut the stack is what the user last asked for. */
export function writeStackRecord(paths: Paths, record: StackRecord): void {
  mkdirSync(stackDirectory(paths, record.stack), { recursive: true, mode: 0o700 })
  writeRecord(stackFile(paths, record.stack), record, { durable: true })
}

/** One of a newer tsstack is refused: it says what all the others of the stack may mean. */
export function readStackRecord(paths: Paths, stack: string): StackRecord | undefined {
  return readRecord(stackFile(paths, stack), isStackRecord, { newer: 'refuse' })
}

/** Names of all stacks that have anything recorded. */
export function stackNames(paths: Paths): readonly string[] {
  return directoriesIn(stacksDirectory(paths))
}

/** Removes what is left of a stack's directory, leases included. */
export function removeStackRecord(paths: Paths, stack: string): void {
  forgetNetworkRecords(paths, stack)
  rmSync(stackDirectory(paths, stack), { recursive: true, force: true })
}

function isStackRecord(value: object): value is StackRecord {
  const record = value as Partial<StackRecord>
  return typeof record.stack === 'string' && typeof record.source === 'object'
}
