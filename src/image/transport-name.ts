/** Where an image comes from, as `image:` spells it: skopeo's and podman's words. */

import { isAbsolute, resolve } from 'node:path'
import { EngineError } from '../errors.ts'
import { formatReference, parseReference, type Reference } from './reference.ts'

export type ImageSource =
  | { readonly kind: 'registry'; readonly reference: Reference }
  | { readonly kind: 'host' }
  /** A root file system. */
  | { readonly kind: 'directory'; readonly path: string }
  /** `tag`: the layout's annotation `org.opencontainers.image.ref.name`. */
  | { readonly kind: 'oci'; readonly path: string; readonly tag?: string }
  | { readonly kind: 'oci-archive'; readonly path: string; readonly tag?: string }
  | { readonly kind: 'docker-archive'; readonly path: string; readonly tag?: string }

const ARCHIVES = ['oci', 'oci-archive', 'docker-archive'] as const

/**
 * `baseDirectory`: where relative paths begin; absent: they are refused.
 * @throws {EngineError} IMAGE
 */
export function parseImageSource(text: string, baseDirectory?: string): ImageSource {
  if (text === 'host:') return { kind: 'host' }
  const colon = text.indexOf(':')
  const scheme = text.slice(0, Math.max(colon, 0))
  const rest = text.slice(colon + 1)
  if (scheme === 'dir') return { kind: 'directory', path: absolute(text, rest, baseDirectory) }
  const kind = ARCHIVES.find((each) => each === scheme)
  if (kind !== undefined) {
    const { path, tag } = splitTag(rest)
    const whole = absolute(text, path, baseDirectory)
    return { kind, path: whole, ...(tag === undefined ? {} : { tag }) }
  }
  return { kind: 'registry', reference: parseReference(text.replace(/^docker:\/\//, '')) }
}

/** The one text for every spelling of a source: what the store knows it by. */
export function sourceName(source: ImageSource): string {
  switch (source.kind) {
    case 'registry':
      return formatReference(source.reference)
    case 'host':
      return 'host:'
    case 'directory':
      return `dir:${source.path}`
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
      return `${source.kind}:${source.path}${source.tag === undefined ? '' : `:${source.tag}`}`
  }
}

/** What follows the first colon is the name inside, as with skopeo. */
function splitTag(text: string): { readonly path: string; readonly tag: string | undefined } {
  const colon = text.indexOf(':')
  if (colon === -1) return { path: text, tag: undefined }
  const tag = text.slice(colon + 1)
  return { path: text.slice(0, colon), tag: tag === '' ? undefined : tag }
}

function absolute(text: string, path: string, baseDirectory: string | undefined): string {
  if (path !== '' && isAbsolute(path)) return resolve(path)
  if (path !== '' && baseDirectory !== undefined) return resolve(baseDirectory, path)
  throw new EngineError('IMAGE', `Cannot use image "${text}": its path is not absolute`, {
    hint: `write the whole path: "${text.slice(0, text.indexOf(':'))}:/srv/image"`,
  })
}
