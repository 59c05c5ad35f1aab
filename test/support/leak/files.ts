/** Control groups and files that a test may leave behind. */
import { readdirSync, readFileSync, type Dirent } from 'node:fs'
import { join } from 'node:path'

/** Deepest directory below a root that is listed; an upper layer may hold a whole tree. */
const DEPTH_MAX = 12

/** Shared places where something of ours could land; listed by name only. */
const SHARED = ['/run', '/var/run', '/tmp', '/dev/shm', '/dev/mqueue', '/var/lib', '/run/netns']

/** Control groups in every hierarchy whose path has a component tsstack*, or one of `marks`. */
export function cgroupsOf(marks: readonly string[] | undefined): ReadonlySet<string> {
  const isOurs = (path: string): boolean =>
    marks ? marks.some((mark) => path.includes(mark)) : path.includes('/tsstack')
  const groups = cgroupMounts().flatMap((mount) =>
    walk(mount, { depth: DEPTH_MAX, onlyDirectories: true }),
  )
  return new Set(groups.filter((path) => isOurs(path)))
}

/** Everything below `roots` but what is `kept`, and what shared directories hold in our name. */
export function filesUnder(scope: {
  readonly roots?: readonly string[]
  readonly kept?: RegExp
  readonly marks?: readonly string[]
}): ReadonlySet<string> {
  const { roots = [], kept, marks } = scope
  const isOurs = (path: string): boolean =>
    marks ? marks.some((mark) => path.includes(mark)) : path.includes('tsstack')
  const shared = SHARED.flatMap((place) =>
    entries(place).map((entry) => join(place, entry.name)),
  ).filter((path) => isOurs(path))
  const inside = roots.flatMap((root) =>
    walk(root, { depth: DEPTH_MAX, onlyDirectories: false }).filter((path) => !kept?.test(path)),
  )
  return new Set([...shared, ...inside])
}

/** Mount points of the cgroup hierarchies, v1 and v2. */
export const cgroupMounts = (): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '')

function walk(
  directory: string,
  options: { readonly depth: number; readonly onlyDirectories: boolean },
): readonly string[] {
  if (options.depth === 0) return []
  return entries(directory).flatMap((entry) => {
    const path = join(directory, entry.name)
    const inside = entry.isDirectory() ? walk(path, { ...options, depth: options.depth - 1 }) : []
    return entry.isDirectory() || !options.onlyDirectories ? [path, ...inside] : []
  })
}

function entries(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch {
    return [] // Gone, or never there: nothing to list.
  }
}
