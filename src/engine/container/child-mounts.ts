/**
 * The child's mounts: its root and everything below, through descriptors that the parent prepared.
 */

import { createHash } from 'node:crypto'
import type { Label, Program } from '../../linux/index.ts'
import * as kernel from './kernel.ts'
import { bindEtcFiles, type ChildEtc } from './child-etc.ts'
import { setAttributes, setReadOnly, writeFileSystem } from './child-file-system.ts'
import type { PreparedMount } from './mounts.ts'
import { etcSource, filesSource, maskSource, type TreeEntry } from './new-file-system.ts'
import { writeProcFile } from './child-proc.ts'
import { howToFind } from './open-how.ts'

/** Descriptors are numbers inside the child. */
export interface ChildMounts {
  /** Detached overlay. */
  readonly root: number
  /**
   * An empty directory of the host; covered only in the child's own namespace. '' is the working
   * directory: who is root in a user namespace may not pass the directories above it.
   */
  readonly mountPoint: string
  readonly mounts: readonly PreparedMount[]
  /** Entries of the memory from which `file` mounts are bound, by their targets. */
  readonly files: readonly Extract<TreeEntry, { kind: 'copy' }>[]
  /** Terminal 0 of /dev/pts is /dev/console as well. */
  readonly hasConsole: boolean
  /** Present: the child waits before the host's files go out of view, for hooks to be run. */
  readonly gate?: {
    readonly ready: number
    readonly go: number
    /** The root becomes read-only only then. */
    readonly readOnly: boolean
  }
  readonly etc: ChildEtc
  /** In a user namespace nobody makes devices, nor keeps memory from being swapped. */
  readonly inUsers: boolean
  /** Paths that exist here, with what they are. */
  readonly masked: readonly { readonly path: string; readonly isDirectory: boolean }[]
  readonly readOnly: readonly string[]
}

const EMPTY = ''
const RELATIVE_ROOT = '.'

/** What later steps need of the mounts: words that hold descriptors. */
export interface MountWords {
  /** The tmpfs from which hidden paths are covered. */
  readonly masks: number
}

/** A name for what is mounted at `target`: one path component, its own for each target. */
export function fileEntryName(target: string): string {
  return createHash('sha256').update(target).digest('hex').slice(0, 32)
}

/** Attaches the tree at its mount point, mounts below it, and makes it the root of this process. */
export function writeMounts(program: Program, input: ChildMounts, onError: Label): MountWords {
  // Private, so that nothing mounted from here on reaches the host, nor the host's here.
  program.call('mount', [0, program.text('/'), 0, kernel.MS_REC | kernel.MS_PRIVATE, 0], {
    onError,
    note: 'mount("/", MS_REC | MS_PRIVATE)',
  })
  program.call('umask', [0])
  const masks = program.word()
  writeFileSystem(program, { system: maskSource(input), mount: masks }, onError)
  const etc = program.word()
  writeFileSystem(program, { system: etcSource(input.etc), mount: etc }, onError)
  const files = program.word()
  if (input.files.length > 0) {
    writeFileSystem(program, { system: filesSource(input), mount: files }, onError)
  }
  // The root hides what others are cloned from, for only an attached mount can be.
  for (const [fd, what] of [
    ...(input.files.length > 0 ? ([[program.load(files), 'files']] as const) : []),
    [program.load(masks), 'masks'],
    [program.load(etc), 'etc'],
    [input.root, 'root'],
  ] as const) {
    program.call(
      'move_mount',
      [
        fd,
        program.text(EMPTY),
        kernel.AT_FDCWD,
        program.text(input.mountPoint),
        kernel.MOVE_MOUNT_F_EMPTY_PATH |
          (input.mountPoint === EMPTY ? kernel.MOVE_MOUNT_T_EMPTY_PATH : 0),
      ],
      { onError, note: `move_mount(${what}, "${input.mountPoint}")` },
    )
  }
  for (const mount of input.mounts) {
    attach(program, { root: input.root, mount, files }, onError)
  }
  if (input.hasConsole) bindConsole(program, input.root, onError)
  bindEtcFiles(program, { root: input.root, source: etc, etc: input.etc }, onError)
  if (input.gate) waitForHooks(program, { ...input.gate, root: input.root }, onError)
  program.call('fchdir', [input.root], { onError, note: 'fchdir(root)' })
  const here = program.text(RELATIVE_ROOT)
  program.call('pivot_root', [here, here], { onError })
  return { masks }
}

