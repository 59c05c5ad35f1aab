/** What is asked of the builder: one image of one Dockerfile. */

import type { Ulimits } from './ports.ts'

export interface BuildRequest {
  /** Absolute path of the directory that COPY copies from. */
  readonly context: string
  readonly dockerfile: DockerfileSource
  /** Stage to build; absent: the last one. */
  readonly target?: string | undefined
  /** `--build-arg`. */
  readonly args: Readonly<Record<string, string>>
  /** Further contexts by name: a directory, or an image. */
  readonly contexts: Readonly<Record<string, NamedContext>>
  readonly labels: Readonly<Record<string, string>>
  /** References that the image is given. */
  readonly names: readonly string[]
  /** Of RUN without a network of its own. */
  readonly network: 'default' | 'none' | 'host'
  readonly secrets: readonly BuildSecret[]
  readonly ssh: readonly SshSocket[]
  /** Size of /dev/shm in RUN, in bytes. */
  readonly shmBytes?: number | undefined
  /** Of RUN. */
  readonly ulimits: Ulimits
  /** Of RUN; absent: no limit of its own. */
  readonly memoryBytesMax?: number | undefined
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[]
  /** Directories that another build has left its cache in. */
  readonly cacheFrom: readonly string[]
  /** Directories to leave the cache in; `max`: steps of all stages, not only of the image. */
  readonly cacheTo: readonly { readonly directory: string; readonly mode: 'min' | 'max' }[]
  /** Nothing is taken from the cache. */
  readonly noCache: boolean
  /** Stages of which nothing is taken from the cache. */
  readonly noCacheStages: readonly string[]
  /** Look for newer base images. */
  readonly pull: boolean
  /** `linux/amd64`; absent: this machine's. */
  readonly platform?: string | undefined
  /** Seconds since the epoch: no time in the image is later. @see reproducible-builds.org */
  readonly sourceDateEpoch?: number | undefined
}

/** `shown` is the name that diagnostics give it. */
export type DockerfileSource =
  | { readonly kind: 'file'; readonly path: string; readonly shown: string }
  | { readonly kind: 'text'; readonly text: string; readonly shown: string }

export type NamedContext =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'image'; readonly reference: string }

export interface BuildSecret {
  readonly id: string
  readonly content: { readonly file: string } | { readonly text: string }
}

export interface SshSocket {
  readonly id: string
  /** Socket of an agent. */
  readonly path: string
}
