/** One address at which a registry is asked: the registry itself, or a mirror. */

import { EngineError, TsstackError, errorText } from '../../errors.ts'
import type { Reference } from '../reference.ts'
import { Authenticator } from './auth.ts'
import type { Credentials, Env } from './credentials.ts'
import { type Http, type HttpRequest, type HttpResponse, readBody } from './http.ts'
import { Busy, isBusy, withRetries } from './retry.ts'
import { isInsecure } from './settings.ts'

/** As errors call what was attempted: `pull "docker.io/library/nginx:latest"`. */
export interface Endpoint {
  readonly base: URL
  readonly host: string
  /**
   * `path` below /v2/. Answers 2xx and 404 come back; all others are errors.
   * @throws {EngineError} REGISTRY
   */
  send(path: string | URL, request: EndpointRequest): Promise<HttpResponse>
}

export interface EndpointRequest extends HttpRequest {
  /** As errors call it: `pull "nginx:latest"`. */
  readonly task: string
  /** `repository:library/nginx:pull`. */
  readonly scope?: string
  /** Other statuses that the caller wants to see. */
  readonly accepts?: readonly number[]
}

export interface EndpointOptions {
  readonly env: Env
  readonly given?: Credentials | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where a registry's own interface is. */
function registryHost({ registry }: Pick<Reference, 'registry'>): string {
  return registry === 'docker.io' ? 'registry-1.docker.io' : registry
}

/**
 * Opens `address` (`https://mirror`) or, for a name alone, the registry: by TLS, and where that is
 * not asked for without when nobody speaks TLS there.
 * @throws {EngineError} REGISTRY
 */
export async function openEndpoint(
  http: Http,
  place: { readonly registry: string; readonly address?: string },
  options: EndpointOptions,
): Promise<Endpoint> {
  const { address, registry } = place
  const host = address === undefined ? registryHost({ registry }) : new URL(address).host
  const name = address === undefined ? registry : host
  const auth = new Authenticator(http, name, options)
  const base = address ?? (await findScheme(http, host, options.signal))
  return new RegistryEndpoint(http, new URL('/v2/', base), { auth, name, signal: options.signal })
}

async function findScheme(http: Http, host: string, signal?: AbortSignal): Promise<string> {
  if (!isInsecure(host, http.settings)) return `https://${host}`
  try {
    const { body } = await http.send(new URL(`https://${host}/v2/`), { signal })
    body.destroy()
    return `https://${host}`
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    // No TLS is spoken there. A wrong certificate is another matter, and so is nobody at all.
    if (/SSL|EPROTO|ECONNRESET|HPE_/.test(code)) return `http://${host}`
    throw unreachable(`reach registry "${host}"`, host, error)
  }
}

class RegistryEndpoint implements Endpoint {
  readonly base: URL
  readonly #http: Http
  readonly #auth: Authenticator
  readonly #name: string
  readonly #signal: AbortSignal | undefined

  constructor(
    http: Http,
    base: URL,
    options: {
      readonly auth: Authenticator
      readonly name: string
      readonly signal: AbortSignal | undefined
    },
  ) {
    this.base = base
    this.#http = http
    this.#auth = options.auth
    this.#name = options.name
    this.#signal = options.signal
  }

  get host(): string {
    return this.base.host
  }

  async send(path: string | URL, request: EndpointRequest): Promise<HttpResponse> {
    const url = new URL(path, this.base)
    try {
      return await withRetries(() => this.#attempt(url, request), this.#signal)
    } catch (error) {
      if (error instanceof TsstackError || isAbort(error)) throw error
      if (error instanceof Busy) throw stillBusy(request.task, this.host, error.status)
      throw unreachable(request.task, this.host, error)
    }
  }

  async #attempt(url: URL, request: EndpointRequest): Promise<HttpResponse> {
    const used = this.#auth.authorization
    let response = await this.#sendOnce(url, request)
    if (response.status === 401) {
      const isBetter = await this.#auth.answer(response, { scope: request.scope, used })
      if (!isBetter) throw await this.#unwelcome(response)
      response.body.destroy()
      response = await this.#sendOnce(url, request)
      if (response.status === 401) throw await this.#unwelcome(response)
    }
    const { status, headers } = response
    const isFine = status >= 200 && status < 300
    if (isFine || status === 404 || request.accepts?.includes(status)) return response
    if (isBusy(status)) {
      response.body.destroy()
      throw new Busy(status, headers['retry-after'])
    }
    throw await this.#refused(response, request.task)
  }

  #sendOnce(url: URL, request: EndpointRequest): Promise<HttpResponse> {
    const { authorization } = this.#auth
    // An upload may go on at another host: what we are to this one is none of its business.
    const isOwn = url.origin === this.base.origin
    const headers = {
      ...request.headers,
      ...(authorization === undefined || !isOwn ? {} : { authorization }),
    }
    return this.#http.send(url, { signal: this.#signal, ...request, headers })
  }

  async #unwelcome(response: HttpResponse): Promise<EngineError> {
    response.body.destroy()
    const hadSome = await this.#auth.hasCredentials()
    const why = hadSome ? 'it refuses our credentials' : 'it asks who we are'
    return new EngineError('REGISTRY', `Cannot use registry "${this.#name}": ${why} (401)`, {
      hint: `log in: tsstack login ${this.#name}; or the image is spelt otherwise`,
    })
  }

  async #refused(response: HttpResponse, task: string): Promise<EngineError> {
    const { status } = response
    const said = await messageOf(response)
    const reason = status === 403 ? 'it does not allow that' : 'it refuses'
    return new EngineError(
      'REGISTRY',
      `Cannot ${task}: ${this.host}: ${reason} (${status})${said}`,
      {
        hint:
          status === 403 || status === 405
            ? `use an account that may: tsstack login ${this.#name}`
            : 'check the name of the image and the registry',
      },
    )
  }
}

/** What the registry says in its own words, made harmless. */
async function messageOf(response: HttpResponse): Promise<string> {
  try {
    const body = JSON.parse((await readBody(response, ERROR_BYTES_MAX)).toString()) as {
      errors?: { code?: unknown; message?: unknown }[]
    }
    const [first] = body.errors ?? []
    const text = [first?.code, first?.message].filter((part) => typeof part === 'string').join(' ')
    return text === '' ? '' : `: ${text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200)}`
  } catch {
    return ''
  }
}

const ERROR_BYTES_MAX = 64 * 1024

function stillBusy(task: string, host: string, status: number): EngineError {
  const what = status === 429 ? 'it asks for fewer requests' : 'it fails'
  return new EngineError('REGISTRY', `Cannot ${task}: ${host}: ${what} (${status}), also later`, {
    hint: 'try again in a while; "tsstack login" may raise the limit',
  })
}

export function unreachable(task: string, host: string, cause: unknown): EngineError {
  const why = errorText(cause)
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const isTls = /CERT|SSL|TLS|EPROTO|ALTNAME/.test(code)
  return new EngineError('REGISTRY', `Cannot ${task}: ${host}: ${why || code}`, {
    hint: isTls
      ? `add its authority under "certificates", or list "${host}" under "insecure-registries"`
      : 'check the name of the registry and the network; what has come is kept for the next try',
    cause,
  })
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
