/**
 * File systems that are made for one container alone: the child makes them, and what they begin
 * with.
 */

import { hasGroup, isKernelAtLeast, textRoom } from '../../linux/index.ts'
import { DEVICE_LINKS, DEVICE_NODES } from './defaults.ts'
import type { HostDevice } from './devices.ts'
import type { MountAttributes } from './mounts.ts'
import type { OciMount } from './oci.ts'
import type { EtcFile } from '../rootfs/index.ts'

/** An entry of a new tmpfs. Nobody else can reach the tree, so nothing can be swapped meanwhile. */
export type TreeEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | {
      readonly kind: 'file'
      readonly path: string
      readonly mode: number
      readonly content?: string
    }
  | {
      /** Filled from the child's descriptor `from`, which has `bytes`. */
      readonly kind: 'copy'
      readonly path: string
      readonly mode: number
      readonly uid: number
      readonly gid: number
      readonly from: number
      readonly bytes: number
    }
  | {
      readonly kind: 'device'
      readonly path: string
      readonly major: number
      readonly minor: number
      /** Default: a character device of root's that everybody may use. */
      readonly node?: {
        readonly type: 'char' | 'block' | 'fifo'
        readonly mode: number
        readonly uid: number
        readonly gid: number
      }
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

/**
 * Made by the child: within its own namespaces, and in a hundredth of the time that a call from
 * here takes.
 */
export interface NewFileSystem {
  readonly type: string
  /** For fsconfig(2), in order. */
  readonly options: readonly (readonly [key: string, value: string])[]
  readonly attributes: MountAttributes
  /** Grows while places for mounts below it are found. */
  readonly entries: TreeEntry[]
}

const ATTRIBUTE_WORDS = new Set(
  'ro rw nosuid nodev noexec newinstance noatime strictatime nodiratime nosymfollow'.split(' '),
)
/** Words that say what the kernel does anyway. */
const IGNORED_WORDS = new Set(
  'defaults relatime diratime atime nostrictatime symfollow suid dev exec'.split(' '),
)

/** `devices`: nodes that a new /dev has beside the default ones; `bound`: it gets no node at all. */
export function newFileSystem(
  mount: OciMount,
  devices: readonly HostDevice[] | 'bound' = [],
): NewFileSystem {
  const options = mount.options
    .filter((word) => !ATTRIBUTE_WORDS.has(word) && !IGNORED_WORDS.has(word))
    .map((word) => {
      const at = word.indexOf('=')
      return at < 0 ? ([word, ''] as const) : ([word.slice(0, at), word.slice(at + 1)] as const)
    })
    // A terminal of nobody's group is its owner's alone.
    .filter(([key, value]) => mount.type !== 'devpts' || key !== 'gid' || hasGroup(Number(value)))
  const isDev = mount.destination === '/dev'
  return {
    type: mount.type,
    options,
    attributes: attributesOf(mount.options),
    entries: isDev ? [...nodes(devices), ...LINKS_AND_PLACES] : [],
  }
}

/**
 * From which everything hidden is covered: a device that is empty, or a file where devices cannot
 * be made, and a directory that is.
 */
export function maskSource({ inUsers }: { readonly inUsers: boolean }): NewFileSystem {
  return {
    type: 'tmpfs',
    options: [
      ['mode', '755'],
      ['nr_inodes', '4'],
      ['size', '4k'],
    ],
    attributes: { readOnly: false, nosuid: true, nodev: false, noexec: true },
    entries: [
      inUsers
        ? { kind: 'file', path: 'null', mode: 0o444 }
        : { kind: 'device', path: 'null', major: 1, minor: 3 },
      { kind: 'directory', path: 'empty', mode: 0o555 },
    ],
  }
}

const ETC_BYTES_MIN = 64 * 1024

/** From which the files of /etc are bound: what is written there ends with the attempt. */
export function etcSource({
  files,
  readOnly,
}: {
  readonly files: readonly EtcFile[]
  readonly readOnly: boolean
}): NewFileSystem {
  // Twice what they hold, as the container may add to it; the rest is for half-filled pages.
  const size = ETC_BYTES_MIN + 2 * files.reduce((sum, { content }) => sum + textRoom(content), 0)
  return {
    type: 'tmpfs',
    options: [
      ['mode', '755'],
      ['nr_inodes', '4'],
      ['size', String(size)],
    ],
    attributes: { readOnly, nosuid: true, nodev: true, noexec: true },
    entries: files.map(({ name, content }) => ({ kind: 'file', path: name, mode: 0o644, content })),
  }
}

/** Entries that make `path` and the directories above it. */
export function placeEntries(path: string, isDirectory: boolean): readonly TreeEntry[] {
  const parts = path.split('/').filter(Boolean)
  return parts.map((_, index) => {
    const prefix = parts.slice(0, index + 1).join('/')
    const isLast = index === parts.length - 1
    return isLast && !isDirectory
      ? { kind: 'file', path: prefix, mode: 0o644 }
      : { kind: 'directory', path: prefix, mode: 0o755 }
  })
}

export function attributesOf(options: readonly string[]): MountAttributes {
  return {
    readOnly: options.includes('ro'),
    nosuid: options.includes('nosuid'),
    nodev: options.includes('nodev'),
    noexec: options.includes('noexec'),
    ...(options.includes('noatime') ? { noatime: true } : {}),
    ...(options.includes('strictatime') ? { strictatime: true } : {}),
    ...(options.includes('nodiratime') ? { nodiratime: true } : {}),
    ...(options.includes('nosymfollow') ? { nosymfollow: true } : {}),
  }
}

/** Its node in the new /dev, with the directories above it; the default ones are there already. */
function deviceEntries(device: HostDevice): readonly TreeEntry[] {
  const { target, type, major, minor, mode, uid, gid } = device
  if (!target.startsWith('/dev/')) return []
  const path = target.slice('/dev/'.length)
  if ([...DEVICE_NODES, ...DEVICE_LINKS].some(({ name }) => name === path)) return []
  return [
    ...placeEntries(path, true).slice(0, -1),
    { kind: 'device', path, major, minor, node: { type, mode, uid, gid } },
  ]
}

const FILES_BYTES_MIN = 64 * 1024
const PAGE_BYTES = 4096

/**
 * From which secrets and configs are bound; they never reach a disk, nor swap where it can say so
 * (which the kernel takes from root of the host alone).
 */
export function filesSource({
  files,
  inUsers,
}: {
  readonly files: readonly Extract<TreeEntry, { kind: 'copy' }>[]
  readonly inUsers: boolean
}): NewFileSystem {
  const pages = files.reduce((sum, { bytes }) => sum + Math.ceil(bytes / PAGE_BYTES), 0)
  return {
    type: 'tmpfs',
    options: [
      ['mode', '755'],
      ['nr_inodes', String(files.length + 2)],
      ['size', String(FILES_BYTES_MIN + pages * PAGE_BYTES)],
      ...(isKernelAtLeast(NOSWAP_SINCE) && !inUsers ? ([['noswap', '']] as const) : []),
    ],
    attributes: { readOnly: true, nosuid: true, nodev: true, noexec: true },
    entries: [...files],
  }
}

/** First kernel whose tmpfs has the option. */
const NOSWAP_SINCE = '6.4'

/** Docker's nodes, and further ones. */
function nodes(devices: readonly HostDevice[] | 'bound'): readonly TreeEntry[] {
  if (devices === 'bound') return []
  return [
    ...DEVICE_NODES.map(({ name, major, minor }): TreeEntry => ({
      kind: 'device',
      path: name,
      major,
      minor,
    })),
    ...devices.flatMap(deviceEntries),
  ]
}

const LINKS_AND_PLACES: readonly TreeEntry[] = [
  ...DEVICE_LINKS.map(({ name, target }): TreeEntry => ({ kind: 'link', path: name, target })),
  ...['pts', 'shm', 'mqueue'].map((path): TreeEntry => ({ kind: 'directory', path, mode: 0o755 })),
]