/** Nobody at the other end any longer: a hook has failed, or the supervisor is gone. */
function waitForHooks(
  program: Program,
  gate: NonNullable<ChildMounts['gate']> & { readonly root: number },
  onError: Label,
): void {
  const [goOn, byte] = [program.label('go on'), program.word()]
  program.call('write', [gate.ready, program.text('.'), 1], { onError, note: 'write(ready)' })
  program.call('close', [gate.ready])
  const note = 'read(go on after the hooks)'
  program.call('read', [gate.go, byte, 1], { onError, onPositive: goOn, note })
  program.call('fchdir', [gate.go], { onError, note: 'wait for the hooks of its devices' })
  program.place(goOn)
  if (!gate.readOnly) return
  const root = { word: program.word(gate.root), what: 'root', alone: true }
  setAttributes(program, { ...root, set: { readOnly: true } }, onError)
}

/**
 * The container's own /dev/null for the streams that nobody else provides: a descriptor of the
 * host's device would be a way out of its mounts.
 */
export function writeNullStreams(
  program: Program,
  streams: readonly number[],
  onError: Label,
): void {
  if (streams.length === 0) return
  const opened = program.word()
  program.call('openat', [kernel.AT_FDCWD, program.text('/dev/null'), kernel.O_RDWR, 0], {
    onError,
    store: opened,
  })
  for (const stream of streams) {
    program.call('dup3', [program.load(opened), stream, 0], { onError })
  }
  program.call('close', [program.load(opened)])
}

/** Takes the old root, and all of the host with it, out of this namespace for good. */
export function leaveOldRoot(program: Program, onError: Label): void {
  // After pivot_root(".", ".") it lies on top of the new one, at the place where we stand.
  program.call('umount2', [program.text(RELATIVE_ROOT), kernel.MNT_DETACH], { onError })
  program.call('chdir', [program.text('/')], { onError })
}

/**
 * One mount, whose descriptor will be in the word that is returned: made here when its view depends
 * on our namespaces, then moved to its resolved target.
 */
export function attach(
  program: Program,
  {
    root,
    mount,
    files,
    tree,
  }: {
    readonly root: number
    readonly mount: PreparedMount
    /** Word that holds a descriptor of the memory of `file` mounts. */
    readonly files: number
    /** Word that holds another descriptor of a tree to attach than `mount.fd`. */
    readonly tree?: number
  },
  onError: Label,
): number {
  const empty = program.text(EMPTY)
  const flags = kernel.MOVE_MOUNT_F_EMPTY_PATH | kernel.MOVE_MOUNT_T_EMPTY_PATH
  const source = tree ?? program.word(mount.kind === 'attach' ? mount.fd : 0)
  if (mount.kind === 'create') {
    writeFileSystem(program, { system: mount.system, mount: source }, onError)
  } else if (mount.kind === 'bind-host') {
    cloneHost(program, { mount, tree: source }, onError)
  }
  if (mount.kind === 'file') {
    const name = fileEntryName(mount.target)
    const cloned = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC
    program.call('open_tree', [program.load(files), program.text(name), cloned], {
      onError,
      store: source,
      note: `open_tree(content of ${JSON.stringify(mount.target)})`,
    })
  }
  program.compute(source, { store: program.ahead(2, 0) })
  // Resolved now, with everything mounted so far in view, and never past the container's own root.
  // The image's links have been followed already; one that is met here lies in a volume, which
  // others may write to: it could lead into procfs by now (CVE-2021-30465, CVE-2023-27561).
  const how = howToFind(program, kernel.RESOLVE_IN_ROOT | kernel.RESOLVE_NO_SYMLINKS)
  program.call('openat2', [root, program.text(mount.target), how, kernel.OPEN_HOW_BYTES], {
    onError,
    store: program.ahead(1, 2),
    note: `openat2(${JSON.stringify(mount.target)})`,
  })
  program.call('move_mount', [0, empty, 0, empty, flags], {
    onError,
    note: `move_mount(${JSON.stringify(mount.target)})`,
  })
  return source
}

