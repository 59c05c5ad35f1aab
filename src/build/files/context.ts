/** Opens a directory that a build copies from, with its `.dockerignore`. */

import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import { O, openPath } from '../../linux/index.ts'
import { Problem } from '../dockerfile/problem.ts'
import { IgnoreRules, parseIgnoreFile } from './ignore.ts'
import type { FileTree } from './tree.ts'

/**
 * `dockerfile` is the file's path, whose own `NAME.dockerignore` comes before the context's.
 * `ignoreFile`: whether there is to be one.
 * @throws {EngineError} BUILD
 */
export function openContext(
  directory: string,
  dockerfile: string | undefined,
  what: string,
  { ignoreFile = true }: { readonly ignoreFile?: boolean } = {},
): FileTree {
  const stat = lstatSync(realPath(directory, what))
  if (!stat.isDirectory()) throw refused(directory, what, 'it is not a directory')
  const rules = ignoreFile ? rulesOf(directory, dockerfile) : undefined
  return { what, fd: openPath(directory, O.DIRECTORY), rules, keepsOwners: false }
}

function realPath(directory: string, what: string): string {
  try {
    return realpathSync(directory)
  } catch {
    throw refused(directory, what, 'it does not exist')
  }
}

function rulesOf(directory: string, dockerfile: string | undefined): IgnoreRules | undefined {
  const own = dockerfile === undefined ? undefined : `${dockerfile}.dockerignore`
  const file = [own, join(directory, '.dockerignore')].find(
    (path) => path !== undefined && existsSync(path),
  )
  if (file === undefined) return undefined
  try {
    return new IgnoreRules(parseIgnoreFile(readFileSync(file, 'utf8')))
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new EngineError('BUILD', `${error.message} in "${file}"`, { hint: error.hint })
  }
}

function refused(directory: string, what: string, why: string): EngineError {
  return new EngineError('BUILD', `Cannot use ${what} "${directory}": ${why}`, {
    hint: 'name the directory that holds the files to be copied',
  })
}
