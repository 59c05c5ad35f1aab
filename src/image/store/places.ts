/** Where things of the image store lie below its directory. */

import { lstatSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError, errorText } from '../../errors.ts'
import { type Digest, hexOf } from '../digest.ts'

/**
 * One store per state root. Any number of processes of root may use it at once: what is there is
 * complete and never changes, and appears and goes by rename.
 */
export interface ImageStore {
  /** 0700 root: layers hold setuid programs. */
  readonly directory: string
}

/**
 * Opens the store of a state directory, made when it is not there.
 * @throws {EngineError} STATE_DIRECTORY
 */
export function openImageStore(stateDirectory: string): ImageStore {
  const directory = join(stateDirectory, 'images')
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const name of PARTS) mkdirSync(join(directory, name), { recursive: true, mode: 0o700 })
  } catch (cause) {
    const why = errorText(cause)
    throw new EngineError('STATE_DIRECTORY', `Cannot use image store "${directory}": ${why}`, {
      hint: 'tsstack keeps images as root; run the command as root, or set TSSTACK_ROOT',
      cause,
    })
  }
  const { mode, uid } = lstatSync(directory)
  if ((mode & 0o077) === 0 && uid === process.geteuid?.()) return { directory }
  throw new EngineError(
    'STATE_DIRECTORY',
    `Cannot use image store "${directory}": others may enter it`,
    { hint: `run: chown root:root "${directory}" && chmod 700 "${directory}"` },
  )
}

const PARTS = [
  'blobs',
  'diffs',
  'layers',
  'images',
  'pins',
  'cached',
  'locks',
  'drafts',
  'partial',
] as const

type Part = (typeof PARTS)[number]

export const placeOf = ({ directory }: ImageStore, part: Part, name = ''): string =>
  join(directory, part, name)

/** Content as registries have it: layers still packed, configurations, manifests. */
export const blobPath = (store: ImageStore, digest: Digest): string =>
  placeOf(store, 'blobs', hexOf(digest))

/** Says which unpacked layer a blob was found to be: the text is the diff ID. */
export const diffPath = (store: ImageStore, blob: Digest): string =>
  placeOf(store, 'diffs', hexOf(blob))

/** Holds `root`, the lower directory, and `layer.json`. */
export const layerPath = (store: ImageStore, diffId: Digest): string =>
  placeOf(store, 'layers', hexOf(diffId))

export const imagePath = (store: ImageStore, manifest: Digest): string =>
  placeOf(store, 'images', `${hexOf(manifest)}.json`)

/** What has come of a blob when a connection broke. */
export const partialPath = (store: ImageStore, digest: Digest): string =>
  placeOf(store, 'partial', hexOf(digest))

export const namesPath = ({ directory }: ImageStore): string => join(directory, 'names.json')
