/** Addresses in the place of files: of one file, or of a git repository. */

import { posix } from 'node:path'
import { Problem } from '../dockerfile/problem.ts'

export type Address = FileAddress | GitAddress

export interface FileAddress {
  readonly kind: 'file'
  readonly url: URL
  /** What the file is called; '' when the address does not say. */
  readonly name: string
}

export interface GitAddress {
  readonly kind: 'git'
  /** As git is told. */
  readonly url: string
  /** Branch, tag or commit; absent: what the repository itself has checked out. */
  readonly ref: string | undefined
  /** Relative to the repository; '' is all of it. */
  readonly directory: string
  /** A repository of this machine. */
  readonly isLocal: boolean
}

/** As in an address of a context: `github.com/a/b` is one without a scheme. */
const GIT_HOST = /^github\.com\//u
const SCP = /^[\w.-]+@[\w.-]+:(?!\/\/)/u

export function isAddress(text: string): boolean {
  return /^\w+:\/\//u.test(text) || SCP.test(text) || GIT_HOST.test(text)
}

/**
 * Undefined for a path. @throws {Problem} for an address that cannot be used.
 * @see Dockerfile reference, "ADD"; Docker build, "Remote context"
 */
export function parseAddress(text: string): Address | undefined {
  if (!isAddress(text)) return undefined
  const [main = '', fragment = ''] = splitOnce(text, '#')
  const scheme = schemeOf(main)
  const isHttp = scheme === 'http' || scheme === 'https'
  if (isHttp && !/\.git\/?$/u.test(main)) return fileAddress(main)
  if (isHttp || ['', 'git', 'ssh', 'file'].includes(scheme)) {
    const url = GIT_HOST.test(main) ? `https://${main}` : main
    return { kind: 'git', url, isLocal: scheme === 'file', ...partOf(text, fragment) }
  }
  throw new Problem(`Cannot fetch "${text}": nothing is fetched by ${scheme}`, {
    hint: 'take an address of http, https, git or ssh',
  })
}

/** '' for `git@host:path` and `github.com/a/b`. */
function schemeOf(text: string): string {
  const scheme = /^(?<scheme>\w+):\/\//u.exec(text)?.groups?.['scheme'] ?? ''
  return scheme.toLowerCase()
}

/** `main:docs`: what of the repository is meant. */
function partOf(text: string, fragment: string): Pick<GitAddress, 'ref' | 'directory'> {
  const [ref = '', directory = ''] = splitOnce(fragment, ':')
  // @see git-check-ref-format(1)
  if (ref.startsWith('-') || /[\s\0~^:?*[\\]|\.\./u.test(ref)) {
    throw new Problem(`Cannot fetch "${text}": "${ref}" is no branch, tag or commit`)
  }
  return {
    ref: ref === '' ? undefined : ref,
    directory: posix.join('/', directory).slice(1),
  }
}

function fileAddress(text: string): FileAddress {
  const url = URL.parse(text)
  if (url === null) throw new Problem(`Cannot fetch "${text}": it is no address`)
  const last = url.pathname.split('/').at(-1) ?? ''
  return { kind: 'file', url, name: plainName(last) }
}

/** A name in the address leads nowhere else. */
function plainName(text: string): string {
  let name = text
  try {
    name = decodeURIComponent(text)
  } catch {
    // As it is written, then.
  }
  return name === '.' || name === '..' || /[/\0]/u.test(name) ? '' : name
}

function splitOnce(text: string, at: string): readonly string[] {
  const place = text.indexOf(at)
  return place === -1 ? [text] : [text.slice(0, place), text.slice(place + 1)]
}
