/** Finds out how a registry wants to be spoken to, and keeps what it gave for it. */

import { EngineError } from '../../errors.ts'
import { TOKEN_ANSWER_BYTES_MAX } from '../../limits.ts'
import { field, parseJson } from '../json.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import { type Credentials, type Env, findCredentials } from './credentials.ts'
import { type Http, type HttpResponse, readBody } from './http.ts'

export class Authenticator {
  readonly #http: Http
  /** Name of the registry in references and in config.json. */
  readonly #registry: string
  readonly #env: Env
  #credentials: Promise<Credentials | undefined> | undefined
  #given: Credentials | undefined
  #authorization: string | undefined

  constructor(
    http: Http,
    registry: string,
    options: { env: Env; given?: Credentials | undefined },
  ) {
    this.#http = http
    this.#registry = registry
    this.#env = options.env
    this.#given = options.given
  }

  /** For the next request; undefined until the registry has asked. */
  get authorization(): string | undefined {
    return this.#authorization
  }

  /**
   * True when the request may be sent again with a better {@link authorization} than `used`.
   * @throws {EngineError} REGISTRY
   */
  async answer(
    { headers, url }: HttpResponse,
    { scope, used }: { readonly scope: string | undefined; readonly used: string | undefined },
  ): Promise<boolean> {
    // Another request, sent at the same time, has found it out meanwhile.
    if (this.#authorization !== used) return true
    const challenge = parseChallenges(headers['www-authenticate'])
    if (challenge === undefined) return false
    const credentials = await this.#find()
    if (challenge.scheme === 'basic') {
      if (credentials === undefined) return false
      this.#authorization = basic(credentials)
    } else {
      this.#authorization = `Bearer ${await this.#token(challenge, { url, scope, credentials })}`
    }
    return this.#authorization !== used
  }

  /** Whether anything was presented. */
  async hasCredentials(): Promise<boolean> {
    return (await this.#find()) !== undefined
  }

  #find(): Promise<Credentials | undefined> {
    if (this.#given) return Promise.resolve(this.#given)
    this.#credentials ??= findCredentials(this.#registry, this.#env)
    return this.#credentials
  }

  async #token(
    challenge: Challenge,
    question: {
      readonly url: URL
      readonly scope: string | undefined
      readonly credentials: Credentials | undefined
    },
  ): Promise<string> {
    const realm = this.#realm(challenge, question.url)
    const scope = challenge.scope ?? question.scope
    const parameters = new URLSearchParams({
      ...(challenge.service === undefined ? {} : { service: challenge.service }),
      ...(scope === undefined ? {} : { scope }),
    })
    const { credentials } = question
    const response = credentials?.isToken
      ? await this.#http.send(realm, exchange(credentials, parameters))
      : await this.#http.send(withQuery(realm, parameters), {
          headers: credentials === undefined ? {} : { authorization: basic(credentials) },
        })
    const bytes = await readBody(response, TOKEN_ANSWER_BYTES_MAX)
    if (response.status !== 200) throw this.#refused(realm, response.status, credentials)
    const answer = parseJson(bytes, `token of ${realm.host}`)
    const token = field(answer, 'token') ?? field(answer, 'access_token')
    if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token
    throw new EngineError('REGISTRY', `Cannot use registry "${this.#registry}": no token came`)
  }

  /** Passwords are sent there: by TLS, unless the registry itself is spoken to without. */
  #realm({ realm }: Challenge, registry: URL): URL {
    const url = URL.parse(realm)
    const isFine = url?.protocol === 'https:' || registry.protocol === 'http:'
    if (url && isFine && /^https?:$/.test(url.protocol)) return url
    throw new EngineError(
      'REGISTRY',
      `Cannot log in to registry "${this.#registry}": it sends us to "${realm.slice(0, 200)}"`,
      { hint: 'a place for tokens has to be an https address' },
    )
  }

  #refused(realm: URL, status: number, credentials: Credentials | undefined): EngineError {
    const who = credentials ? `the credentials of "${credentials.user}"` : 'us without credentials'
    return new EngineError(
      'REGISTRY',
      `Cannot use registry "${this.#registry}": ${realm.host} refuses ${who} (${status})`,
      { hint: `log in: tsstack login ${this.#registry}` },
    )
  }
}

function basic({ user, secret }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`
}

function withQuery(url: URL, parameters: URLSearchParams): URL {
  const result = new URL(url)
  for (const [key, value] of parameters) result.searchParams.append(key, value)
  return result
}

/** @see distribution spec, OAuth2: a refresh token for an access token */
function exchange({ secret }: Credentials, parameters: URLSearchParams) {
  const body = new URLSearchParams(parameters)
  body.set('grant_type', 'refresh_token')
  body.set('client_id', 'tsstack')
  body.set('refresh_token', secret)
  return {
    method: 'POST' as const,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: body.toString(),
  }
}
