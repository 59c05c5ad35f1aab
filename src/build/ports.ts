/** What the builder is given: where layers and images are kept, and what runs a RUN. */

import type { ImageDocument } from './document.ts'

/** A layer of an image: what a registry has, and what it unpacks to. */
export interface LayerRecord {
  readonly mediaType: string
  /** Of the packed bytes: `sha256:…`. */
  readonly digest: string
  readonly size: number
  readonly diffId: string
}

export interface BaseImage {
  readonly document: ImageDocument
  /** Lowest first. */
  readonly layers: readonly LayerRecord[]
}

/** Layers and images by content. */
export interface LayerStore {
  /** An image by its reference, pulled when it is not there, or when `pull` asks for a newer one. */
  base(
    reference: string,
    options: { readonly pull: boolean; readonly platform: string; readonly signal: AbortSignal },
  ): Promise<BaseImage>
  /** The lower directory of a layer; `undefined` when it is gone. */
  directoryOf(diffId: string): string | undefined
  /** Where the packed bytes of a layer are. */
  blobOf(digest: string): string
  /** Takes a layer from a file, when it is what the record says. */
  takeLayer(layer: LayerRecord, path: string, signal: AbortSignal): Promise<void>
  /** The layer is used again: whoever cleans up leaves it. */
  keep(diffId: string): void
  /** What a failed step is said to have failed by: a full disk has words of its own. */
  failure(error: unknown): unknown
  /** A directory for things in the making, of the file system that holds the layers. */
  readonly drafts: string
  /** Makes a layer of an upper directory, which it takes over. */
  addLayer(
    changes: {
      readonly upper: string
      /** What it was made over, topmost first. */
      readonly lowers: readonly string[]
    },
    options: LayerOptions,
  ): Promise<LayerRecord>
  /** Makes an image, and gives it `names`. */
  addImage(image: NewImage): Promise<BuiltImage>
}

export interface LayerOptions {
  /** Seconds since the epoch: no time in the layer is later. */
  readonly latest: number | undefined
  readonly signal: AbortSignal
}

export interface NewImage {
  readonly document: ImageDocument
  readonly layers: readonly LayerRecord[]
  readonly names: readonly string[]
}

export interface BuiltImage {
  /** Digest of the manifest. */
  readonly manifest: string
  /** Digest of the configuration: Docker's image ID. */
  readonly id: string
}

/** Limits of processes by the names of prlimit(1). */
export type Ulimits = Readonly<Record<string, { readonly soft: number; readonly hard: number }>>

/** One RUN. */
export interface RunStep {
  /** Lower directories, topmost first. */
  readonly lowers: readonly string[]
  /** Gets what the command changed; does not exist yet. */
  readonly upper: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly workingDir: string
  readonly user: string | undefined
  readonly network: 'default' | 'none' | 'host'
  readonly mounts: readonly StepMount[]
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[]
  readonly shmBytes: number | undefined
  readonly ulimits: Ulimits
  /** Most memory, in bytes; absent: no limit of its own. */
  readonly memoryBytesMax: number | undefined
  /** What the command writes. */
  readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void
  readonly signal: AbortSignal
}

export type StepMount =
  | {
      readonly kind: 'bind'
      readonly source: string
      readonly target: string
      readonly readOnly: boolean
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number | undefined }

export interface BuildPorts {
  readonly store: LayerStore
  /** Runs the command to its end: its exit status, or 128 + signal. */
  readonly run: (step: RunStep) => Promise<number>
  /** Survives: cache of steps, digests of files, cache mounts. */
  readonly cacheDirectory: string
  /** Of whoever builds: proxies and certificates for what is fetched. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly onEvent: (event: BuildEvent) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly signal: AbortSignal
}

export type BuildEvent =
  | {
      readonly kind: 'step'
      /** Unique in its build. */
      readonly id: number
      /** `[build 2/5] RUN make`. */
      readonly title: string
      readonly phase: 'begun' | 'cached' | 'done' | 'failed'
      readonly tookMs?: number
    }
  | { readonly kind: 'output'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'warning'; readonly message: string; readonly hint?: string | undefined }
