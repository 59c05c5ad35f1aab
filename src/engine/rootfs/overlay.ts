/** Puts a container's root together: its layers over the image's, as one detached tree. */

import { chownSync, chmodSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError, KernelError } from '../../errors.ts'
import {
  close,
  composeTree,
  createDetachedMount,
  createMappedOverlay,
  type Fd,
  FS_MAGIC,
  fsTypeOf,
  hasGroup,
  hasUser,
  mountSetattr,
  openPath,
  openTree,
  overlayOptions,
} from '../../linux/index.ts'
import type { Users } from '../users/open.ts'
import { cannotMap } from '../users/map-owners.ts'
import type { RootfsPart, RootfsSource } from './image.ts'

/** Directories of one container; upper and work on one file system that can hold an upper layer. */
export interface OverlayLayers {
  /** Of `openInitLayer`: over the image, below what the container writes, shared with others. */
  readonly init: string
  readonly upper: string
  readonly work: string
  /** Upper and work directories of parts such as /usr; made when there are any. */
  readonly parts: string
  /** An empty directory of the host; see `composeTree`. */
  readonly place: string
  /** The user namespace whose users the owners of all files are to be. Absent: the host's. */
  readonly users?: Users | undefined
}

/**
 * The root as one detached tree, mounted nowhere. The caller closes the descriptor.
 * @throws {EngineError} NO_OVERLAY
 */
export function openOverlayRoot(source: RootfsSource, layers: OverlayLayers): Fd {
  const lowers = [layers.init, ...source.lowers]
  const root = openOverlay({ ...layers, lowers }, source.lowers)
  if (source.parts.length === 0) return root
  const parts: { readonly fd: Fd; readonly target: string }[] = []
  try {
    for (const part of source.parts) {
      parts.push({ fd: openPart(part, layers), target: part.path.slice(1) })
    }
  } catch (error) {
    for (const fd of [root, ...parts.map((part) => part.fd)]) close(fd)
    throw error
  }
  return composeTree(root, parts, { place: layers.place })
}

/** For `read_only:`: the root with its parts, once the places for all mounts are made. */
export function makeRootReadOnly(rootFd: Fd): void {
  mountSetattr(rootFd, { recursive: true, set: { readOnly: true } })
}

function openOverlay(
  layers: Omit<OverlayLayers, 'init' | 'parts'> & { readonly lowers: readonly string[] },
  images: readonly string[],
): Fd {
  // A container's own are there since it was created.
  if (!existsSync(layers.work)) {
    for (const directory of [layers.upper, layers.work]) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
    }
  }
  const [image] = images
  if (image !== undefined) likeImage(layers.upper, image)
  const { lowers, upper, work, users, place } = layers
  try {
    return users === undefined
      ? createDetachedMount({
          type: 'overlay',
          lowers,
          options: {
            upperdir: upper,
            workdir: work,
            ...overlayOptions(),
          },
        })
      : createMappedOverlay({
          lowers,
          upper,
          work,
          users: users.fd,
          firstId: users.ids.first,
          place,
          options: overlayOptions(),
        })
  } catch (cause) {
    if (cause instanceof KernelError && cause.syscall === 'mount_setattr') {
      throw cannotMap(`the image below "${upper}"`, 'see "findmnt -T" of its layers', cause)
    }
    throw noOverlay(upper, cause)
  }
}

/** The merged root shows the uppermost directory's owner and mode: a new one gets the image's. */
function likeImage(upper: string, image: string): void {
  if (readdirSync(upper).length > 0) return
  const { uid, gid, mode } = lstatSync(image)
  if (hasUser(uid) && hasGroup(gid)) chownSync(upper, uid, gid)
  chmodSync(upper, mode & 0o7777)
}

function openPart({ path, kind }: RootfsPart, layers: OverlayLayers): Fd {
  if (kind === 'file') {
    const fd = openTree(path, { clone: true })
    const { users } = layers
    mountSetattr(fd, { set: { readOnly: true }, propagation: 'private', users: users?.fd })
    return fd
  }
  const own = join(layers.parts, encodeURIComponent(path.slice(1)))
  const [upper, work] = [join(own, 'upper'), join(own, 'work')]
  return openOverlay({ ...layers, lowers: [path], upper, work }, [path])
}

function noOverlay(upper: string, cause: unknown): unknown {
  if (!(cause instanceof KernelError)) return cause
  const kernel = cause.hint === undefined ? '' : ` (${cause.hint})`
  const message = `Cannot mount overlay with upper layer "${upper}": ${cause.message}${kernel}`
  return new EngineError('NO_OVERLAY', message, { hint: cure(upper, cause), cause })
}

function cure(upper: string, { syscall, errnoName }: KernelError): string {
  if (syscall === 'fsopen' && errnoName === 'ENODEV') {
    return 'this kernel has no overlay file system: modprobe overlay'
  }
  const fd = openPath(upper)
  try {
    const type = fsTypeOf(fd)
    const name = Object.entries(UNSUITABLE).find(([, magic]) => magic === type)?.[0]
    if (name === undefined) return 'see the kernel log: dmesg | tail'
    return (
      `"${upper}" is on ${name}, which cannot hold an upper layer; ` +
      'choose a directory on ext4, xfs, btrfs or tmpfs with TSSTACK_ROOT'
    )
  } finally {
    close(fd)
  }
}

/** include/uapi/linux/magic.h and the file systems' own headers. */
const UNSUITABLE = {
  overlay: FS_MAGIC.overlay,
  nfs: 0x6969,
  fuse: 0x65735546,
  cifs: 0xff534d42,
  '9p': 0x01021997,
  vfat: 0x4d44,
} as const
