/** From `image:` to the directories that a root filesystem is made of. */

import { existsSync, lstatSync, realpathSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { EngineError } from '../../errors.ts'
import {
  type ImageStore,
  isDigest,
  lowersOf,
  requireImage,
  type StoredImage,
} from '../../image/index.ts'
import { hostRootfs } from './host/rootfs.ts'

/** What lies below a container's own layers. */
export interface RootfsSource {
  /** Lower directories of the root, topmost first. */
  readonly lowers: readonly string[]
  /** Trees of other file systems below the root, parents first. */
  readonly parts: readonly RootfsPart[]
  /** What the image says about running it; `host:` and `dir:` say nothing. */
  readonly image: ImageSettings
}

/** An overlay does not look through mount points, so each of the host's becomes one of its own. */
export interface RootfsPart {
  /** Directory, or for a `file` the file, of the host that shows at the same path: `/usr`. */
  readonly path: string
  /** `file`: bound read-only, as an overlay merges directories. */
  readonly kind: 'directory' | 'file'
}

/** What an image says that counts when a container starts. */
export type ImageSettings = Pick<
  StoredImage['settings'],
  'entrypoint' | 'command' | 'environment' | 'workingDir' | 'user'
>

/** An image of the store. */
export interface StoredQuery {
  /** Of its manifest. */
  readonly digest: string
  readonly store: ImageStore
}

/**
 * `cacheDirectory` is where what `host:` needs is built, once for each content. `stored`: what
 * `image` means when it is neither `host:` nor `dir:ROOTFS`.
 * @throws {EngineError} IMAGE
 */
export function prepareRootfs(
  image: string,
  options: { readonly cacheDirectory: string; readonly stored?: StoredQuery | undefined },
): RootfsSource {
  if (image === 'host:') return hostRootfs(options.cacheDirectory)
  if (image.startsWith('dir:')) return directoryRootfs(image, image.slice('dir:'.length))
  if (options.stored) return storedRootfs(options.stored)
  throw new EngineError('IMAGE', `Cannot use image "${image}": it is not on this machine`, {
    hint: 'run "tsstack up" again, or "tsstack pull"',
  })
}

/** Found last, by store and digest: what a digest means never changes. */
const stored = new Map<string, RootfsSource>()

export function storedRootfs({ store, digest }: StoredQuery): RootfsSource {
  const key = `${store.directory} ${digest}`
  const known = stored.get(key)
  if (known?.lowers.every((lower) => existsSync(lower))) return known
  if (!isDigest(digest)) throw new EngineError('IMAGE', `Cannot use image "${digest}": no digest`)
  const image = requireImage(store, digest)
  const source = { lowers: lowersOf(store, image), parts: [], image: image.settings }
  stored.set(key, source)
  return source
}

function directoryRootfs(image: string, path: string): RootfsSource {
  if (!isAbsolute(path)) throw refused(image, 'its path is not absolute')
  const directory = resolveDirectory(image, path)
  if (directory === '/') throw refused(image, 'the root of this machine is more than a rootfs')
  return { lowers: [directory], parts: [], image: {} }
}

function resolveDirectory(image: string, path: string): string {
  try {
    const directory = realpathSync(path)
    if (lstatSync(directory).isDirectory()) return directory
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw refused(image, code === 'ENOENT' ? 'the directory does not exist' : code, cause)
  }
  throw refused(image, 'it is not a directory')
}

function refused(image: string, why: string, cause?: unknown): EngineError {
  return new EngineError('IMAGE', `Cannot use image "${image}": ${why}`, {
    hint: 'name an existing directory that holds a root filesystem: "dir:/srv/rootfs"',
    cause,
  })
}
