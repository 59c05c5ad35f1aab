/**
 * The mount calls of Linux 5.2 and later: trees that exist as descriptors before they are
 * attached.
 */

import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, AT_SYMLINK_NOFOLLOW, O } from './open-flags.ts'
import type { Fd } from './fd.ts'
import { check, declare, declareSyscall } from './libc.ts'
import { syscallNumber } from './syscalls/index.ts'

const openTreeCall = declareSyscall(syscallNumber('open_tree'), [
  'int',
  'const char *',
  'unsigned int',
])
const moveMountCall = declareSyscall(syscallNumber('move_mount'), [
  'int',
  'const char *',
  'int',
  'const char *',
  'unsigned int',
])
const mountSetattrCall = declareSyscall(syscallNumber('mount_setattr'), [
  'int',
  'const char *',
  'unsigned int',
  'void *',
  'size_t',
])
const umount2 = declare('int umount2(const char *target, int flags)')

const OPEN_TREE_CLONE = 1 // include/uapi/linux/mount.h
const MOVE_MOUNT_F_EMPTY_PATH = 4
const MOVE_MOUNT_T_EMPTY_PATH = 0x40
const MNT_DETACH = 2
const UMOUNT_NOFOLLOW = 8
/** Properties of a mount, not of its file system. */
export type MountAttribute =
  | 'readOnly'
  | 'nosuid'
  | 'nodev'
  | 'noexec'
  | 'noatime'
  | 'strictatime'
  | 'nodiratime'
  | 'nosymfollow'
export type MountAttributes = Readonly<Partial<Record<MountAttribute, boolean>>>

/** How mounts made on one side reach the other. @see mount_namespaces(7) */
export type Propagation = 'private' | 'slave' | 'shared' | 'unbindable'

const MOUNT_ATTR: Readonly<Record<MountAttribute, number>> = {
  readOnly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  nosymfollow: 0x200000,
}
/** The times of access are one value among these bits: who sets one clears the others. */
const MOUNT_ATTR_ATIME = 0x70
const PROPAGATION: Readonly<Record<Propagation, number>> = {
  unbindable: 1 << 17, // MS_UNBINDABLE and so on
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
}
const MOUNT_ATTR_IDMAP = 0x100000
const MOUNT_ATTR_BYTES = 32 // sizeof(struct mount_attr)

/** The bits of MOUNT_ATTR_* for the attributes that are true. */
export function mountAttributeBits(attributes: MountAttributes): number {
  return Object.entries(MOUNT_ATTR).reduce(
    (bits, [name, bit]) => (attributes[name as MountAttribute] === true ? bits | bit : bits),
    0,
  )
}

/** MS_PRIVATE and so on. */
export function propagationFlag(kind: Propagation): number {
  return PROPAGATION[kind]
}

/** What mount_setattr(2) is to clear so that `set` can be set, and `clear` as well. */
export function clearedAttributeBits(set: MountAttributes, clear: MountAttributes = {}): number {
  const isAboutTime = [set, clear].some((one) => one.noatime === true || one.strictatime === true)
  return mountAttributeBits(clear) | (isAboutTime ? MOUNT_ATTR_ATIME : 0)
}

/**
 * A descriptor of the tree at a path or at another descriptor. With `clone` it is a detached copy,
 * a bind mount that is nowhere yet; without, an O_PATH descriptor. @see open_tree(2)
 */
export function openTree(
  source: Fd | string,
  options: {
    readonly clone?: boolean | undefined
    readonly recursive?: boolean | undefined
    readonly noFollow?: boolean | undefined
  } = {},
): Fd {
  const flags =
    O.CLOEXEC |
    (options.clone === true ? OPEN_TREE_CLONE : 0) |
    (options.recursive === true ? AT_RECURSIVE : 0) |
    (options.noFollow === true ? AT_SYMLINK_NOFOLLOW : 0)
  const [fd, path] = typeof source === 'number' ? [source, ''] : [AT_FDCWD, source]
  const empty = path === '' ? AT_EMPTY_PATH : 0
  return check(openTreeCall(fd, path, flags | empty), { syscall: 'open_tree', args: [source] })
}

/**
 * Changes attributes and propagation of a tree; `recursive`: of everything mounted below as well.
 */
export function mountSetattr(
  fd: Fd,
  change: {
    readonly recursive?: boolean | undefined
    readonly set?: MountAttributes | undefined
    readonly clear?: MountAttributes | undefined
    readonly propagation?: Propagation | undefined
    /** User namespace: what belongs to user 0 belongs to its user 0, and so on. Linux 5.12. */
    readonly users?: Fd | undefined
  },
): void {
  const attributes = Buffer.alloc(MOUNT_ATTR_BYTES)
  const idmap = change.users === undefined ? 0 : MOUNT_ATTR_IDMAP
  attributes.writeBigUInt64LE(BigInt(mountAttributeBits(change.set ?? {}) | idmap), 0)
  attributes.writeBigUInt64LE(BigInt(clearedAttributeBits(change.set ?? {}, change.clear)), 8)
  const propagation = change.propagation === undefined ? 0 : PROPAGATION[change.propagation]
  attributes.writeBigUInt64LE(BigInt(propagation), 16)
  attributes.writeBigUInt64LE(BigInt(change.users ?? 0), 24)
  const flags = AT_EMPTY_PATH | (change.recursive === true ? AT_RECURSIVE : 0)
  check(mountSetattrCall(fd, '', flags, attributes, MOUNT_ATTR_BYTES), {
    syscall: 'mount_setattr',
    args: [fd, JSON.stringify(change)],
  })
}

/** Attaches the tree `fd` at a path or at the place that the O_PATH descriptor `target` names. */
export function moveMount(fd: Fd, target: Fd | string): void {
  const [toFd, toPath] = typeof target === 'number' ? [target, ''] : [AT_FDCWD, target]
  const flags = MOVE_MOUNT_F_EMPTY_PATH | (toPath === '' ? MOVE_MOUNT_T_EMPTY_PATH : 0)
  check(moveMountCall(fd, '', toFd, toPath, flags), { syscall: 'move_mount', args: [fd, target] })
}

/**
 * Takes what is mounted at `path` away, at once for new users and for good when the last one ends.
 */
export function unmount(path: string): void {
  check(umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW), { syscall: 'umount2', args: [path] })
}