/** What is cloned is private: the whole of this namespace has been made so. */
function cloneHost(
  program: Program,
  clone: {
    readonly mount: Extract<PreparedMount, { kind: 'bind-host' }>
    readonly tree: number
  },
  onError: Label,
): void {
  const { mount, tree } = clone
  const flags = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC
  program.call('open_tree', [kernel.AT_FDCWD, program.text(mount.source), flags], {
    onError,
    store: tree,
    note: `open_tree(${JSON.stringify(mount.source)})`,
  })
  setAttributes(program, { word: tree, what: mount.target, set: mount.attributes }, onError)
}

/** Both are in trees that nobody but us has seen yet: nothing can have been put in their places. */
export function bindConsole(program: Program, root: number, onError: Label): void {
  const how = howToFind(program, kernel.RESOLVE_IN_ROOT | kernel.RESOLVE_NO_SYMLINKS)
  const [terminal, place, tree] = [program.word(), program.word(), program.word()]
  const find = (path: string, store: number): void => {
    program.call('openat2', [root, program.text(path), how, kernel.OPEN_HOW_BYTES], {
      onError,
      store,
      note: `openat2("${path}")`,
    })
  }
  find('/dev/pts/0', terminal)
  find('/dev/console', place)
  const empty = program.text(EMPTY)
  const cloned = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC | kernel.AT_EMPTY_PATH
  program.call('open_tree', [program.load(terminal), empty, cloned], {
    onError,
    store: tree,
    note: 'open_tree("/dev/pts/0")',
  })
  const flags = kernel.MOVE_MOUNT_F_EMPTY_PATH | kernel.MOVE_MOUNT_T_EMPTY_PATH
  program.call('move_mount', [program.load(tree), empty, program.load(place), empty, flags], {
    onError,
    note: 'move_mount("/dev/console")',
  })
}

/** Writes `sysctls:` through a descriptor of this container's own procfs. */
export function writeSysctls(
  program: Program,
  sysctls: Readonly<Record<string, string>>,
  onError: Label,
): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const path = `sys/${name.replaceAll('.', '/')}`
    writeProcFile(program, { path, text: value }, onError)
  }
}

/**
 * Read-only paths, then masked ones: after the sysctls are written, before the old root goes, for
 * the masks are cloned from a mount that hangs there, and only an attached mount can be cloned.
 */
export function writeHiding(
  program: Program,
  input: ChildMounts & MountWords,
  onError: Label,
): void {
  for (const path of input.readOnly) {
    const tree = program.word()
    const flags = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC | kernel.AT_RECURSIVE
    program.call('open_tree', [kernel.AT_FDCWD, program.text(path), flags], {
      onError,
      store: tree,
    })
    setReadOnly(program, { word: tree, what: path }, onError)
    moveTo(program, { tree, path }, onError)
  }
  for (const { path, isDirectory } of input.masked) {
    const tree = program.word()
    const source = program.text(isDirectory ? 'empty' : 'null')
    const flags = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC
    program.call('open_tree', [program.load(input.masks), source, flags], {
      onError,
      store: tree,
      note: `open_tree(mask of "${path}")`,
    })
    if (isDirectory) setReadOnly(program, { word: tree, what: path }, onError)
    moveTo(program, { tree, path }, onError)
  }
}

function moveTo(
  program: Program,
  { tree, path }: { readonly tree: number; readonly path: string },
  onError: Label,
): void {
  const empty = program.text(EMPTY)
  program.compute(tree, { store: program.ahead(1, 0) })
  program.call(
    'move_mount',
    [0, empty, kernel.AT_FDCWD, program.text(path), kernel.MOVE_MOUNT_F_EMPTY_PATH],
    { onError, note: `move_mount("${path}")` },
  )
}
