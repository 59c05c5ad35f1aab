/** The words of `mounts[].options`: properties of the mount, propagation, and the file system's own. */

import type { MountAttribute, Propagation } from '../linux/index.ts'
import type { SpecMount } from './spec.ts'

export interface MountOptions {
  readonly bind: boolean
  /** Of a bind: with what is mounted below its source. */
  readonly recursive: boolean
  readonly set: readonly MountAttribute[]
  readonly clear: readonly MountAttribute[]
  /** The same for everything mounted below: `rro`. */
  readonly setBelow: readonly MountAttribute[]
  readonly clearBelow: readonly MountAttribute[]
  readonly propagation: readonly { readonly kind: Propagation; readonly recursive: boolean }[]
  /** A tmpfs begins with what it covers. */
  readonly copyUp: boolean
  /** `true`: with the mounts below. */
  readonly idmap: 'none' | 'idmap' | 'ridmap'
  /** For the file system: `size=64k`. */
  readonly data: readonly string[]
}

/** @see runc libcontainer/specconv/spec_linux.go, initMaps */
const SETS: Readonly<Record<string, readonly [MountAttribute, boolean]>> = {
  ro: ['readOnly', true],
  rw: ['readOnly', false],
  nosuid: ['nosuid', true],
  suid: ['nosuid', false],
  nodev: ['nodev', true],
  dev: ['nodev', false],
  noexec: ['noexec', true],
  exec: ['noexec', false],
  noatime: ['noatime', true],
  atime: ['noatime', false],
  relatime: ['strictatime', false],
  norelatime: ['strictatime', false],
  strictatime: ['strictatime', true],
  nostrictatime: ['strictatime', false],
  nodiratime: ['nodiratime', true],
  diratime: ['nodiratime', false],
  nosymfollow: ['nosymfollow', true],
  symfollow: ['nosymfollow', false],
}

const PROPAGATION = /^(r?)(private|slave|shared|unbindable)$/
const OURS = new Set(['bind', 'rbind', 'tmpcopyup', 'idmap', 'ridmap'])
/** Words without an effect today; `sync` and the like are of the file system. */
const IGNORED = new Set(['defaults', 'newinstance', 'remount', 'acl', 'noacl', 'iversion'])

/** Every word that is not of a file system. */
export const MOUNT_WORDS: readonly string[] = [
  ...Object.keys(SETS),
  ...Object.keys(SETS).map((word) => `r${word}`),
  ...['private', 'slave', 'shared', 'unbindable'].flatMap((word) => [word, `r${word}`]),
  ...OURS,
].sort()

/** Which of the words mean what. A later word overrules an earlier one. */
export function readMountOptions({ type, options = [] }: SpecMount): MountOptions {
  const words = new Set(options)
  const bind = type === 'bind' || words.has('bind') || words.has('rbind')
  const attributes = options.map(attributeOf).filter((one) => one !== undefined)
  const own = attributes.filter(({ below }) => !below)
  const below = attributes.filter((one) => one.below)
  return {
    bind,
    recursive: words.has('rbind') || !words.has('bind'),
    set: named(own, true),
    clear: named(own, false),
    setBelow: named(below, true),
    clearBelow: named(below, false),
    propagation: options.map(propagationOf).filter((one) => one !== undefined),
    copyUp: words.has('tmpcopyup'),
    idmap: idmapOf(words),
    data: bind ? [] : options.filter(isOfFileSystem),
  }
}

interface Attribute {
  readonly name: MountAttribute
  readonly isSet: boolean
  /** For the mounts below as well. */
  readonly below: boolean
}

/** `rro` is `ro` for the mounts below as well. */
function attributeOf(word: string): Attribute | undefined {
  const [name, isSet] = SETS[word] ?? []
  if (name !== undefined && isSet !== undefined) return { name, isSet, below: false }
  const [inner, isSetBelow] = (word.startsWith('r') ? SETS[word.slice(1)] : undefined) ?? []
  if (inner === undefined || isSetBelow === undefined) return undefined
  return { name: inner, isSet: isSetBelow, below: true }
}

/** The last word about each attribute counts. */
function named(attributes: readonly Attribute[], wanted: boolean): readonly MountAttribute[] {
  const last = new Map(attributes.map(({ name, isSet }) => [name, isSet]))
  return [...last].filter(([, isSet]) => isSet === wanted).map(([name]) => name)
}

function propagationOf(word: string): MountOptions['propagation'][number] | undefined {
  const [, recursive, kind] = PROPAGATION.exec(word) ?? []
  return kind === undefined
    ? undefined
    : { kind: kind as Propagation, recursive: recursive === 'r' }
}

function idmapOf(words: ReadonlySet<string>): MountOptions['idmap'] {
  if (words.has('ridmap')) return 'ridmap'
  return words.has('idmap') ? 'idmap' : 'none'
}

function isOfFileSystem(word: string): boolean {
  const isKnown = attributeOf(word) !== undefined || PROPAGATION.test(word)
  return !isKnown && !IGNORED.has(word) && !OURS.has(word)
}

/** What no kernel could do with a mount. */
export function* mountProblems(mount: SpecMount): Generator<string> {
  const { destination, source = '', type = '' } = mount
  const { bind, copyUp, idmap } = readMountOptions(mount)
  if (bind && source === '') yield `the bind at "${destination}" has no source`
  if (!bind && type === '') yield `the mount at "${destination}" has no type`
  if (copyUp && type !== 'tmpfs') yield `"tmpcopyup" at "${destination}" is for a tmpfs only`
  if (idmap !== 'none' && !bind) yield `"${idmap}" at "${destination}" is for a bind only`
  if ((mount.uidMappings === undefined) !== (mount.gidMappings === undefined)) {
    yield `the mount at "${destination}" has mappings of users or of groups alone`
  }
}
