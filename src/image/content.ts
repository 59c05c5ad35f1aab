/** Where the parts of an image come from: a registry, a layout, an archive. */

import type { Descriptor } from './oci.ts'
import type { LayerSource } from './store/add-layer.ts'

/** Content by descriptor. What comes is not trusted: digests and sizes are checked by the taker. */
export interface ContentSource {
  /** The manifest or index that the name means. */
  root(): Promise<RootDocument>
  /** A small part, whole: a manifest or configuration. */
  read(descriptor: Descriptor, role: 'manifest' | 'config'): Promise<Buffer>
  layer(descriptor: Descriptor): LayerSource
}

export interface RootDocument {
  readonly bytes: Buffer
  /** What the transport says it is. */
  readonly mediaType?: string | undefined
  /** What its bytes have to be. */
  readonly expected?: Pick<Descriptor, 'digest' | 'size'> | undefined
}

/** What happens while an image comes. */
export type ImageEvent =
  | {
      readonly phase: 'begun'
      readonly image: string
      readonly source: string
      /** `fetching` by default. */
      readonly verb?: string
    }
  | {
      readonly phase: 'layer'
      readonly image: string
      /** Digest of the packed layer. */
      readonly layer: string
      /** Packed bytes. */
      readonly bytes: number
      readonly size: number
      readonly state: 'loading' | 'waiting' | 'done'
    }
  | {
      readonly phase: 'done'
      readonly image: string
      readonly manifest: string
      /** Packed bytes that had to come. */
      readonly bytes: number
      readonly isNew: boolean
    }
  | { readonly phase: 'note'; readonly image: string; readonly message: string }
