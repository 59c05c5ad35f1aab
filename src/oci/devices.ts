/** The nodes and links of a container's /dev: the default ones and those of the config. */

import { posix } from 'node:path'
import { type BundleMount, DEVICE_LINKS, DEVICE_NODES, type TreeEntry } from '../engine/index.ts'
import { isErrno } from '../errors.ts'
import {
  chownAt,
  close,
  type Fd,
  makeDirectoryIn,
  makeFileIn,
  makeNodeAt,
  O,
  openIn,
  openTree,
  symlinkAt,
} from '../linux/index.ts'
import type { MountInput } from './mounts.ts'
import type { SpecDevice } from './spec.ts'

type Node = Extract<TreeEntry, { kind: 'device' }>

const NODE_KINDS = { c: 'char', u: 'char', b: 'block', p: 'fifo' } as const

/**
 * Puts them where /dev will be: in a tmpfs that the child makes, or into the root itself. A /dev of
 * the host is left as it is.
 */
export function addDevices(input: MountInput, prepared: BundleMount[]): void {
  const dev = prepared.findLast(({ target }) => target === '/dev')
  const asked = (input.spec.linux?.devices ?? []).map(nodeOf)
  const paths = new Set(asked.map(({ path }) => path))
  const standard = DEVICE_NODES.map(({ name, ...numbers }): Node => ({
    kind: 'device',
    path: `/dev/${name}`,
    ...numbers,
  })).filter(({ path }) => !paths.has(path))
  const isHosts = dev !== undefined && dev.kind !== 'create'
  const nodes = [...(isHosts ? [] : standard), ...asked]
  const inDev = (path: string): boolean => path.startsWith('/dev/') && dev?.kind === 'create'
  const bound = input.bindsDevices ? nodes.filter(({ node }) => node?.type !== 'fifo') : []
  const entries = nodes.filter((node) => !bound.includes(node))
  if (dev?.kind === 'create') {
    const console = input.terminals === undefined ? [] : [{ ...PLACE, path: 'console' } as const]
    dev.system.entries.unshift(
      ...entries.filter(({ path }) => inDev(path)).flatMap((node) => below(node)),
      ...bound.filter(({ path }) => inDev(path)).flatMap(({ path }) => placesOf(path)),
      ...DEVICE_LINKS.map(({ name, target }) => ({ kind: 'link', path: name, target }) as const),
      ...console,
    )
  } else if (!isHosts) {
    makeLinks(input.rootFd)
  }
  for (const node of entries.filter(({ path }) => !inDev(path))) makeNode(input.rootFd, node)
  for (const { path } of bound) prepared.push(bindDevice(input, path, inDev(path)))
}

const PLACE = { kind: 'file', mode: 0o600 } as const

function nodeOf({ path, type, ...rest }: SpecDevice): Node {
  const { major = 0, minor = 0, fileMode = 0o666, uid = 0, gid = 0 } = rest
  return {
    kind: 'device',
    path: posix.resolve('/', path),
    major: type === 'p' ? 0 : major,
    minor: type === 'p' ? 0 : minor,
    node: { type: NODE_KINDS[type], mode: fileMode & 0o7777, uid, gid },
  }
}

/** The node below /dev, with the directories above it. */
function below(node: Node): readonly TreeEntry[] {
  const path = node.path.slice('/dev/'.length)
  return [...parentsOf(path), { ...node, path }]
}

function placesOf(path: string): readonly TreeEntry[] {
  const name = path.slice('/dev/'.length)
  return [...parentsOf(name), { kind: 'file', path: name, mode: 0o666 }]
}

function parentsOf(path: string): readonly TreeEntry[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => ({
    kind: 'directory',
    path: parts.slice(0, index + 1).join('/'),
    mode: 0o755,
  }))
}

/** The host's own device, where a new node would be good for nothing. */
function bindDevice({ rootFd, undo }: MountInput, path: string, isPlaced: boolean): BundleMount {
  const fd = openTree(path, { clone: true })
  undo.push(() => close(fd))
  if (!isPlaced) makeFileIn(rootFd, path, { mode: 0o666 })
  const attributes = { readOnly: false, nosuid: true, nodev: false, noexec: true }
  return { kind: 'attach', target: path, fd, isDirectory: false, attributes }
}

/** In the root, whatever links it has; one that is there already is left. */
function makeNode(rootFd: Fd, node: Node): void {
  const { type = 'char', mode = 0o666, uid = 0, gid = 0 } = node.node ?? {}
  const kind = type === 'char' ? 'character' : type
  const name = Buffer.from(posix.basename(node.path))
  inDirectory(rootFd, posix.dirname(node.path), (directory) => {
    makeNodeAt(directory, name, { kind, mode, major: node.major, minor: node.minor })
    chownAt(directory, name, { uid, gid })
  })
}

function makeLinks(rootFd: Fd): void {
  inDirectory(rootFd, '/dev', (directory) => {
    for (const { name, target } of DEVICE_LINKS) {
      ifMissing(() => symlinkAt(directory, Buffer.from(name), Buffer.from(target)))
    }
  })
}

function inDirectory(rootFd: Fd, path: string, make: (directory: Fd) => void): void {
  makeDirectoryIn(rootFd, path, { mode: 0o755 })
  const directory = openIn(rootFd, path, { flags: O.RDONLY | O.DIRECTORY })
  const before = process.umask(0)
  try {
    ifMissing(() => make(directory))
  } finally {
    process.umask(before)
    close(directory)
  }
}

function ifMissing(make: () => void): void {
  try {
    make()
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
}
