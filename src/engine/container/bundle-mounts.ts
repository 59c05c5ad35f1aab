/** What the child of an OCI bundle mounts and hides, in the order of its config.json. */

import { type Label, type Program, type Propagation, propagationFlag } from '../../linux/index.ts'
import { setReadOnly, writeFileSystem } from './child-file-system.ts'
import { attach, bindConsole, type MountWords } from './child-mounts.ts'
import * as kernel from './kernel.ts'
import type { PreparedMount } from './mounts.ts'
import { maskSource, type NewFileSystem } from './new-file-system.ts'
import { openHow } from './open-how.ts'

/** Descriptors are numbers inside the child. */
export interface BundleMounts {
  /** A detached, private clone of the bundle's root. */
  readonly root: number
  /** In a user namespace nobody makes devices. */
  readonly inUsers: boolean
  /** There is no mount namespace: all of this is mounted on the host. */
  readonly onHost: boolean
  readonly mounts: readonly BundleMount[]
  /** Terminal 0 of /dev/pts is /dev/console as well. */
  readonly hasConsole: boolean
  readonly maskedPaths: readonly string[]
  readonly readonlyPaths: readonly string[]
  /** Flags of mount(2) for the root when all is done. */
  readonly rootPropagation?: number
}

export type BundleMount = PreparedMount & {
  /** Set once it is mounted, in this order. */
  readonly propagation?: readonly SetPropagation[]
}

export interface SetPropagation {
  readonly kind: Propagation
  /** With everything that is mounted below. */
  readonly recursive: boolean
}

/**
 * Mounts the root at the working directory, and everything in it; the process still has the host's
 * root.
 */
export function mountBundle(program: Program, input: BundleMounts, onError: Label): MountWords {
  // Binds that follow the host were cloned before this: they do so all the same.
  if (!input.onHost) {
    program.call('mount', [0, program.text('/'), 0, kernel.MS_REC | kernel.MS_PRIVATE, 0], {
      onError,
      note: 'mount("/", MS_REC | MS_PRIVATE)',
    })
  }
  program.call('umask', [0])
  const masks = program.word()
  writeFileSystem(program, { system: withPlaces(maskSource(input)), mount: masks }, onError)
  // The root hides the masks, for only an attached mount can be cloned.
  for (const [fd, what] of [
    [program.load(masks), 'masks'],
    [input.root, 'root'],
  ] as const) {
    const empty = program.text('')
    const flags = kernel.MOVE_MOUNT_F_EMPTY_PATH | kernel.MOVE_MOUNT_T_EMPTY_PATH
    program.call('move_mount', [fd, empty, kernel.AT_FDCWD, empty, flags], {
      onError,
      note: `move_mount(${what})`,
    })
  }
  const files = program.word()
  for (const mount of input.mounts) {
    const tree = input.onHost ? undefined : cloneAgain(program, { mount, masks }, onError)
    const given = tree === undefined ? {} : { tree }
    const word = attach(program, { root: input.root, mount, files, ...given }, onError)
    for (const one of mount.propagation ?? []) {
      setPropagation(program, { word, target: mount.target, ...one }, onError)
    }
  }
  if (input.hasConsole) bindConsole(program, input.root, onError)
  return { masks }
}

/** Beside what covers hidden paths: where trees are attached to be cloned. */
function withPlaces(system: NewFileSystem): NewFileSystem {
  return {
    ...system,
    options: system.options.map(([key, value]) => [key, key === 'nr_inodes' ? '6' : value]),
    entries: [
      ...system.entries,
      { kind: 'directory', path: PLACE.directory, mode: 0o700 },
      { kind: 'file', path: PLACE.file, mode: 0o600 },
    ],
  }
}

const PLACE = { directory: 'tree', file: 'leaf' } as const

/**
 * A clone of a prepared tree, made at its turn: since Linux 6.8 mountinfo lists mounts in the order
 * in which they came to be, and the order of the config is what others look for. Only what is
 * attached can be cloned.
 */
function cloneAgain(
  program: Program,
  { mount, masks }: { readonly mount: PreparedMount; readonly masks: number },
  onError: Label,
): number | undefined {
  if (mount.kind !== 'attach') return undefined
  const tree = program.word()
  const [empty, what] = [program.text(''), JSON.stringify(mount.target)]
  const place = program.text(mount.isDirectory ? PLACE.directory : PLACE.file)
  const flags = kernel.MOVE_MOUNT_F_EMPTY_PATH
  program.call('move_mount', [mount.fd, empty, program.load(masks), place, flags], {
    onError,
    note: `move_mount(${what}, masks)`,
  })
  const clone = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC | kernel.AT_RECURSIVE
  program.call('open_tree', [mount.fd, empty, clone | kernel.AT_EMPTY_PATH], {
    onError,
    store: tree,
    note: `open_tree(${what})`,
  })
  return tree
}

