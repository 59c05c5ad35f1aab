/** The supervisor's side of the boundary for `cp`: what a client says that it copies. */

import type { CopySource } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import { shape, textLike } from './check.ts'
import type { Check } from './check.ts'

const KINDS = ['file', 'directory', 'contents', 'archive'] as const

const copyKind: Check<CopySource['kind']> = (value, place) => {
  const kind = KINDS.find((each) => each === value)
  if (kind !== undefined) return kind
  throw new UsageError(`Cannot understand the request: "${place}" has to be ${KINDS.join(', ')}`)
}

/** It becomes one component of a path, and must not be more. */
const fileName = textLike(/^(?!\.\.?$)[^/\0]*$/, 'a name without "/"')

export const copySource: Check<CopySource> = shape<CopySource>({ kind: copyKind, name: fileName }, [
  'kind',
  'name',
])
