/** Files from addresses, kept between builds: what has not changed is not sent again. */

import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchFile, Http, readRegistrySettings } from '../../image/index.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { FileAddress } from './address.ts'

/** Whoever fetches: where what is fetched is kept, and by which proxies and certificates. */
export interface Fetching {
  readonly cacheDirectory: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/** What is known of the file that lies beside it. */
interface Note {
  readonly digest: string
  readonly etag?: string
  readonly lastModified?: string
}

/** The file's name in the directory that {@link download} gives. */
export const CONTENT = 'content'

/**
 * A directory with the file. With `checksum` (`sha256:…`), a file of that content that is here
 * already is not asked for.
 * @throws {Problem} for another content. @throws {EngineError} REGISTRY, DISK_FULL
 */
export async function download(
  { url }: FileAddress,
  { checksum, ...fetching }: Fetching & { readonly checksum: string | undefined },
): Promise<string> {
  const { cacheDirectory, env, signal } = fetching
  const key = createHash('sha256').update(url.href).digest('hex')
  const directory = join(cacheDirectory, 'downloads', key)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const known = readNote(directory)
  if (known !== undefined && known.digest === checksum) return directory
  const draft = join(directory, `draft-${process.pid}`)
  writeFileSync(draft, '', { mode: 0o600 })
  try {
    using http = new Http(readRegistrySettings(env))
    const fetched = await fetchFile(http, url, { path: draft, known, signal })
    check(url, fetched?.digest ?? known?.digest, checksum)
    if (fetched === undefined) return directory
    const seconds = Date.parse(fetched.lastModified ?? '') / 1000 || 0
    utimesSync(draft, seconds, seconds)
    // One that is broken off between the two is fetched again.
    rmSync(join(directory, 'note.json'), { force: true })
    renameSync(draft, join(directory, CONTENT))
    writeFileSync(join(directory, 'note.json'), JSON.stringify(fetched), { mode: 0o600 })
    return directory
  } finally {
    rmSync(draft, { force: true })
  }
}

function check(url: URL, found: string | undefined, wanted: string | undefined): void {
  if (wanted === undefined || found === wanted) return
  throw new Problem(`Cannot add "${url.href}": its content has the digest ${found}`, {
    hint: `the Dockerfile asks for ${wanted}: somebody has changed one of the two`,
  })
}

function readNote(directory: string): Note | undefined {
  try {
    const note = JSON.parse(readFileSync(join(directory, 'note.json'), 'utf8')) as Note
    const content = join(directory, CONTENT)
    return existsSync(content) && lstatSync(content).isFile() ? note : undefined
  } catch {
    return undefined
  }
}
