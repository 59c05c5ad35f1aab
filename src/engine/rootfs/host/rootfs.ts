/** `host:`: this machine's programs below a small root of our own. */

import { existsSync, readFileSync } from 'node:fs'
import { HOST_LOOK_MS } from '../../../limits.ts'
import type { RootfsSource } from '../image.ts'
import { buildSkeleton } from './skeleton.ts'
import { programParts } from './parts.ts'

/** What was found last for each cache directory, and when, as performance.now() counts. */
const found = new Map<string, { readonly source: RootfsSource; readonly at: number }>()

/** As the host is now, or was a moment ago: a whole stack that starts looks once. */
export function hostRootfs(cacheDirectory: string): RootfsSource {
  const known = found.get(cacheDirectory)
  const isFresh = known !== undefined && performance.now() - known.at < HOST_LOOK_MS
  if (isFresh && known.source.lowers.every((lower) => existsSync(lower))) return known.source
  const parts = programParts('/', readFileSync('/proc/self/mountinfo', 'utf8'))
  const skeleton = buildSkeleton({ host: '/', cacheDirectory, parts })
  const source: RootfsSource = { lowers: [skeleton], parts, image: {} }
  found.set(cacheDirectory, { source, at: performance.now() })
  return source
}
