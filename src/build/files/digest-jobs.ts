/** One digest for all that a COPY would copy: names, kinds, modes and contents, but no times. */

import { createHash, type Hash } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { readXattrs } from '../../linux/index.ts'
import type { FileDigests } from './digests.ts'
import type { CopyJob } from './select.ts'
import { absolute, type FileTree, Pace, type TreeEntry } from './tree.ts'

/** Hex digits. */
export async function digestJobs(jobs: readonly CopyJob[], digests: FileDigests): Promise<string> {
  const hash = createHash('sha256')
  const pace = new Pace()
  for (const job of jobs) {
    if (job.kind === 'text') note(hash, ['text', job.name, job.text])
    else if (job.kind === 'archive') {
      const { tree, entry } = job.archive
      note(hash, ['archive', await digests.digestOf(absolute(tree, entry.path), entry.stats)])
    } else if (job.kind === 'file') await addEntry(hash, { ...job, to: job.name }, digests)
    else {
      note(hash, ['directory'])
      for (const { to, ...entry } of job.entries) {
        if (pace.isDue) await pace.rest()
        await addEntry(hash, { tree: job.tree, entry, to }, digests)
      }
    }
  }
  return hash.digest('hex')
}

async function addEntry(
  hash: Hash,
  { tree, entry, to }: { readonly tree: FileTree; readonly entry: TreeEntry; readonly to: string },
  digests: FileDigests,
): Promise<void> {
  const { stats } = entry
  const path = absolute(tree, entry.path)
  const owner = tree.keepsOwners ? [stats.uid, stats.gid, xattrsOf(path)] : []
  note(hash, [to, stats.mode, ...owner])
  if (stats.isFile()) note(hash, [await digests.digestOf(path, stats)])
  else if (stats.isSymbolicLink()) note(hash, [readlinkSync(path)])
  else if (!stats.isDirectory()) note(hash, [stats.rdev])
}

/** As JSON, so that two lists never have one text. */
function note(hash: Hash, words: readonly (string | number)[]): void {
  hash.update(JSON.stringify(words))
}

function xattrsOf(path: string): string {
  const own = [...readXattrs(path)].filter(([name]) => !/^(trusted|user)\.overlay\./.test(name))
  const lines = own.map(([name, value]) => `${name}=${value.toString('hex')}`)
  return lines.toSorted().join(' ')
}
