/** Sees to it that an image is in the store, wherever it comes from. */

import { EngineError } from '../errors.ts'
import type { ContentSource, ImageEvent } from './content.ts'
import type { Digest } from './digest.ts'
import type { Platform } from './oci.ts'
import { formatPlatform, HOST_PLATFORM } from './platform.ts'
import { isDue, type PullPolicy } from './policy.ts'
import { formatReference } from './reference.ts'
import { type Env, Http, openRegistryImage, readRegistrySettings } from './registry/index.ts'
import { findImage, type StoredImage } from './store/images.ts'
import { holdStore } from './store/lock.ts'
import { changeNames, type NamedImage, type Names, readNames } from './store/names.ts'
import type { ImageStore } from './store/places.ts'
import { stampOf } from './stamp.ts'
import { takeImage } from './take-image.ts'
import { ArchiveFile } from './transport/archive-file.ts'
import { chooseArchived, imagesOfArchive, openArchived } from './transport/docker-archive.ts'
import { openLayoutArchive, openLayoutDirectory } from './transport/oci-layout.ts'
import { type ImageSource, sourceName } from './transport-name.ts'

/** An image that somebody wants to run. */
export interface ImageWish {
  /** As the user wrote it. */
  readonly image: string
  readonly source: ImageSource
  /** Default: this machine's. */
  readonly platform?: Platform | undefined
  readonly policy: PullPolicy
}

export interface ObtainOptions {
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: ImageEvent) => void) | undefined
  /** Where credentials, settings of registries and proxies are found. */
  readonly env: Env
}

/** What the store knows the wish by; another machine's images are kept under names of their own. */
export function nameOf({ source, platform }: Pick<ImageWish, 'source' | 'platform'>): string {
  const name = sourceName(source)
  const isOwn =
    platform === undefined ||
    (platform.architecture === HOST_PLATFORM.architecture && platform.variant === undefined)
  return isOwn ? name : `${name} ${formatPlatform(platform)}`
}

/**
 * The image when it is here and need not be asked for again; quick, and changes nothing.
 * `host:` and `dir:` have none.
 */
export function findWish(
  store: ImageStore,
  wish: ImageWish,
  names: Names = readNames(store),
): StoredImage | undefined {
  const named = names.get(nameOf(wish))
  if (named === undefined || isDue(wish.policy, named, Date.now())) return undefined
  const isStale = named.stamp !== stampOf(wish.source)
  return isStale && wish.policy.kind !== 'never' ? undefined : findImage(store, named.manifest)
}

/**
 * The image, obtained when it is not here or is due.
 * @throws {EngineError} IMAGE, IMAGE_CORRUPT, REGISTRY, DISK_FULL
 */
export async function obtainImage(
  store: ImageStore,
  wish: ImageWish,
  options: ObtainOptions,
): Promise<StoredImage> {
  const present = findWish(store, wish)
  if (present) return present
  const { image, source, policy } = wish
  if (policy.kind === 'never') {
    throw new EngineError('IMAGE', `Cannot find image "${image}" here, and it is not pulled`, {
      hint: 'it is built here, or its pull_policy is "never": build it, or run "tsstack load"',
    })
  }
  options.onEvent?.({ phase: 'begun', image, source: sourceName(source) })
  const stamp = stampOf(source)
  // Until it has its name, nobody may collect it.
  using _hold = await holdStore(store, options.signal)
  using opened = await openSource(source, options)
  const { image: taken, root } = await takeImage(store, opened.content, {
    image,
    platform: wish.platform ?? HOST_PLATFORM,
    signal: options.signal,
    onEvent: options.onEvent,
  })
  await giveName(store, nameOf(wish), { manifest: taken.manifest, root, stamp })
  return taken
}

async function giveName(
  store: ImageStore,
  name: string,
  image: {
    readonly manifest: Digest
    readonly root: Digest
    readonly stamp: string | undefined
  },
): Promise<void> {
  const { manifest, root, stamp } = image
  const named: NamedImage = {
    manifest,
    at: Date.now(),
    ...(stamp === undefined ? {} : { stamp }),
    ...(root === manifest ? {} : { index: root }),
  }
  await changeNames(store, (names) => names.set(name, named))
}

/** A source that may hold files or connections open. */
interface OpenSource extends Disposable {
  readonly content: ContentSource
}

const open = (content: ContentSource, held?: Disposable): OpenSource => ({
  content,
  [Symbol.dispose]: () => held?.[Symbol.dispose](),
})

async function openSource(source: ImageSource, options: ObtainOptions): Promise<OpenSource> {
  switch (source.kind) {
    case 'host':
    case 'directory':
      throw new EngineError('INTERNAL', `Cannot take "${sourceName(source)}" into the store`)
    case 'oci':
      return open(openLayoutDirectory(source.path, source.tag))
    case 'oci-archive': {
      const archive = new ArchiveFile(source.path)
      return open(openLayoutArchive(archive, source.path, source.tag), archive)
    }
    case 'docker-archive':
      return openDockerArchive(source)
    case 'registry':
      return openRegistry(source, options)
  }
}

async function openRegistry(
  { reference }: ImageSource & { kind: 'registry' },
  { env, signal, onEvent }: ObtainOptions,
): Promise<OpenSource> {
  const http = new Http(readRegistrySettings(env))
  const image = formatReference(reference)
  try {
    const onNote = (message: string): void => onEvent?.({ phase: 'note', image, message })
    return open(await openRegistryImage(http, reference, { env, signal, onNote }), http)
  } catch (error) {
    http[Symbol.dispose]()
    throw error
  }
}

async function openDockerArchive({
  path,
  tag,
}: ImageSource & { kind: 'docker-archive' }): Promise<OpenSource> {
  const archive = new ArchiveFile(path)
  try {
    const what = `archive "${path}"`
    const chosen = chooseArchived(imagesOfArchive(archive, what), tag, what)
    return open(await openArchived(archive, chosen, what), archive)
  } catch (error) {
    archive[Symbol.dispose]()
    throw error
  }
}
