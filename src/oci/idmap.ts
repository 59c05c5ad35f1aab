/** Mounts whose files belong to other users inside than outside. @see mount_setattr(2), idmapped */

import { cannotMap } from '../engine/index.ts'
import { KernelError, UsageError } from '../errors.ts'
import {
  close,
  createMappedUsers,
  type Fd,
  fileSystemName,
  fsTypeOf,
  mountSetattr,
} from '../linux/index.ts'
import type { MountOptions } from './mount-options.ts'
import type { IdMapping, RuntimeSpec, SpecMount } from './spec.ts'

/** Maps the owners of a detached tree when the mount asks for it, by its maps or the container's. */
export function idmapTree(
  fd: Fd,
  {
    mount,
    options,
    spec,
  }: { readonly mount: SpecMount; readonly options: MountOptions; readonly spec: RuntimeSpec },
): void {
  if (options.idmap === 'none' && mount.uidMappings === undefined) return
  const uids = mount.uidMappings ?? spec.linux?.uidMappings
  const gids = mount.gidMappings ?? spec.linux?.gidMappings
  if (uids === undefined || gids === undefined) {
    throw new UsageError(
      `Cannot map the owners of "${mount.destination}": neither it nor "linux" has uidMappings and gidMappings`,
    )
  }
  const users = createMappedUsers({ uid: mapLines(uids), gid: mapLines(gids) })
  try {
    mountSetattr(fd, { users, recursive: options.idmap === 'ridmap' })
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause
    throw cannotMap(`"${mount.destination}"`, fileSystemName(fsTypeOf(fd)), cause)
  } finally {
    close(users)
  }
}

/** As /proc/PID/uid_map takes them. @see user_namespaces(7) */
export function mapLines(mappings: readonly IdMapping[] = []): string {
  return mappings
    .map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`)
    .join('')
}
