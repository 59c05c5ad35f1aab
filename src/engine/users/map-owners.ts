/** Lets the owners of a tree be users of a container's user namespace. */

import { EngineError, KernelError } from '../../errors.ts'
import { type Fd, fileSystemName, fsTypeOf, mountSetattr } from '../../linux/index.ts'

/** `fd`: a detached tree that has not been mapped. Throws MOUNT_SOURCE where it cannot be. */
export function mapOwners(
  fd: Fd,
  map: {
    readonly container: string
    readonly users: Fd
    /** Where it is mounted in the container. */
    readonly what: string
    /** `ridmap`: with everything that is mounted below. */
    readonly mapped: 'idmap' | 'ridmap'
  },
): void {
  const { users, mapped } = map
  try {
    mountSetattr(fd, { users, recursive: mapped === 'ridmap' })
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause
    throw cannotMap(`"${map.what}" of "${map.container}"`, fileSystemName(fsTypeOf(fd)), cause)
  }
}

/** Of a kernel that refuses: EINVAL for a file system, EPERM for a tree that is mapped already. */
export function cannotMap(what: string, system: string, cause: KernelError): EngineError {
  const message =
    `Cannot map the owners of ${what} to its users: its file system (${system}), or one below, ` +
    `cannot do that here (${cause.errnoName}); it takes an idmapped mount`
  return new EngineError('MOUNT_SOURCE', message, {
    hint: 'put it on ext4, xfs, btrfs or, since Linux 6.3, tmpfs, or set userns_mode: host',
    cause,
  })
}
