/** The root of a `host:` container without its programs: a few files of /etc, empty directories. */

import { createHash } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { HOST_FILE_BYTES_MAX } from '../../../limits.ts'
import { buildOnce } from '../cache.ts'
import type { RootfsPart } from '../image.ts'
import {
  CERTIFICATE_ENTRIES,
  EMPTY_DIRECTORIES,
  ETC_ENTRIES,
  PROGRAM_DIRECTORIES,
} from './allow-list.ts'

/**
 * Builds the skeleton from the tree `host` (the machine's own root but in tests) and returns its
 * directory, named for what is in it: the same content is built once.
 */
export function buildSkeleton(input: {
  readonly host: string
  readonly cacheDirectory: string
  readonly parts: readonly RootfsPart[]
}): string {
  const entries = [...directories(), ...links(input.host), ...etcEntries(input.host)]
  const key = createHash('sha256').update(JSON.stringify([entries, input.parts]))
  return buildOnce(input.cacheDirectory, key.digest('hex').slice(0, 16), (draft) => {
    const made = new Set<string>([draft])
    for (const entry of entries) write(draft, entry, made)
    for (const part of input.parts) writePlace(draft, part)
  })
}

/** One thing to be made; `stamp` changes with the content of the file that `source` names. */
type Entry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'file'
      readonly path: string
      readonly source: string
      readonly stamp: string
    }

function directories(): readonly Entry[] {
  return ['etc', ...Object.keys(EMPTY_DIRECTORIES)].map((path) => ({
    kind: 'directory',
    path,
    mode: EMPTY_DIRECTORIES[path] ?? 0o755,
  }))
}

/** /bin → usr/bin and so on, as the host has them; and the old names of /run. */
function links(host: string): readonly Entry[] {
  const merged = PROGRAM_DIRECTORIES.filter((name) => isLink(join(host, name))).map(
    (name): Entry => ({ kind: 'link', path: name, target: readlinkSync(join(host, name)) }),
  )
  return [
    ...merged,
    { kind: 'link', path: 'var/run', target: '/run' },
    { kind: 'link', path: 'etc/mtab', target: '/proc/self/mounts' },
  ]
}

function etcEntries(host: string): readonly Entry[] {
  const names = namesIn(join(host, 'etc')).filter((name) =>
    ETC_ENTRIES.some((pattern) => pattern.test(name)),
  )
  return [...names, ...CERTIFICATE_ENTRIES].flatMap((name) => collect(host, `etc/${name}`))
}

/** The entry at `path` and what is below it, as far as everybody may read it. */
function collect(host: string, path: string): readonly Entry[] {
  const stat = lstatSync(join(host, path), { throwIfNoEntry: false, bigint: true })
  if (!stat) return []
  if (stat.isSymbolicLink()) return collectLink(host, path)
  const isReadable = (stat.mode & 0o004n) !== 0n
  if (stat.isFile() && isReadable && stat.size <= BigInt(HOST_FILE_BYTES_MAX)) {
    const stamp = [stat.dev, stat.ino, stat.size, stat.mtimeNs].join(':')
    return [{ kind: 'file', path, source: join(host, path), stamp }]
  }
  if (!stat.isDirectory() || !isReadable || (stat.mode & 0o001n) === 0n) return []
  const below = namesIn(join(host, path))
    .filter((name) => !UNUSED_NAME.test(name))
    .flatMap((name) => collect(host, `${path}/${name}`))
  return [{ kind: 'directory', path, mode: 0o755 }, ...below]
}

/** Manual pages: four of five entries of Debian's /etc/alternatives. */
const UNUSED_NAME = /\.gz$/

/** A link within /usr and /etc means the same inside; what another leads to is taken itself. */
function collectLink(host: string, path: string): readonly Entry[] {
  const real = realPath(join(host, path))
  if (real === undefined) return []
  const staysInside = ['usr', 'etc'].some((name) => real.startsWith(`${join(host, name)}/`))
  if (staysInside) return [{ kind: 'link', path, target: readlinkSync(join(host, path)) }]
  return collect(dirname(real), basename(real)).map((entry) => ({
    ...entry,
    path: join(path, relative(basename(real), entry.path)),
  }))
}

/** `made`: directories that are known to exist. */
function write(root: string, entry: Entry, made: Set<string>): void {
  const path = join(root, entry.path)
  makeDirectory(dirname(path), made)
  switch (entry.kind) {
    case 'directory':
      makeDirectory(path, made)
      chmodSync(path, entry.mode)
      return
    case 'link':
      symlinkSync(entry.target, path)
      return
    case 'file': {
      const content = readFileSync(entry.source)
      writeFileSync(path, entry.path === 'etc/passwd' ? withoutHashes(content.toString()) : content)
      const { mode } = lstatSync(entry.source)
      chmodSync(path, (mode & 0o111) === 0 ? 0o644 : 0o755)
    }
  }
}

function makeDirectory(path: string, made: Set<string>): void {
  if (made.has(path)) return
  makeDirectory(dirname(path), made)
  mkdirSync(path)
  // mkdir(2) is subject to the umask.
  chmodSync(path, 0o755)
  made.add(path)
}

/** Ancient systems keep password hashes in the second field of passwd(5). */
function withoutHashes(passwd: string): string {
  return passwd.replaceAll(/^([^:\n]*):[^:\n]*:/gm, '$1:x:')
}

/** What a part is mounted on; one below another part finds its place there. */
function writePlace(root: string, { path }: RootfsPart): void {
  if (dirname(path) !== '/') return
  mkdirSync(join(root, path))
  chmodSync(join(root, path), 0o755)
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    return [] // not there, or not ours to read: nothing to take
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path)
  } catch {
    return undefined // leads nowhere
  }
}
