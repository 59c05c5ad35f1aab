/** The leak check: what the machine looks like before and after a test, and what differs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { cgroupsOf, filesUnder } from './leak/files.ts'
import { networkOf } from './leak/network.ts'
import { ownDescriptors, ownedProcesses, mountsOf, type ProcessEntry } from './leak/processes.ts'

/** What belongs to the test. Everything is looked at where nothing is named. */
export interface LeakScope {
  /** State and run directories: no file may be added to them unless the test made it before. */
  readonly roots?: readonly string[]
  /** Paths of files below `roots` that may stay, such as a cache or a log. */
  readonly kept?: RegExp
  /** Differences that do not count. */
  readonly ignored?: RegExp
  /**
   * Texts that mark an object as ours: a state root's path, its id, a stack's name. A process is
   * ours when one occurs in its command line, cgroup, open files or mounts, or when it descends
   * from the test. Without marks everything named tsstack* on the machine counts.
   */
  readonly marks?: readonly string[]
  /** Network namespaces to look into beside the caller's: paths such as `/proc/123/ns/net`. */
  readonly namespaces?: readonly string[]
}

/** Kind of object → one readable line per object. */
export type Snapshot = ReadonlyMap<string, ReadonlySet<string>>

/** Reads the state of the machine as far as `scope` goes. Needs root, iproute2 and nftables. */
export function snapshot(scope: LeakScope = {}): Snapshot {
  const marks = scope.marks ?? ['tsstack']
  const processes = ownedProcesses({ marks, namespaces: scope.namespaces ?? [] })
  const result = new Map<string, ReadonlySet<string>>([
    ['process', new Set(processes.map((entry) => describe(entry)))],
    ['mount', mountsOf(processes, marks)],
    ['namespace', new Set(processes.flatMap((entry) => entry.namespaces))],
    ['descriptor', ownDescriptors(marks)],
    ['cgroup', cgroupsOf(scope.marks)],
    ['file', filesUnder(scope)],
  ])
  const places = [undefined, ...(scope.namespaces ?? [])]
  places.forEach((place, index) => {
    const name = index === 0 ? '' : ` (netns ${index})`
    for (const [kind, lines] of networkOf(place)) result.set(`${kind}${name}`, lines)
  })
  return result
}

/** What `after` has and `before` had not (`+`), and the other way round (`-`), a line each. */
export function differences(before: Snapshot, after: Snapshot): readonly string[] {
  const kinds = [...new Set([...before.keys(), ...after.keys()])]
  return kinds.flatMap((kind) => {
    const old = before.get(kind) ?? new Set<string>()
    const now = after.get(kind) ?? new Set<string>()
    return [
      ...[...now].filter((line) => !old.has(line)).map((line) => `+ ${kind} ${line}`),
      ...[...old].filter((line) => !now.has(line)).map((line) => `- ${kind} ${line}`),
    ]
  })
}

/**
 * Differences from `before` as text, '' when there are none. The kernel takes namespaces and
 * groups apart after the last process is gone, so it looks again until nothing differs or
 * `withinMs` (60 000) have passed.
 */
export async function leaks(
  before: Snapshot,
  scope: LeakScope = {},
  withinMs = 60_000,
): Promise<string> {
  const end = performance.now() + withinMs
  for (;;) {
    const found = differences(before, snapshot(scope)).filter((line) => !scope.ignored?.test(line))
    if (found.length === 0) return ''
    if (performance.now() > end) return found.join('\n')
    await sleep(25)
  }
}

/** Takes a snapshot now; the returned function yields the {@link leaks} since. */
export function watchForLeaks(scope: LeakScope = {}): (withinMs?: number) => Promise<string> {
  const before = snapshot(scope)
  return (withinMs) => leaks(before, scope, withinMs)
}

/** Whether it runs at the moment or waits is no difference, but being stopped or dead is. */
function describe({ pid, start, state, command }: ProcessEntry): string {
  const known = /[TtZX]/.test(state) ? state : 'S'
  return `${pid} (start ${start}, ${known}): ${command}`
}
