/** Tells whether a file is another one than it was: without reading it. */

import { statSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'

/** What paths were like when they were read: {@link fingerprint} by path. */
export type Seen = ReadonlyMap<string, string>

/** What the file system says of a file now; the same text as long as nobody has touched it. */
export function fingerprint(path: string): string {
  try {
    return fingerprintOf(statSync(path, { bigint: true }))
  } catch (error) {
    // A link in a circle or a folder that may not be entered is as much of a state as no file.
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

/** Identity, size and times: a file put in place by rename differs by its inode. */
export function fingerprintOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

/** None of the paths is another one than it was. */
export function isAsSeen(seen: Seen): boolean {
  return [...seen].every(([path, was]) => was === fingerprint(path))
}

/** Two changes within one tick of the clock of a file system look like one. */
const TICK_MS = 20

/** A change from now on can be told from what was seen. */
export function isSettled(seen: Seen): boolean {
  const tick = Date.now() - TICK_MS
  return [...seen.values()].every((print) => {
    // The time of the last change is the last word of a fingerprint; an absent file has none.
    const changedMs = Number(print.slice(print.lastIndexOf(' ') + 1)) / 1e6
    return !(changedMs > tick)
  })
}
