/** Fetches one file from an address, by the same rules as registries are spoken to. */

import { closeSync, openSync, writeSync } from 'node:fs'
import { EngineError, TsstackError } from '../../errors.ts'
import { type Digest, Digester } from '../digest.ts'
import { SpaceWatch } from '../store/space.ts'
import { unreachable } from './endpoint.ts'
import type { Http, HttpResponse } from './http.ts'
import { Busy, isBusy, withRetries } from './retry.ts'

/** What an answer said of the file, by which the next one may say that it is still the same. */
export interface FileMark {
  readonly etag?: string
  readonly lastModified?: string
}

export interface FetchedFile extends FileMark {
  readonly digest: Digest
}

export interface FetchOptions {
  /** Gets the bytes; is there already, and is written anew. */
  readonly path: string
  /** Absent: fetch it in any case. */
  readonly known?: FileMark | undefined
  readonly signal: AbortSignal
}

/**
 * Undefined when the server says that nothing has changed since `known`.
 * @throws {EngineError} REGISTRY, DISK_FULL
 */
export async function fetchFile(
  http: Http,
  url: URL,
  options: FetchOptions,
): Promise<FetchedFile | undefined> {
  // The part before the host may be a password.
  const task = `fetch "${url.origin}${url.pathname}"`
  try {
    return await withRetries(() => fetchOnce(http, url, { ...options, task }), options.signal)
  } catch (error) {
    if (error instanceof TsstackError || options.signal.aborted) throw error
    throw unreachable(task, url.host, error)
  }
}

async function fetchOnce(
  http: Http,
  url: URL,
  { path, known, signal, task }: FetchOptions & { readonly task: string },
): Promise<FetchedFile | undefined> {
  const headers = {
    // The bytes themselves are wanted, however they are packed.
    'accept-encoding': 'identity',
    ...(known?.etag === undefined ? {} : { 'if-none-match': known.etag }),
    ...(known?.lastModified === undefined ? {} : { 'if-modified-since': known.lastModified }),
  }
  const response = await http.send(url, { headers, signal, anyHost: true })
  const { status } = response
  if (status === 200) return keep(response, path)
  response.body.destroy()
  if (status === 304 && known !== undefined) return undefined
  if (isBusy(status)) throw new Busy(status, response.headers['retry-after'])
  throw new EngineError('REGISTRY', `Cannot ${task}: ${response.url.host} answers ${status}`, {
    hint: status === 404 ? 'check the address' : 'the server does not give it to us',
  })
}

async function keep({ body, headers }: HttpResponse, path: string): Promise<FetchedFile> {
  const digester = new Digester()
  const space = new SpaceWatch(path)
  const fd = openSync(path, 'w', 0o600)
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      space.take(chunk.length)
      digester.update(chunk)
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
    }
  } finally {
    closeSync(fd)
  }
  const length = headers['content-length']
  if (length !== undefined && Number(length) !== digester.bytes) {
    throw new Error(`the connection ended after ${digester.bytes} of ${length} bytes`)
  }
  const { etag, 'last-modified': lastModified } = headers
  return {
    digest: digester.digest(),
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
  }
}
