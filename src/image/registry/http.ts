/** One HTTP request at a time: deadlines, redirects with care, bodies as streams. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Agent as HttpAgent, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { EngineError } from '../../errors.ts'
import { REGISTRY_IDLE_MS_MAX, REGISTRY_REDIRECTS_MAX } from '../../limits.ts'
import { isInsecure, type RegistrySettings } from './settings.ts'

// Not before somebody fetches: they bring TLS and much else, and a supervisor that starts waits.
const http = () => process.getBuiltinModule('http')
const https = () => process.getBuiltinModule('https')

export interface HttpRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | (() => Readable)
  readonly signal?: AbortSignal | undefined
  /** Without TLS anyway, http may lead to any host: nobody is told who we are. */
  readonly anyHost?: boolean
}

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Has to be read to its end or destroyed. */
  readonly body: IncomingMessage
  /** Where the answer came from at last. */
  readonly url: URL
}

/** Connections to one set of registries; closed when the work is done. */
export class Http implements Disposable {
  readonly settings: RegistrySettings
  readonly #agents = new Map<string, HttpAgent>()

  constructor(settings: RegistrySettings) {
    this.settings = settings
  }

  /**
   * Follows redirects of GET and HEAD. `Authorization` goes to the address it was made for and to
   * no other.
   * @throws {EngineError} REGISTRY for redirects that must not be followed; network errors as they
   * are
   */
  async send(url: URL, request: HttpRequest = {}): Promise<HttpResponse> {
    let here = url
    let headers = request.headers ?? {}
    for (let redirects = 0; redirects <= REGISTRY_REDIRECTS_MAX; redirects += 1) {
      const response = await this.#sendOnce(here, { ...request, headers })
      const { location } = response.headers
      const isRedirect = [301, 302, 303, 307, 308].includes(response.status)
      const method = request.method ?? 'GET'
      if (!isRedirect || location === undefined || !(method === 'GET' || method === 'HEAD')) {
        return response
      }
      response.body.destroy()
      const next = new URL(location, here)
      this.#checkRedirect(here, next, request.anyHost === true)
      if (next.origin !== here.origin) headers = withoutAuthorization(headers)
      here = next
    }
    throw refused(url, `it redirects more than ${REGISTRY_REDIRECTS_MAX} times`)
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy()
  }

  /** Never from https to http, and to another host by http only when that is listed. */
  #checkRedirect(from: URL, to: URL, anyHost: boolean): void {
    if (to.protocol === 'https:') return
    const isAllowed =
      to.protocol === 'http:' &&
      from.protocol === 'http:' &&
      (anyHost || to.host === from.host || isInsecure(to.host, this.settings))
    if (!isAllowed) throw refused(from, `it redirects to "${to.protocol}//${to.host}"`)
  }

  async #sendOnce(url: URL, { method, headers, body, signal }: HttpRequest): Promise<HttpResponse> {
    const { request: send } = url.protocol === 'https:' ? https() : http()
    const outgoing = send(url, {
      method: method ?? 'GET',
      headers: { 'user-agent': 'tsstack', ...headers },
      agent: this.#agent(url),
      ...(signal ? { signal } : {}),
    })
    outgoing.setTimeout(REGISTRY_IDLE_MS_MAX, () => {
      outgoing.destroy(new Error(`nothing came for ${REGISTRY_IDLE_MS_MAX / 1000} s`))
    })
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
    // Once it is answered, whoever reads the answer is told of what breaks.
    outgoing.on('error', () => undefined)
    if (typeof body === 'function') {
      const stream = body()
      stream.once('error', (error) => outgoing.destroy(error))
      stream.pipe(outgoing)
      outgoing.once('close', () => stream.destroy())
    } else outgoing.end(body)
    const [response] = await answered
    return { status: response.statusCode ?? 0, headers: response.headers, body: response, url }
  }

  #agent(url: URL): HttpAgent {
    const known = this.#agents.get(url.origin)
    if (known) return known
    const options = { keepAlive: true, maxSockets: 6, proxyEnv: process.env }
    const agent =
      url.protocol === 'https:'
        ? new (https().Agent)({
            ...options,
            rejectUnauthorized: !isInsecure(url.host, this.settings),
            ...this.#authority(url),
          })
        : new (http().Agent)(options)
    this.#agents.set(url.origin, agent)
    return agent
  }

  /** With an authority of its own, the registry needs one of that. */
  #authority(url: URL): { readonly ca?: Buffer; readonly rejectUnauthorized?: true } {
    const { authorities } = this.settings
    const path = authorities.get(url.host) ?? authorities.get(url.hostname)
    if (path === undefined) return {}
    try {
      return { ca: readFileSync(path), rejectUnauthorized: true }
    } catch (cause) {
      throw new EngineError('REGISTRY', `Cannot read certificate "${path}" for ${url.host}`, {
        hint: 'see "certificates" in the file of registries',
        cause,
      })
    }
  }
}

/** The whole body, when it is no longer than `bytesMax`. @throws {EngineError} REGISTRY */
export async function readBody({ body, url }: HttpResponse, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw refused(url, `its answer has more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization')
  return Object.fromEntries(kept)
}

function refused(url: URL, why: string): EngineError {
  return new EngineError('REGISTRY', `Cannot use registry "${url.host}": ${why}`, {
    hint: 'list it under "insecure-registries" only if you trust the network to it',
  })
}
