/** Sends images to a registry: layers that it lacks, the configuration, then the manifest. */

import { createReadStream } from 'node:fs'
import { EngineError } from '../../errors.ts'
import { LAYERS_AT_ONCE } from '../../limits.ts'
import type { ImageEvent } from '../content.ts'
import { type Digest, shortId } from '../digest.ts'
import { inParallel } from '../in-parallel.ts'
import { parseDocument } from '../parse-manifest.ts'
import { formatReference, type Reference } from '../reference.ts'
import { blobBytes, readBlob } from '../store/blobs.ts'
import type { StoredImage } from '../store/images.ts'
import { blobPath, type ImageStore } from '../store/places.ts'
import type { Env } from './credentials.ts'
import { type Endpoint, openEndpoint } from './endpoint.ts'
import type { Http, HttpResponse } from './http.ts'

export interface PushOptions {
  readonly env: Env
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: ImageEvent) => void) | undefined
}

/** The digest that the registry knows it by is `image.manifest`. Throws REGISTRY. */
export async function pushImage(
  http: Http,
  what: {
    readonly store: ImageStore
    readonly image: StoredImage
    readonly reference: Reference
  },
  options: PushOptions,
): Promise<void> {
  const { store, image, reference } = what
  const endpoint = await openEndpoint(http, reference, options)
  const push = new Push(endpoint, store, { reference, ...options })
  const blobs = [...new Set([...image.layers.map(({ digest }) => digest), image.id])]
  await inParallel(blobs, LAYERS_AT_ONCE, (digest, signal) => push.blob(digest, signal))
  await push.manifest(image)
}

class Push {
  readonly #endpoint: Endpoint
  readonly #store: ImageStore
  readonly #options: PushOptions & { readonly reference: Reference }
  readonly #name: string

  constructor(
    endpoint: Endpoint,
    store: ImageStore,
    options: PushOptions & { readonly reference: Reference },
  ) {
    this.#endpoint = endpoint
    this.#store = store
    this.#options = options
    this.#name = formatReference(options.reference)
  }

  async blob(digest: Digest, failed: AbortSignal): Promise<void> {
    const own = this.#options.signal
    const signal = AbortSignal.any([failed, ...(own ? [own] : [])])
    const size = blobBytes(this.#store, digest)
    const head = await this.#send(`blobs/${digest}`, { method: 'HEAD', signal })
    head.body.destroy()
    if (head.status === 404) await this.#upload(digest, size, signal)
    this.#tell(digest, size, 'done')
  }

  async manifest({ manifest }: StoredImage): Promise<void> {
    const bytes = readBlob(this.#store, manifest)
    const document = parseDocument(bytes, `manifest of "${this.#name}"`)
    const mediaType = document.kind === 'manifest' ? document.manifest.mediaType : ''
    const { tag, digest } = this.#options.reference
    const response = await this.#send(`manifests/${tag ?? digest ?? manifest}`, {
      method: 'PUT',
      headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
      body: bytes,
    })
    response.body.resume()
    if (response.status === 404) throw this.#gone('its manifest')
  }

  async #upload(digest: Digest, size: number, signal: AbortSignal): Promise<void> {
    this.#tell(digest, 0, 'loading')
    const begun = await this.#send('blobs/uploads/', {
      method: 'POST',
      headers: { 'content-length': '0' },
      signal,
    })
    begun.body.resume()
    const { location } = begun.headers
    if (location === undefined || begun.status === 404) throw this.#gone(`a place for ${digest}`)
    const url = new URL(location, begun.url)
    url.searchParams.set('digest', digest)
    const path = blobPath(this.#store, digest)
    const done = await this.#send(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
      body: () => createReadStream(path, { highWaterMark: 256 * 1024 }),
      signal,
    })
    done.body.resume()
    if (done.status === 404) throw this.#gone(`the upload of ${digest}`)
  }

  #send(
    path: string | URL,
    request: Omit<Parameters<Endpoint['send']>[1], 'task' | 'scope'>,
  ): Promise<HttpResponse> {
    const { repository } = this.#options.reference
    const place = typeof path === 'string' ? `${repository}/${path}` : path
    return this.#endpoint.send(place, {
      scope: `repository:${repository}:pull,push`,
      task: `push "${this.#name}"`,
      signal: this.#options.signal,
      ...request,
    })
  }

  #tell(digest: Digest, bytes: number, state: 'loading' | 'done'): void {
    const size = blobBytes(this.#store, digest)
    const layer = shortId(digest)
    this.#options.onEvent?.({ phase: 'layer', image: this.#name, layer, bytes, size, state })
  }

  #gone(what: string): EngineError {
    return new EngineError('REGISTRY', `Cannot push "${this.#name}": ${what} is refused (404)`, {
      hint: `check the name; the registry "${this.#endpoint.host}" may not know the repository`,
    })
  }
}
