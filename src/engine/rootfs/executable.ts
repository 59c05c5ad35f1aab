/** Finds a container's program as execvp(3) would, inside the container's own files. */

import { posix } from 'node:path'
import { EngineError, isErrno, KernelError } from '../../errors.ts'
import { close, statFd } from '../../linux/index.ts'
import { openInTree, type RootTree } from './tree.ts'

/** What to look for, and where. */
export interface ExecutableQuery extends RootTree {
  /** First word of the command. */
  readonly name: string
  /** The program's environment, of which PATH counts. */
  readonly env: readonly string[]
  /** Its working directory, from which a name such as `./run` counts. */
  readonly cwd: string
}

/**
 * The path for execve(2), as the container sees it.
 * @throws {EngineError} EXEC_NOT_FOUND, EXEC_NOT_EXECUTABLE, in the words that Docker uses
 */
export function findExecutable(query: ExecutableQuery): string {
  const { name } = query
  if (name.includes('/')) return atPath(query)
  let isPlain = false
  for (const directory of name === '' ? [] : searchPath(query.env)) {
    const path = posix.join(directory, name)
    const kind = look(query, path)
    if (kind === 'executable') return path
    isPlain ||= kind === 'plain'
  }
  if (isPlain) throw denied(name)
  throw notFound(name, 'executable file not found in $PATH')
}

/** Directories of PATH. An empty or relative entry would make a program of a file somebody left. */
function searchPath(env: readonly string[]): readonly string[] {
  const value = env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length)
  return (value ?? DEFAULT_PATH).split(':').filter((directory) => directory.startsWith('/'))
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function atPath(query: ExecutableQuery): string {
  const { name, cwd } = query
  const path = posix.resolve('/', cwd, name)
  const kind = look(query, path)
  if (kind === 'executable') return path
  if (kind === 'plain') throw denied(name)
  if (kind === 'absent') throw notFound(name, 'no such file or directory')
  throw new EngineError('EXEC_NOT_EXECUTABLE', `exec: ${quoted(name)}: is a directory`)
}

type Kind = 'executable' | 'plain' | 'directory' | 'absent'

function look(tree: RootTree, path: string): Kind {
  try {
    const fd = openInTree(tree, path)
    try {
      const { kind, mode } = statFd(fd)
      if (kind === 'directory') return 'directory'
      return kind === 'file' && (mode & 0o111) !== 0 ? 'executable' : 'plain'
    } finally {
      close(fd)
    }
  } catch (error) {
    // What we lack ourselves says nothing about the file.
    const isOurs = isErrno(error, 'EMFILE', 'ENFILE', 'ENOMEM', 'EIO')
    if (error instanceof KernelError && !isOurs) return 'absent'
    throw error
  }
}

function notFound(name: string, why: string): EngineError {
  return new EngineError('EXEC_NOT_FOUND', `exec: ${quoted(name)}: ${why}`, {
    hint: 'check the spelling of the command, or use an image that has the program',
  })
}

function denied(name: string): EngineError {
  return new EngineError('EXEC_NOT_EXECUTABLE', `exec: ${quoted(name)}: permission denied`, {
    hint: 'make it executable: chmod +x',
  })
}

function quoted(name: string): string {
  return JSON.stringify(name)
}
