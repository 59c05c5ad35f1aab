/** Where a copy goes: the rules of `docker cp` for what is and is not there. */

import { UsageError } from '../../errors.ts'
import { directoryOf, kindAt, nameOf, type Tree, withoutLinks } from './tree.ts'

/** What is copied. */
export interface CopySource {
  /** `contents`: of a directory, as `DIR/.` asks for; `archive`: of standard input, as it is. */
  readonly kind: 'file' | 'directory' | 'contents' | 'archive'
  /** Its last name; the first part of every name in the archive of a file or directory. */
  readonly name: string
}

/** Parts of names in the archive are replaced: its first `stripped` ones by `name`. */
export interface CopyPlace {
  /** A directory of the tree that exists. */
  readonly directory: string
  readonly stripped: 0 | 1
  /** Absent: names are as in the archive. */
  readonly name?: string
}

/** @throws {UsageError} when it cannot go there; nothing is made yet */
export function findPlace(tree: Tree, path: string, source: CopySource): CopyPlace {
  const kind = kindAt(tree, path, true)
  const stripped = source.kind === 'file' || source.kind === 'directory' ? 1 : 0
  if (kind === 'directory') {
    return stripped === 0
      ? { directory: path, stripped }
      : { directory: path, stripped, name: source.name }
  }
  if (source.kind === 'archive') {
    throw refused(tree, path, { seen: seenAs(kind), needed: 'an archive goes into a directory' })
  }
  if (kind !== undefined && source.kind !== 'file') {
    throw refused(tree, path, { seen: 'it is a file', needed: 'a directory goes into a directory' })
  }
  if (kind === undefined && source.kind === 'file' && path.endsWith('/')) {
    throw refused(tree, path, {
      seen: seenAs(kind),
      needed: 'leave "/" out, or make the directory',
    })
  }
  const real = withoutLinks(tree, path.replace(/\/+\.?$/, ''))
  const directory = directoryOf(real)
  if (kindAt(tree, directory, true) !== 'directory') {
    const needed = 'make it first'
    throw refused(tree, path, { seen: `there is no directory "${directory}"`, needed })
  }
  return { directory, stripped, name: nameOf(real) }
}

function seenAs(kind: string | undefined): string {
  return kind === undefined ? 'there is no such directory' : 'it is a file'
}

function refused(
  { label }: Tree,
  path: string,
  { seen, needed }: { readonly seen: string; readonly needed: string },
): UsageError {
  return new UsageError(`Cannot copy to "${label}${path}": ${seen}`, {
    code: 'ACTION_FAILED',
    hint: needed,
  })
}
