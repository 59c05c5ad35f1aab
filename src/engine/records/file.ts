/**
 * Reads and writes small JSON records so that a reader sees the old one or the new one, never half.
 */

import { closeSync, fstatSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { EngineError, errorText } from '../../errors.ts'
import { readIfPresent } from './present.ts'

/**
 * Raised when a record's meaning changes; a newer one than ours is kept and refused, not guessed
 * at.
 */
export const RECORD_VERSION = 1

/**
 * Written by rename. `durable`: also fsynced, file and directory, so that it survives a power cut.
 */
export function writeRecord(
  path: string,
  value: object,
  options: { readonly durable: boolean } = { durable: false },
): void {
  const temporary = `${path}.new`
  const fd = openSync(temporary, 'w', 0o600)
  try {
    writeSync(fd, `${JSON.stringify({ version: RECORD_VERSION, ...value })}\n`)
    if (options.durable) fsyncSync(fd)
  } catch (cause) {
    throw writeFailed(path, cause)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  if (options.durable) syncDirectory(dirname(path))
}

/**
 * The record at `path`, or undefined when there is none. A record that cannot be read is moved
 * aside to `PATH.broken`, so that the kernel's truth is used instead and nothing is lost. So is one
 * of a newer tsstack, unless `newer` is `refuse`: then STATE_DIRECTORY is thrown.
 */
export function readRecord<T extends object>(
  path: string,
  isValid: (value: object) => value is T,
  { newer = 'aside' }: { readonly newer?: 'aside' | 'refuse' } = {},
): T | undefined {
  const value = parse(readText(path))
  if (value === undefined) return undefined
  if (value === 'broken') return setAside(path)
  const { version } = value as { version?: unknown }
  if (typeof version === 'number' && version > RECORD_VERSION) {
    if (newer === 'aside') return setAside(path)
    throw new EngineError(
      'STATE_DIRECTORY',
      `Cannot read record "${path}": it has version ${version}, this tsstack knows ${RECORD_VERSION}`,
      { hint: 'use the newer tsstack that wrote it' },
    )
  }
  return isValid(value) ? value : setAside(path)
}

/** A journal larger than this is written anew with its last entry alone. */
const JOURNAL_BYTES_MAX = 64 * 1024

/**
 * Adds an entry to a journal, whose last whole entry counts. Cheaper than a record written by
 * rename, which makes ext4 write its data out at once (auto_da_alloc in ext4(5)).
 */
export function appendEntry(path: string, value: object): void {
  const entry = JSON.stringify({ version: RECORD_VERSION, ...value })
  const fd = openSync(path, 'a', 0o600)
  try {
    if (fstatSync(fd).size > JOURNAL_BYTES_MAX) return writeRecord(path, value)
    // The newline before it ends whatever a crash left unfinished there.
    writeSync(fd, `\n${entry}\n`)
  } catch (cause) {
    throw writeFailed(path, cause)
  } finally {
    closeSync(fd)
  }
}

/** Adds an entry to a journal of which every entry counts; returns how long that is now. */
export function addEntry(path: string, value: object): number {
  const fd = openSync(path, 'a', 0o600)
  try {
    // The newline before it ends whatever a crash left unfinished there.
    writeSync(fd, `\n${JSON.stringify({ version: RECORD_VERSION, ...value })}\n`)
    return fstatSync(fd).size
  } catch (cause) {
    throw writeFailed(path, cause)
  } finally {
    closeSync(fd)
  }
}

/** Whole entries of the journal at `path`, oldest first. */
export function readEntries(path: string): readonly object[] {
  return (readText(path) ?? '').split('\n').flatMap((line) => {
    const value = line === '' ? undefined : parse(line)
    return value === undefined || value === 'broken' ? [] : [value]
  })
}

/** The last whole entry of the journal at `path`; undefined when there is none. */
export function readLastEntry(path: string): object | undefined {
  for (const line of (readText(path) ?? '').split('\n').reverse()) {
    const value = line === '' ? undefined : parse(line)
    if (value !== undefined && value !== 'broken') return value
  }
  return undefined
}

/** Removes a record; one that is gone is success. */
export function removeRecord(path: string): void {
  rmSync(path, { force: true })
}

function readText(path: string): string | undefined {
  return readIfPresent(path)?.toString()
}

function parse(text: string | undefined): object | 'broken' | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : 'broken'
  } catch {
    return 'broken'
  }
}

function setAside(path: string): undefined {
  renameSync(path, `${path}.broken`)
  return undefined
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function writeFailed(path: string, cause: unknown): EngineError {
  const why = errorText(cause)
  return new EngineError('STATE_DIRECTORY', `Cannot write record "${path}": ${why}`, {
    hint: 'free space on its file system; running containers are not affected',
    cause,
  })
}
