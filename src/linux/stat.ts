/** What a descriptor is: kind, numbers and file system. */

import { fstatSync, type BigIntStats } from 'node:fs'
import type { Fd } from './fd.ts'
import { check, declare } from './libc.ts'
import { AT_EMPTY_PATH } from './open-flags.ts'

const fstatfs = declare('int fstatfs(int fd, void *buffer)')
const fchownat = declare(
  'int fchownat(int fd, const char *path, unsigned int uid, unsigned int gid, int flags)',
)
const chmodCall = declare('int chmod(const char *path, unsigned int mode)')

const STATFS_BYTES = 256 // larger than sizeof(struct statfs)

/** Magic numbers of file systems (include/uapi/linux/magic.h). */
export const FS_MAGIC = {
  proc: 0x9fa0,
  sysfs: 0x62656572,
  tmpfs: 0x01021994,
  overlay: 0x794c7630,
  devpts: 0x1cd1,
  cgroup: 0x27e0eb,
  cgroup2: 0x63677270,
  nsfs: 0x6e736673,
} as const

/** More of them by their names, for people. */
const NAMES: Readonly<Record<number, string>> = {
  ...Object.fromEntries(Object.entries(FS_MAGIC).map(([name, magic]) => [magic, name])),
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x6969: 'nfs',
  0x65735546: 'fuse',
  0xff534d42: 'cifs',
  0x01021997: '9p',
  0x4d44: 'vfat',
  0x73717368: 'squashfs',
}

/** The name of a file system by its magic number, which is the name of one that has none here. */
export function fileSystemName(magic: number): string {
  return NAMES[magic] ?? `0x${magic.toString(16)}`
}

export type FileKind =
  | 'file'
  | 'directory'
  | 'link'
  | 'fifo'
  | 'socket'
  | 'character'
  | 'block'
  | 'unknown'

export interface FileStat {
  readonly kind: FileKind
  /** Permission bits with setuid, setgid and sticky: 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly device: bigint
  readonly inode: bigint
  /** Of a device node. */
  readonly major: number
  readonly minor: number
}

/** fstat(2); works on O_PATH descriptors. */
export function statFd(fd: Fd): FileStat {
  const stat = fstatSync(fd, { bigint: true })
  const rdev = stat.rdev
  return {
    kind: kindOf(stat),
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: Number(stat.size),
    device: stat.dev,
    inode: stat.ino,
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  }
}

/** A device number as mknod takes it (gnu_dev_makedev in glibc). */
export function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)]
  return (
    ((high & 0xfffn) << 8n) | ((high & ~0xfffn) << 32n) | (low & 0xffn) | ((low & ~0xffn) << 12n)
  )
}

/** Magic number of the file system that `fd` is on; compare with {@link FS_MAGIC}. */
export function fsTypeOf(fd: Fd): number {
  const buffer = Buffer.alloc(STATFS_BYTES)
  check(fstatfs(fd, buffer), { syscall: 'fstatfs', args: [fd] })
  return Number(buffer.readBigInt64LE(0))
}

/** Changes the owner of what `fd` refers to; O_PATH descriptors as well. */
export function chownFd(fd: Fd, uid: number, gid: number): void {
  check(fchownat(fd, '', uid, gid, AT_EMPTY_PATH), { syscall: 'fchownat', args: [fd, uid, gid] })
}

/**
 * Changes the mode of what `fd` refers to; O_PATH descriptors as well, for which fchmod(2) is
 * EBADF.
 */
export function chmodFd(fd: Fd, mode: number): void {
  check(chmodCall(`/proc/self/fd/${fd}`, mode), {
    syscall: 'chmod',
    args: [`/proc/self/fd/${fd}`, `0${mode.toString(8)}`],
  })
}

function kindOf(stat: BigIntStats): FileKind {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'link'
  if (stat.isFIFO()) return 'fifo'
  if (stat.isSocket()) return 'socket'
  if (stat.isCharacterDevice()) return 'character'
  return stat.isBlockDevice() ? 'block' : 'unknown'
}
