/** Lets a group's `memory.low` count: no group is spared more than those above it are. */

import { join } from 'node:path'
import { directoryOf, type GroupDirectory, ownPathsDownTo } from './directories.ts'
import { readCgroupFile, writeCgroupFile } from './files.ts'
import { childGroups } from './make.ts'

/** Ours from here down; groups of others keep what their owner has said. */
const OURS = /(?:^|\/)tsstack\//

/**
 * Gives each of our groups above `path` the sum of what those below it ask for: of a parent with
 * none the kernel takes from all children alike. Nothing on v1, whose soft limit stands alone.
 * @see cgroup-v2.rst, memory.low; mm/page_counter.c, effective_protection
 */
export function passProtection(directories: readonly GroupDirectory[], path: string): void {
  const home = directoryOf(directories, 'memory')
  if (home?.version !== 2 || !OURS.test(path)) return
  for (const parent of ownPathsDownTo(path).slice(0, -1).reverse()) {
    const directory = join(home.mountPoint, parent)
    const before = readCgroupFile(join(directory, 'memory.low'))
    if (before === undefined) return
    const sum = sumBelow(directory)
    if (before !== sum) writeCgroupFile(join(directory, 'memory.low'), sum)
  }
}

/** Whether somebody has to be told when the group is gone. */
export function isProtected(directories: readonly GroupDirectory[]): boolean {
  const home = directoryOf(directories, 'memory')
  if (home?.version !== 2) return false
  return (readCgroupFile(join(home.directory, 'memory.low')) ?? '0') !== '0'
}

function sumBelow(directory: string): string {
  const words = childGroups(directory).map(
    (name) => readCgroupFile(join(directory, name, 'memory.low')) ?? '0',
  )
  if (words.includes('max')) return 'max'
  return String(words.reduce((sum, word) => sum + Number(word), 0))
}
