/**
 * A program that joins the mounts of a running container, and attaches there what somebody has
 * unmounted.
 */

import { CLONE_NEW, type Label, Program } from '../../linux/index.ts'
import { writeFileSystem } from './child-file-system.ts'
import { attach, fileEntryName } from './child-mounts.ts'
import * as kernel from './kernel.ts'
import type { PreparedMount } from './mounts.ts'
import { filesSource, type TreeEntry } from './new-file-system.ts'

/** Descriptors are numbers inside the program. */
export interface AttachAgainInput {
  /** Of the container's pid 1. */
  readonly pidfd: number
  /** Where a failure is written to. */
  readonly reports: number
  /** A number above all others. */
  readonly root: number
  /** The container has a user namespace of its own. */
  readonly hasUsers: boolean
  readonly inUsers: boolean
  /** An empty directory of the host, covered for this program alone. */
  readonly mountPoint: string
  /** Parents first. */
  readonly mounts: readonly PreparedMount[]
  readonly files: readonly Extract<TreeEntry, { kind: 'copy' }>[]
}

/** Exits with 0 when all are attached; otherwise says which call failed. */
export function attachAgainProgram(input: AttachAgainInput): Program {
  const program = new Program()
  const failed = program.failLabel({ reportFd: input.reports })
  program.call('umask', [0])
  // Now: who is root of the container's users may not search the directories above it.
  program.call('chdir', [program.text(input.mountPoint)], { onError: failed })
  if (input.hasUsers) enterUsers(program, input, failed)
  const files = input.files.length > 0 ? makeFiles(program, input, failed) : 0
  const trees = input.mounts.map((mount) => makeTree(program, { mount, files }, failed))
  program.call('setns', [input.pidfd, CLONE_NEW.mnt], { onError: failed, note: 'setns(mounts)' })
  const opened = program.word()
  program.call('openat', [kernel.AT_FDCWD, program.text('/'), kernel.O_PATH, 0], {
    onError: failed,
    store: opened,
  })
  program.call('dup3', [program.load(opened), input.root, 0], { onError: failed })
  input.mounts.forEach((mount, index) => {
    const tree = trees[index] ?? 0
    attach(program, { root: input.root, mount: asTree(mount), files: 0, tree }, failed)
  })
  program.call('exit_group', [0])
  return program
}

function enterUsers(program: Program, { pidfd }: AttachAgainInput, onError: Label): void {
  program.call('setns', [pidfd, CLONE_NEW.user], { onError, note: 'setns(users)' })
  program.call('setresgid', [0, 0, 0], { onError })
  program.call('setresuid', [0, 0, 0], { onError })
}

/** In mounts of our own, for only what is attached can be cloned; the word of its descriptor. */
function makeFiles(program: Program, input: AttachAgainInput, onError: Label): number {
  const files = program.word()
  program.call('unshare', [CLONE_NEW.mnt], { onError, note: 'unshare(mounts)' })
  program.call('mount', [0, program.text('/'), 0, kernel.MS_REC | kernel.MS_PRIVATE, 0], {
    onError,
  })
  writeFileSystem(program, { system: filesSource(input), mount: files }, onError)
  const empty = program.text('')
  const flags = kernel.MOVE_MOUNT_F_EMPTY_PATH | kernel.MOVE_MOUNT_T_EMPTY_PATH
  program.call('move_mount', [program.load(files), empty, kernel.AT_FDCWD, empty, flags], {
    onError,
    note: 'move_mount(files)',
  })
  return files
}

/** Made while we see the host's mounts and our own; the word of its descriptor. */
function makeTree(
  program: Program,
  { mount, files }: { readonly mount: PreparedMount; readonly files: number },
  onError: Label,
): number {
  const tree = program.word(mount.kind === 'attach' ? mount.fd : 0)
  if (mount.kind === 'create') {
    writeFileSystem(program, { system: mount.system, mount: tree }, onError)
  } else if (mount.kind === 'file') {
    const name = program.text(fileEntryName(mount.target))
    const cloned = kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC
    program.call('open_tree', [program.load(files), name, cloned], {
      onError,
      store: tree,
      note: `open_tree(content of ${JSON.stringify(mount.target)})`,
    })
  }
  return tree
}

const asTree = ({ target }: PreparedMount): PreparedMount => ({
  kind: 'attach',
  target,
  fd: 0,
  isDirectory: true,
  attributes: { readOnly: false, nosuid: false, nodev: false, noexec: false },
})
