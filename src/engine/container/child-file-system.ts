/** The child's calls that make a new file system and fill it. */

import {
  AT_SYMLINK_NOFOLLOW,
  clearedAttributeBits,
  type Label,
  mountAttributeBits,
  type Program,
} from '../../linux/index.ts'
import * as kernel from './kernel.ts'
import type { NewFileSystem, TreeEntry } from './new-file-system.ts'

/** Makes it as a detached mount; its descriptor is stored in the word `mount`. @see fsopen(2) */
export function writeFileSystem(
  program: Program,
  { system, mount }: { readonly system: NewFileSystem; readonly mount: number },
  onError: Label,
): void {
  const { type, options, attributes, entries } = system
  const context = program.word()
  const note = (call: string): string => `${call}("${type}")`
  program.call('fsopen', [program.text(type), kernel.FSOPEN_CLOEXEC], { onError, store: context })
  for (const [key, value] of options) {
    const { FSCONFIG_SET_STRING, FSCONFIG_SET_FLAG } = kernel
    const isFlag = value === ''
    program.call(
      'fsconfig',
      [
        program.load(context),
        isFlag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING,
        program.text(key),
        isFlag ? 0 : program.text(value),
        0,
      ],
      { onError, note: `fsconfig("${type}", "${key}", "${value}")` },
    )
  }
  const { FSCONFIG_CMD_CREATE } = kernel
  program.call('fsconfig', [program.load(context), FSCONFIG_CMD_CREATE, 0, 0, 0], {
    onError,
    note: note('fsconfig'),
  })
  // Read-only comes after the entries.
  const bits = mountAttributeBits({
    ...attributes,
    readOnly: attributes.readOnly && entries.length === 0,
  })
  program.call('fsmount', [program.load(context), kernel.FSMOUNT_CLOEXEC, bits], {
    onError,
    store: mount,
    note: note('fsmount'),
  })
  for (const entry of entries) writeEntry(program, { mount, entry }, onError)
  if (attributes.readOnly && entries.length > 0) {
    setReadOnly(program, { word: mount, what: type }, onError)
  }
}

export function setReadOnly(
  program: Program,
  tree: { readonly word: number; readonly what: string },
  onError: Label,
): void {
  setAttributes(program, { ...tree, set: { readOnly: true } }, onError)
}

/** @see mount_setattr(2): struct mount_attr is attr_set, attr_clr, propagation, userns_fd */
export function setAttributes(
  program: Program,
  tree: {
    readonly word: number
    readonly what: string
    readonly set: Parameters<typeof mountAttributeBits>[0]
    /** What is mounted below it stays as it is. */
    readonly alone?: boolean
  },
  onError: Label,
): void {
  const bits = mountAttributeBits(tree.set)
  const attributes = Buffer.alloc(kernel.MOUNT_ATTR_BYTES)
  attributes.writeBigUInt64LE(BigInt(bits), 0)
  attributes.writeBigUInt64LE(BigInt(clearedAttributeBits(tree.set)), 8)
  program.call(
    'mount_setattr',
    [
      program.load(tree.word),
      program.text(''),
      kernel.AT_EMPTY_PATH | (tree.alone === true ? 0 : kernel.AT_RECURSIVE),
      program.bytes(attributes, 8),
      kernel.MOUNT_ATTR_BYTES,
    ],
    { onError, note: `mount_setattr("${tree.what}", ${Object.keys(tree.set).join(', ')})` },
  )
}

/** The umask is 0 by now, so modes are what they say. */
function writeEntry(
  program: Program,
  { mount, entry }: { readonly mount: number; readonly entry: TreeEntry },
  onError: Label,
): void {
  const path = program.text(entry.path)
  switch (entry.kind) {
    case 'directory':
      // One that exists was made for an earlier mount.
      program.call('mkdirat', [program.load(mount), path, entry.mode])
      return
    case 'file':
      if (entry.content !== undefined) {
        writeFile(program, { mount, ...entry, content: entry.content }, onError)
        return
      }
      program.call('mknodat', [program.load(mount), path, kernel.S_IFREG | entry.mode, 0])
      return
    case 'device': {
      writeDevice(program, { mount, entry }, onError)
      return
    }
    case 'copy':
      writeCopy(program, { mount, entry }, onError)
      return
    case 'link':
      program.call('symlinkat', [program.text(entry.target), program.load(mount), path], {
        onError,
      })
      return
  }
}

function writeDevice(
  program: Program,
  {
    mount,
    entry,
  }: { readonly mount: number; readonly entry: Extract<TreeEntry, { kind: 'device' }> },
  onError: Label,
): void {
  const { major, minor, node = DEFAULT_NODE } = entry
  const path = program.text(entry.path)
  const mode = NODE_TYPES[node.type] | node.mode
  // new_encode_dev in include/linux/kdev_t.h.
  const device = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)
  program.call('mknodat', [program.load(mount), path, mode, device], {
    onError,
    note: `mknodat("${entry.path}")`,
  })
  if (node.uid === 0 && node.gid === 0) return
  program.call('fchownat', [program.load(mount), path, node.uid, node.gid, AT_SYMLINK_NOFOLLOW], {
    onError,
    note: `fchownat("${entry.path}")`,
  })
}

const NODE_TYPES = { char: kernel.S_IFCHR, block: kernel.S_IFBLK, fifo: kernel.S_IFIFO } as const

const DEFAULT_NODE = { type: 'char', mode: 0o666, uid: 0, gid: 0 } as const

/** From a descriptor of ours: what is secret is in no program that others could look at. */
function writeCopy(
  program: Program,
  {
    mount,
    entry,
  }: { readonly mount: number; readonly entry: Extract<TreeEntry, { kind: 'copy' }> },
  onError: Label,
): void {
  const { path, mode, uid, gid, from, bytes } = entry
  const opened = program.word()
  const flags = kernel.O_WRONLY | kernel.O_CREAT | kernel.O_EXCL | kernel.O_CLOEXEC
  program.call('openat', [program.load(mount), program.text(path), flags, 0o600], {
    onError,
    store: opened,
    note: `openat("${path}", O_CREAT)`,
  })
  if (bytes > 0) {
    program.call('sendfile', [program.load(opened), from, program.word(0), bytes], {
      onError,
      note: `sendfile("${path}")`,
    })
  }
  program.call('fchown', [program.load(opened), uid, gid], { onError, note: `fchown("${path}")` })
  // Last, for chown(2) takes setuid and setgid away.
  program.call('fchmod', [program.load(opened), mode], { onError, note: `fchmod("${path}")` })
  program.call('close', [program.load(opened)])
}

/** A tmpfs that has room for it takes all in one write. */
function writeFile(
  program: Program,
  file: {
    readonly mount: number
    readonly path: string
    readonly mode: number
    readonly content: string
  },
  onError: Label,
): void {
  const { mount, path, mode, content } = file
  const opened = program.word()
  const flags = kernel.O_WRONLY | kernel.O_CREAT | kernel.O_EXCL | kernel.O_CLOEXEC
  program.call('openat', [program.load(mount), program.text(path), flags, mode], {
    onError,
    store: opened,
    note: `openat("${path}", O_CREAT)`,
  })
  const { address, length } = program.sized(content)
  program.call('write', [program.load(opened), address, length], {
    onError,
    note: `write("${path}")`,
  })
  // Open for writing it would keep the mount from becoming read-only.
  program.call('close', [program.load(opened)])
}
