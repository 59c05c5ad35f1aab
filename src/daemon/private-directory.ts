/** Directories of a state root: made step by step, so that the error says what really failed. */

import { lstatSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { EngineError, errorText } from '../errors.ts'

/**
 * Makes `path` for its owner alone, and what is missing above it.
 * @throws {EngineError} STATE_DIRECTORY when it cannot be made, or is not ours alone (a group may
 * pass).
 */
export function makePrivateDirectory(path: string): void {
  try {
    makeDirectory(path, 0o700)
  } catch (cause) {
    const seen = errorText(cause)
    throw new EngineError('STATE_DIRECTORY', `Cannot create directory "${path}": ${seen}`, {
      hint: 'make its file system writable, or choose another place with TSSTACK_ROOT',
      cause,
    })
  }
  const stat = lstatSync(path)
  if (!stat.isDirectory()) throw refused(path, 'it is not a directory')
  if (stat.uid !== process.geteuid?.()) throw refused(path, `it belongs to uid ${stat.uid}`)
  if ((stat.mode & 0o027) !== 0) throw refused(path, 'others may enter it')
}

/** `recursive` of mkdir(2)'s wrapper says ENOENT on a read-only file system, so it is not used. */
function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    makeDirectory(dirname(path), 0o755)
    mkdirSync(path, { mode })
  }
}

function refused(path: string, why: string): EngineError {
  return new EngineError('STATE_DIRECTORY', `Cannot use directory "${path}": ${why}`, {
    hint: `remove it, or run: chown root:root "${path}" && chmod 700 "${path}"`,
  })
}
