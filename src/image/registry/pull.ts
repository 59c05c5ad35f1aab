/** A registry as a source of images: manifests, configurations, and layers that resume. */

import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError, TsstackError } from '../../errors.ts'
import { IMAGE_CONFIG_BYTES_MAX, MANIFEST_BYTES_MAX } from '../../limits.ts'
import type { ContentSource, RootDocument } from '../content.ts'
import { type Descriptor, MEDIA } from '../oci.ts'
import { formatReference, type Reference } from '../reference.ts'
import type { Env } from './credentials.ts'
import { type Endpoint, openEndpoint, unreachable } from './endpoint.ts'
import { type Http, type HttpResponse, readBody } from './http.ts'
import { retryDelay, withRetries } from './retry.ts'

const ACCEPT = [MEDIA.index, MEDIA.manifest, MEDIA.dockerIndex, MEDIA.dockerManifest].join(', ')

export interface PullOptions {
  readonly env: Env
  readonly signal?: AbortSignal | undefined
  /** Told of mirrors that did not answer. */
  readonly onNote?: (message: string) => void
}

/** The image from the first mirror that has it, else from the registry. Throws REGISTRY, IMAGE. */
export async function openRegistryImage(
  http: Http,
  reference: Reference,
  options: PullOptions,
): Promise<ContentSource> {
  const { registry } = reference
  for (const address of http.settings.mirrors.get(registry) ?? []) {
    try {
      const endpoint = await openEndpoint(http, { registry, address }, options)
      const source = new RegistryImage(endpoint, reference, options)
      await source.root()
      return source
    } catch (error) {
      if (!(error instanceof TsstackError)) throw error
      options.onNote?.(`mirror ${address}: ${error.message}`)
    }
  }
  const endpoint = await openEndpoint(http, { registry }, options)
  return new RegistryImage(endpoint, reference, options)
}

class RegistryImage implements ContentSource {
  readonly #endpoint: Endpoint
  readonly #reference: Reference
  readonly #signal: AbortSignal | undefined
  #root: Promise<RootDocument> | undefined

  constructor(endpoint: Endpoint, reference: Reference, { signal }: PullOptions) {
    this.#endpoint = endpoint
    this.#reference = reference
    this.#signal = signal
  }

  root(): Promise<RootDocument> {
    this.#root ??= this.#readRoot()
    return this.#root
  }

  read({ digest }: Descriptor, role: 'manifest' | 'config'): Promise<Buffer> {
    const isManifest = role === 'manifest'
    const path = `${isManifest ? 'manifests' : 'blobs'}/${digest}`
    return this.#whole(async () => {
      const response = await this.#get(path, isManifest ? { accept: ACCEPT } : {})
      if (response.status === 404) throw this.#missing(response, digest)
      return readBody(response, isManifest ? MANIFEST_BYTES_MAX : IMAGE_CONFIG_BYTES_MAX)
    })
  }

  layer(descriptor: Descriptor): { open(offset: number): AsyncIterable<Buffer> } {
    return { open: (offset) => this.#stream(descriptor, offset) }
  }

  #readRoot(): Promise<RootDocument> {
    const { tag, digest } = this.#reference
    const path = `manifests/${digest ?? tag ?? 'latest'}`
    return this.#whole(async () => {
      const response = await this.#get(path, { accept: ACCEPT })
      if (response.status === 404) throw this.#noSuchImage(response)
      const bytes = await readBody(response, MANIFEST_BYTES_MAX)
      const mediaType = response.headers['content-type']?.replace(/;.*$/, '').trim()
      const expected = digest === undefined ? undefined : { digest, size: bytes.length }
      return { bytes, mediaType, expected }
    })
  }

  /** From `offset` on; a connection that breaks is taken up where it broke. */
  async *#stream({ digest, size }: Descriptor, offset: number): AsyncGenerator<Buffer, void> {
    let at = offset
    for (let failures = 0; at < size;) {
      try {
        for await (const chunk of this.#from(digest, at)) {
          at += chunk.length
          failures = 0
          yield chunk
        }
        if (at < size) throw new Error(`the connection ended after ${at} of ${size} bytes`)
      } catch (error) {
        failures += 1
        const delay = retryDelay(error, failures)
        if (delay === undefined) throw this.#explain(error)
        await sleep(delay, undefined, { signal: this.#signal })
      }
    }
  }

  async *#from(digest: string, at: number): AsyncGenerator<Buffer, void> {
    const headers: Record<string, string> = at === 0 ? {} : { range: `bytes=${at}-` }
    const response = await this.#get(`blobs/${digest}`, headers)
    if (response.status === 404) throw this.#missing(response, digest)
    // One that does not know ranges begins again at the beginning.
    let skip = response.status === 206 ? at - rangeStart(response, at) : at
    if (skip < 0) throw new Error('it sends another part than it was asked for')
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      const part = chunk.subarray(Math.min(skip, chunk.length))
      skip -= chunk.length - part.length
      if (part.length > 0) yield part
    }
  }

  #get(path: string, headers: Readonly<Record<string, string>>): Promise<HttpResponse> {
    const { repository } = this.#reference
    return this.#endpoint.send(`${repository}/${path}`, {
      headers,
      scope: `repository:${repository}:pull`,
      task: this.#task(),
      signal: this.#signal,
    })
  }

  /** A small answer, asked for again when its connection breaks. */
  async #whole<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await withRetries(ask, this.#signal)
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #explain(error: unknown): unknown {
    if (error instanceof TsstackError) return error
    if (error instanceof Error && error.name === 'AbortError') return error
    return unreachable(this.#task(), this.#endpoint.host, error)
  }

  #task(): string {
    return `pull "${formatReference(this.#reference)}"`
  }

  #noSuchImage({ body }: HttpResponse): EngineError {
    body.destroy()
    const { host } = this.#endpoint
    return new EngineError('IMAGE', `Cannot ${this.#task()}: ${host} has no such image (404)`, {
      hint: 'check name and tag; a private image may need "tsstack login"',
    })
  }

  #missing({ body }: HttpResponse, digest: string): EngineError {
    body.destroy()
    const { host } = this.#endpoint
    return new EngineError('IMAGE', `Cannot ${this.#task()}: ${host} lacks its part ${digest}`, {
      hint: 'the registry holds the image only in part: push it there again',
    })
  }
}

/** `bytes 100-199/200`. */
function rangeStart({ headers }: HttpResponse, wanted: number): number {
  const [, start] = /^bytes (\d+)-/.exec(headers['content-range'] ?? '') ?? []
  return start === undefined ? wanted : Number(start)
}