/** @see mount_setattr(2): struct mount_attr is attr_set, attr_clr, propagation, userns_fd */
function setPropagation(
  program: Program,
  change: { readonly word: number; readonly target: string } & SetPropagation,
  onError: Label,
): void {
  const { word, target, kind, recursive } = change
  const attributes = Buffer.alloc(kernel.MOUNT_ATTR_BYTES)
  attributes.writeBigUInt64LE(BigInt(propagationFlag(kind)), 16)
  const flags = kernel.AT_EMPTY_PATH | (recursive ? kernel.AT_RECURSIVE : 0)
  const bytes = program.bytes(attributes, 8)
  program.call(
    'mount_setattr',
    [program.load(word), program.text(''), flags, bytes, kernel.MOUNT_ATTR_BYTES],
    { onError, note: `mount_setattr("${target}", ${kind})` },
  )
}

/**
 * Makes paths read-only, then covers others: wherever they lead inside the root, and whatever they
 * are there. Those that are missing are passed over.
 */
export function hidePaths(
  program: Program,
  input: BundleMounts & MountWords,
  onError: Label,
): void {
  const { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } = kernel
  const how = openHow(program, {
    flags: kernel.O_PATH | kernel.O_CLOEXEC,
    resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  })
  for (const path of input.readonlyPaths) {
    const next = program.label('next')
    const place = findPlace(program, { path, how, next }, onError)
    makeReadOnly(program, { place, path }, onError)
    program.place(next)
  }
  for (const path of input.maskedPaths) {
    const next = program.label('next')
    const place = findPlace(program, { path, how, next }, onError)
    cover(program, { place, path, masks: input.masks }, onError)
    program.place(next)
  }
}

/** The word that will hold a descriptor of `path`; goes to `next` where there is none. */
function findPlace(
  program: Program,
  find: { readonly path: string; readonly how: number; readonly next: Label },
  onError: Label,
): number {
  const { path, how, next } = find
  const place = program.word()
  const found = program.label('found')
  const args = [kernel.AT_FDCWD, program.text(path), how, kernel.OPEN_HOW_BYTES]
  const note = `openat2(${JSON.stringify(path)})`
  program.call('openat2', args, { onPositive: found, store: place, note })
  for (const errno of [kernel.ENOENT, kernel.ENOTDIR, kernel.ELOOP]) {
    program.compare(program.failedResult, -errno, { equal: next })
  }
  program.jump(onError)
  program.place(found)
  return place
}

function makeReadOnly(
  program: Program,
  { place, path }: { readonly place: number; readonly path: string },
  onError: Label,
): void {
  const tree = program.word()
  const flags = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC
  const args = [program.load(place), program.text(''), flags | kernel.AT_RECURSIVE | EMPTY_PATH]
  program.call('open_tree', args, { onError, store: tree, note: `open_tree("${path}")` })
  setReadOnly(program, { word: tree, what: path }, onError)
  moveOnto(program, { tree, place, path }, onError)
}

/** A directory by an empty one, all else by a device that is. */
function cover(
  program: Program,
  { place, path, masks }: { readonly place: number; readonly path: string; readonly masks: number },
  onError: Label,
): void {
  const stat = program.zeroed(STATX_BYTES)
  const statxArgs = [program.load(place), program.text(''), EMPTY_PATH, STATX_TYPE, stat]
  program.call('statx', statxArgs, { onError, note: `statx("${path}")` })
  const [directory, covered] = [program.label('directory'), program.label('covered')]
  program.compare(stat + STX_MODE, S_IFDIR, { equal: directory, mask: S_IFMT })
  coverBy(program, { name: 'null', place, path, masks }, onError)
  program.jump(covered)
  program.place(directory)
  coverBy(program, { name: 'empty', place, path, masks }, onError)
  program.place(covered)
}

function coverBy(
  program: Program,
  by: {
    readonly name: 'null' | 'empty'
    readonly place: number
    readonly path: string
    readonly masks: number
  },
  onError: Label,
): void {
  const { name, place, path, masks } = by
  const tree = program.word()
  const flags = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC
  program.call('open_tree', [program.load(masks), program.text(name), flags], {
    onError,
    store: tree,
    note: `open_tree(mask of "${path}")`,
  })
  if (name === 'empty') setReadOnly(program, { word: tree, what: path }, onError)
  moveOnto(program, { tree, place, path }, onError)
}

function moveOnto(
  program: Program,
  move: { readonly tree: number; readonly place: number; readonly path: string },
  onError: Label,
): void {
  const { tree, place, path } = move
  const empty = program.text('')
  const flags = kernel.MOVE_MOUNT_F_EMPTY_PATH | kernel.MOVE_MOUNT_T_EMPTY_PATH
  program.call('move_mount', [program.load(tree), empty, program.load(place), empty, flags], {
    onError,
    note: `move_mount("${path}")`,
  })
}

const EMPTY_PATH = kernel.AT_EMPTY_PATH
// include/uapi/linux/stat.h: struct statx has stx_mode, 16 bits, at 28.
const STATX_TYPE = 1
const STATX_BYTES = 256
const STX_MODE = 28
const S_IFMT = 0o170000
const S_IFDIR = 0o040000
