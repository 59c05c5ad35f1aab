/** What registries and layouts hold: manifests, indexes, configurations. @see OCI image-spec */

import type { Digest } from './digest.ts'

export const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
} as const

/** How the bytes of a layer are packed. */
export type Compression = 'none' | 'gzip' | 'zstd'

/** Names content by digest and size. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
}

/** In Go's words: `linux`, `amd64`, `v8`. */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

export interface Manifest {
  readonly mediaType: string
  readonly config: Descriptor
  /** Lowest first. */
  readonly layers: readonly (Descriptor & { readonly compression: Compression })[]
}

export interface Index {
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
}

/** What an image says about running it, read from its configuration; absent means unset. */
export interface ImageSettings {
  /** `NAME=value`. */
  readonly environment?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly workingDir?: string
  readonly user?: string
  /** Absolute normal paths. */
  readonly volumes?: readonly string[]
  readonly stopSignal?: string
  readonly healthcheck?: ImageHealthcheck
  /** `80/tcp`. */
  readonly exposedPorts?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  /** Words for SHELL-form commands of a Dockerfile. */
  readonly shell?: readonly string[]
  readonly onBuild?: readonly string[]
}

/** Durations are milliseconds; absent: Docker's default. */
export interface ImageHealthcheck {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', text]`. */
  readonly test: readonly string[]
  readonly intervalMs?: number
  readonly timeoutMs?: number
  readonly startPeriodMs?: number
  readonly startIntervalMs?: number
  readonly retries?: number
}

export interface HistoryEntry {
  /** RFC 3339. */
  readonly created?: string
  readonly createdBy?: string
  readonly comment?: string
  readonly author?: string
  readonly isEmptyLayer: boolean
}

export interface ImageConfig {
  readonly platform: Platform
  readonly created?: string
  readonly author?: string
  readonly settings: ImageSettings
  /** Digests of the unpacked layers, lowest first. */
  readonly diffIds: readonly Digest[]
  readonly history: readonly HistoryEntry[]
}
