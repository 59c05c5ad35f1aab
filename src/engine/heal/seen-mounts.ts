/** What of the mounts of a process is seen at a path: others may lie above it. */

import type { MountLine } from '../../linux/index.ts'

/** The mounts that a path leads through from the root on; what is seen at its end is in the last. */
export function mountsAlong(mounts: readonly MountLine[], path: string): readonly MountLine[] {
  const root = mounts.find((one) => one.place === '/' && !mounts.some((up) => isOn(one, up)))
  if (root === undefined) return []
  const along = [root]
  for (let here = root; along.length <= mounts.length;) {
    const above = here
    // Where the path comes first: what is deeper on the same mount lies hidden below that.
    const [next] = mounts
      .filter((one) => isOn(one, above) && isWithin(path, one.place))
      .toSorted((a, b) => a.place.length - b.place.length)
    if (next === undefined) break
    along.push(next)
    here = next
  }
  return along
}

/** The lowest of those at `place`: it was there before what lies on it. */
export function lowestAt(mounts: readonly MountLine[], place: string): MountLine | undefined {
  const there = mounts.filter((one) => one.place === place)
  return there.find((one) => !there.some((other) => isOn(one, other)))
}

function isOn(one: MountLine, other: MountLine): boolean {
  return one.parent === other.id && one.id !== other.id
}

function isWithin(path: string, place: string): boolean {
  return place === '/' || path === place || path.startsWith(`${place}/`)
}
