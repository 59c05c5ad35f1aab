/** Names of images: which manifest a reference means on this machine. */

import type { Digest } from '../digest.ts'
import { readJsonIfThere, writeFileByRename } from './files.ts'
import { lock } from './lock.ts'
import { type ImageStore, namesPath } from './places.ts'

export interface NamedImage {
  readonly manifest: Digest
  /** When the name was given, in milliseconds since the epoch. */
  readonly at: number
  /** Of a file or directory: what tells that it has changed since. */
  readonly stamp?: string
  /** The index that a registry answered with, whose digest people know. */
  readonly index?: Digest
}

/** By whole name: `docker.io/library/nginx:latest`, `oci:/srv/image`. */
export type Names = ReadonlyMap<string, NamedImage>

export function readNames(store: ImageStore): Names {
  const value = readJsonIfThere(namesPath(store)) ?? {}
  return new Map(Object.entries(value) as [string, NamedImage][])
}

/** Changes the names, one process at a time. */
export async function changeNames(
  store: ImageStore,
  change: (names: Map<string, NamedImage>) => void,
): Promise<void> {
  using _lock = await lock(store, 'names')
  const names = new Map(readNames(store))
  change(names)
  const sorted = [...names].toSorted(([a], [b]) => (a < b ? -1 : 1))
  writeFileByRename(namesPath(store), `${JSON.stringify(Object.fromEntries(sorted), null, 1)}\n`)
}
