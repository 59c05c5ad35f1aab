/** Opens the root filesystem of one attempt: the image's layers, our own, and what it writes. */

import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { close, closeBeside, type Fd } from '../../linux/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import { rootMountPoint } from '../paths.ts'
import type { AttemptInterface } from '../records/container.ts'
import type { Undo } from '../undo.ts'
import type { Users } from '../users/open.ts'
import { etcFiles } from './attempt-files.ts'
import { storedImage } from '../image-pins.ts'
import { type ImageSettings, prepareRootfs } from './image.ts'
import { openInitLayer } from './init-layer.ts'
import type { EtcFile } from './network-files.ts'
import { openOverlayRoot } from './overlay.ts'
import { type ResolvedUser, resolveUser } from './user.ts'

export interface Rootfs {
  /** Detached tree, mounted nowhere; still writable. Closed by the undo given. */
  readonly fd: Fd
  /**
   * Closes `fd` and opens what it was with the users of a user namespace as its owners: an overlay
   * has one mount at a time. Closed by the undo given.
   */
  readonly mapped: (users: Users) => Fd
  readonly image: ImageSettings
  readonly user: ResolvedUser
  /** Yet to be mounted over the empty ones in `directory`, an absolute path without links. */
  readonly etc: { readonly directory: string; readonly files: readonly EtcFile[] }
}

/**
 * `interfaces` are the attempt's own, for /etc/hosts.
 * @throws {EngineError} IMAGE, NO_OVERLAY, LAUNCH
 */
export function openRootfs(
  machine: Machine,
  input: {
    readonly container: LiveContainer
    readonly interfaces: readonly AttemptInterface[]
    readonly undo: Undo
  },
): Rootfs {
  const { own, record } = input.container
  const { spec } = record
  const cacheDirectory = openCache(machine)
  const { given } = input.container
  const stored = given ? undefined : storedImage(machine.paths, spec)
  const source = given
    ? { lowers: given.lowers, parts: [], image: {} }
    : prepareRootfs(spec.image, { cacheDirectory, stored })
  const init = openInitLayer({ lowers: source.lowers, cacheDirectory })
  const layers = {
    init: init.directory,
    upper: own.upper,
    work: own.work,
    parts: join(own.directory, 'parts'),
    place: rootMountPoint(machine.paths),
  }
  const fd = openOverlayRoot(source, layers)
  let last: Fd | undefined = fd
  input.undo.push(() => {
    if (last === undefined) return undefined
    // One that has ended by itself before may have again: ours is the last reference then.
    return record.restarts.restarts > 0 ? closeBeside(last) : close(last)
  })
  const mapped = (users: Users): Fd => {
    last = undefined
    close(fd)
    last = openOverlayRoot(source, { ...layers, users })
    return last
  }
  const user = resolveUser({
    rootFd: fd,
    user: spec.user ?? source.image.user,
    groupAdd: spec.groupAdd,
  })
  const files = etcFiles(machine, record, input.interfaces)
  return { fd, mapped, image: source.image, user, etc: { directory: `/${init.etc}`, files } }
}

/**
 * Where roots of `host:` and init layers are built: unsynced, so that none of another boot may be
 * used after a power cut; and none of this boot may go, as containers may run on it.
 */
function openCache({ paths, bootId }: Machine): string {
  const all = join(paths.state, 'rootfs')
  const directory = join(all, bootId)
  if (!existsSync(directory)) rmSync(all, { recursive: true, force: true })
  return directory
}
