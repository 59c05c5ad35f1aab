/** Build contexts that are addresses: a git repository, an archive, or a Dockerfile alone. */

import { copyFileSync, mkdtempSync, readlinkSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../../errors.ts'
import { close, type Fd, O, openIn, openPath } from '../../linux/index.ts'
import { Problem } from '../dockerfile/problem.ts'
import { archiveIn } from '../files/archive.ts'
import { CopyTarget } from '../files/target.ts'
import { resolveEntry } from '../files/tree.ts'
import { type FileAddress, type GitAddress, parseAddress } from './address.ts'
import { CONTENT, download, type Fetching } from './download.ts'
import { checkOut } from './git.ts'

/**
 * A directory with what the address leads to; it is kept for the next build.
 * @throws {EngineError} BUILD, REGISTRY
 */
export async function fetchContext(
  text: string,
  options: Fetching & { readonly sshAgent?: string | undefined },
): Promise<string> {
  try {
    const address = parseAddress(text)
    if (address?.kind === 'git') return await gitContext(text, address, options)
    if (address?.kind === 'file') return await fileContext(address, options)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new EngineError('BUILD', error.message, { hint: error.hint })
  }
  throw new EngineError('BUILD', `Cannot use the build context "${text}": it is no address`)
}

async function gitContext(
  text: string,
  address: GitAddress,
  options: Fetching & { readonly sshAgent?: string | undefined },
): Promise<string> {
  const { directory } = await checkOut(address, { ...options, keepsGit: false })
  const root = openPath(directory, O.DIRECTORY)
  try {
    const fd = openIn(root, address.directory || '.', { flags: O.PATH | O.DIRECTORY })
    try {
      // Links of the repository are followed inside it.
      return readlinkSync(`/proc/self/fd/${fd}`)
    } finally {
      close(fd)
    }
  } catch (cause) {
    const why = `the repository has no folder "${address.directory}"`
    throw new EngineError('BUILD', `Cannot use the build context "${text}": ${why}`, { cause })
  } finally {
    close(root)
  }
}

/** What is no archive is the Dockerfile itself, as with Docker. */
async function fileContext(address: FileAddress, options: Fetching): Promise<string> {
  const fetched = await download(address, { ...options, checksum: undefined })
  const draft = mkdtempSync(join(fetched, 'context-'))
  const target = join(fetched, 'context')
  const from = openPath(fetched, O.DIRECTORY)
  const to = openPath(draft, O.DIRECTORY)
  try {
    await fill(address, { from, to, draft })
    rmSync(target, { recursive: true, force: true })
    renameSync(draft, target)
    return target
  } finally {
    close(from)
    close(to)
    rmSync(draft, { recursive: true, force: true })
  }
}

async function fill(
  { url }: FileAddress,
  { from, to, draft }: { readonly from: Fd; readonly to: Fd; readonly draft: string },
): Promise<void> {
  const tree = { what: `what is at "${url.href}"`, fd: from, keepsOwners: false }
  const entry = resolveEntry(tree, CONTENT)
  const archive = entry && (await archiveIn(tree, entry))
  if (archive) {
    const word = { text: url.href, start: 0, end: 0 }
    const nothing = { owner: undefined, mode: undefined, now: 0 }
    await new CopyTarget(to, { word, path: '/', ...nothing }).copy({ kind: 'archive', archive })
  } else copyFileSync(`/proc/self/fd/${from}/${CONTENT}`, join(draft, 'Dockerfile'))
}
