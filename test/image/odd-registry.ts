/**
 * A registry that misbehaves as its test asks: `node odd-registry.ts PORT LAYOUT`. The repository's
 * name says how: `cut/image` breaks connections, `busy/image` answers 503 twice …
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'

const [port = '0', layout = ''] = process.argv.slice(2)
const blob = (digest: string): Buffer =>
  readFileSync(join(layout, 'blobs/sha256', digest.replace('sha256:', '')))
const counts = new Map<string, number>()
const seen: string[] = []

const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))
const [{ digest: manifestDigest }] = index.manifests

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://odd')
  seen.push(`${request.method} ${url.pathname} ${request.headers.authorization ?? '-'}`)
  const fixed = { '/seen': seen.join('\n'), '/v2/': '{}', '/token': '{"token":"t0ken"}' }
  const plain = Object.entries(fixed).find(([path]) => path === url.pathname)
  if (plain) return response.end(plain[1])
  const [, how = '', kind = '', reference = ''] =
    /^\/v2\/(\w+)\/image\/(manifests|blobs)\/(.+)$/.exec(url.pathname) ?? []
  const count = (counts.get(url.pathname) ?? 0) + 1
  counts.set(url.pathname, count)
  const act = ACTS[how]
  if (act && act({ request, response, kind, reference, count })) return undefined
  return answer(response, kind, reference)
}).listen(Number(port), '0.0.0.0', () => console.log('ready'))

function answer(response: ServerResponse, kind: string, reference: string): void {
  const digest = reference.startsWith('sha256:') ? reference : manifestDigest
  const bytes = blob(digest)
  if (kind === 'manifests') {
    response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json')
  }
  response.end(bytes)
}

interface Question {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly kind: string
  readonly reference: string
  /** Times that this path was asked for. */
  readonly count: number
}

/** Each says whether it has answered. */
const ACTS: Readonly<Record<string, (question: Question) => boolean>> = {
  /** Half of every layer, then nothing; the rest when it is asked for by range. */
  cut: ({ request, response, kind, reference, count }) => {
    if (kind !== 'blobs') return false
    const bytes = blob(reference)
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
    const start = Number(from ?? 0)
    const end = count <= 3 ? start + Math.ceil((bytes.length - start) / 2) : bytes.length
    response.writeHead(from === undefined ? 200 : 206, {
      'content-length': bytes.length - start,
      ...(from === undefined ? {} : { 'content-range': `bytes ${start}-/${bytes.length}` }),
    })
    response.write(bytes.subarray(start, end), () => {
      if (end < bytes.length) response.destroy()
      else response.end()
    })
    return true
  },
  /** Knows nothing of ranges, and breaks the first connection. */
  whole: ({ response, kind, reference, count }) => {
    if (kind !== 'blobs' || count > 1) return false
    const bytes = blob(reference)
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
    return true
  },
  busy: ({ response, count }) => status(response, count <= 2 ? 503 : 0),
  limited: ({ response, count }) => {
    if (count > 1) return false
    response.setHeader('retry-after', '0')
    return status(response, 429)
  },
  forbidden: ({ response }) => status(response, 403),
  broken: ({ response }) => status(response, 500),
  unknown: ({ response, kind }) => status(response, kind === 'blobs' ? 404 : 0),
  /** Other bytes of the same length. */
  wrong: ({ response, kind, reference }) => {
    if (kind !== 'blobs') return false
    const bytes = Buffer.from(blob(reference))
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    response.end(bytes)
    return true
  },
  /** More than the manifest said. */
  long: ({ response, kind, reference }) => {
    if (kind !== 'blobs') return false
    response.end(Buffer.concat([blob(reference), Buffer.alloc(100_000)]))
    return true
  },
  /** Five megabytes of manifest. */
  huge: ({ response }) => {
    response.end(Buffer.alloc(5 * 1024 * 1024, ' '))
    return true
  },
  /** To a place that must not be asked. */
  elsewhere: ({ response, kind }) => {
    if (kind !== 'blobs') return false
    response.setHeader('location', 'http://169.254.169.254/latest/meta-data')
    return status(response, 307)
  },
  /** To another host, which must not see who we are. */
  moved: ({ request, response, kind, reference }) => {
    if (request.headers.authorization === undefined && kind === 'manifests') {
      const realm = `Bearer realm="http://${request.headers.host}/token",service="odd"`
      response.setHeader('www-authenticate', realm)
      return status(response, 401)
    }
    if (kind !== 'blobs' || request.headers.host?.startsWith('127.0.0.2')) return false
    const place = `http://127.0.0.2:${port}/v2/plain/image/blobs/${reference}`
    response.setHeader('location', place)
    return status(response, 307)
  },
  circle: ({ response, kind, reference }) => {
    if (kind !== 'blobs') return false
    response.setHeader('location', `/v2/circle/image/blobs/${reference}`)
    return status(response, 302)
  },
  /** Sends us for a token to somewhere without TLS that is not itself. */
  realm: ({ response }) => {
    response.setHeader('www-authenticate', 'Bearer realm="ftp://127.0.0.1/token"')
    return status(response, 401)
  },
}

/** 0: not now. */
function status(response: ServerResponse, code: number): boolean {
  if (code === 0) return false
  response.writeHead(code).end('{"errors":[{"code":"ODD","message":"as asked\\u001b[2J"}]}')
  return true
}
