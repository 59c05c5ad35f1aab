/** Small files of the store: written by rename, read or found absent. */

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

let drafts = 0

/** The reader sees the old content or the new one; a failed write leaves the old one. */
export function writeFileByRename(path: string, content: string | Uint8Array): void {
  drafts += 1
  const temporary = `${path}.${process.pid}.${drafts}.new`
  try {
    writeFileSync(temporary, content, { flag: 'wx', mode: 0o600 })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

export function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Undefined for a file that is absent or no JSON object: what it said is found out again. */
export function readJsonIfThere(path: string): object | undefined {
  const text = readIfThere(path)?.toString()
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
