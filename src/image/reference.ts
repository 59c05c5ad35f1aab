/** Names of images in registries: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`, with Docker's defaults. */

import { EngineError } from '../errors.ts'
import { type Digest, isDigest } from './digest.ts'

/** A name with its defaults filled in. @see github.com/distribution/reference, grammar */
export interface Reference {
  /** `docker.io`, `registry.example.com:5000`. */
  readonly registry: string
  /** `library/nginx`. */
  readonly repository: string
  /** Absent only beside a digest. */
  readonly tag?: string
  readonly digest?: Digest
}

const DEFAULT_REGISTRY = 'docker.io'
const DEFAULT_TAG = 'latest'

/** The specification's own bound on host and path together. */
const NAME_CHARACTERS_MAX = 255

const LABEL = '[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]'
const HOST = new RegExp(
  String.raw`^(?:(?:${LABEL})(?:\.(?:${LABEL}))*|\[[a-fA-F0-9:.]+\])(?::[0-9]{1,5})?$`,
)
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const TAG = /^\w[\w.-]{0,127}$/

/**
 * `nginx` is `docker.io/library/nginx:latest`.
 * @throws {EngineError} IMAGE, with what is wrong
 */
export function parseReference(text: string): Reference {
  const [beforeDigest = '', digest, ...more] = text.split('@')
  if (more.length > 0) throw refused(text, 'it has more than one "@"')
  if (digest !== undefined && !isDigest(digest)) {
    throw refused(text, `"${digest}" is no digest; "sha256:" and 64 hex digits are needed`)
  }
  const { name, tag } = splitTag(beforeDigest)
  if (tag !== undefined && !TAG.test(tag)) throw refused(text, `"${tag}" is no tag`)
  const place = splitHost(name)
  checkName(text, place)
  const shownTag = tag ?? (digest === undefined ? DEFAULT_TAG : undefined)
  return {
    ...place,
    ...(shownTag === undefined ? {} : { tag: shownTag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** The whole name, `docker.io/library/nginx:latest`: the same text for every spelling. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  const suffix = tag === undefined ? '' : `:${tag}`
  return `${registry}/${repository}${suffix}${digest === undefined ? '' : `@${digest}`}`
}

/** As people write it: `nginx:latest`. */
export function familiarName(reference: Reference): string {
  return formatReference(reference).replace(/^docker\.io\/(?:library\/)?/, '')
}

/** A colon after the last slash begins a tag; one before it belongs to a port. */
function splitTag(text: string): { readonly name: string; readonly tag: string | undefined } {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1)
  if (colon === -1) return { name: text, tag: undefined }
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}

/** The first part is a host when it could not be a path: a dot, a colon, upper case, localhost. */
function splitHost(name: string): { readonly registry: string; readonly repository: string } {
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash)
  const isHost = /[.:]/.test(first) || first === 'localhost' || /[A-Z]/.test(first)
  const registry = isHost ? first : DEFAULT_REGISTRY
  const path = isHost ? name.slice(slash + 1) : name
  const isHub = registry === DEFAULT_REGISTRY || registry === 'index.docker.io'
  return {
    registry: isHub ? DEFAULT_REGISTRY : registry,
    repository: isHub && !path.includes('/') ? `library/${path}` : path,
  }
}

function checkName(text: string, { registry, repository }: Reference): void {
  if (!HOST.test(registry)) throw refused(text, `"${registry}" is no name of a host`)
  const wrong = repository.split('/').find((part) => !PATH_PART.test(part))
  if (wrong !== undefined) {
    const why = wrong === '' ? 'a part of it is empty' : `"${wrong}" is no part of a name`
    const isUpper = /[A-Z]/.test(wrong)
    throw refused(text, isUpper ? `${why}: names are in lower case` : why)
  }
  if (registry.length + repository.length + 1 > NAME_CHARACTERS_MAX) {
    throw refused(text, `its name has more than ${NAME_CHARACTERS_MAX} characters`)
  }
}

function refused(text: string, why: string): EngineError {
  const shown = text.length > 300 ? `${text.slice(0, 300)}…` : text
  return new EngineError('IMAGE', `Cannot understand image "${shown}": ${why}`, {
    hint: 'write it as NAME, NAME:TAG, HOST/NAME:TAG or NAME@sha256:…',
  })
}
