/** /etc/hosts of a container whose addresses have changed while it runs. */

import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { errorText, isErrno } from '../../errors.ts'
import {
  close,
  FS_MAGIC,
  fsTypeOf,
  mountSetattr,
  openForeignTree,
  statFd,
  type Fd,
} from '../../linux/index.ts'
import { HOSTS_BYTES_MAX } from '../../limits.ts'
import { containersOf, type LiveContainer, type Machine } from '../machine.ts'
import type { AttemptInterface, ContainerRecord } from '../records/container.ts'
import { hostsInput, updatedHosts } from '../rootfs/index.ts'
import { warn } from '../warn.ts'

/**
 * Writes the addresses of `record`, and those of its namesakes in containers that share its
 * network. A file that is not ours is left alone: one of the stack's, or put there by a program.
 */
export function updateHosts(
  machine: Machine,
  record: ContainerRecord,
  interfaces: readonly AttemptInterface[],
): void {
  for (const container of containersOf(machine, record.stack)) {
    const isItself = container.record.name === record.name
    if (!isItself && !shares(container.record)) continue
    const own = container.attempt?.record.interfaces ?? []
    try {
      updateOne(machine, container, {
        record: isItself ? record : container.record,
        interfaces: isItself ? interfaces : own,
      })
    } catch (error) {
      // It has just ended.
      if (isErrno(error, 'ESRCH')) continue
      const seen = errorText(error)
      const what = `Cannot update /etc/hosts of "${container.record.name}": ${seen}`
      warn(machine, record.stack, what)
    }
  }
}

const shares = ({ spec }: ContainerRecord): boolean =>
  spec.network.kind === 'service' || spec.network.kind === 'container'

function updateOne(
  machine: Machine,
  { attempt }: LiveContainer,
  now: { readonly record: ContainerRecord; readonly interfaces: readonly AttemptInterface[] },
): void {
  const pidfd = attempt?.exit ? undefined : attempt?.process?.pidfd
  if (pidfd === undefined || isMounted(now.record)) return
  // A copy of the mount, which may be read-only there: and of that mount alone.
  const tree = openForeignTree(pidfd, HOSTS)
  try {
    if (statFd(tree).kind !== 'file' || fsTypeOf(tree) !== FS_MAGIC.tmpfs) return
    mountSetattr(tree, { clear: { readOnly: true } })
    rewrite(tree, (text) => updatedHosts(text, hostsInput(machine, now.record, now.interfaces)))
  } finally {
    close(tree)
  }
}

const HOSTS = '/etc/hosts'

const isMounted = ({ spec }: ContainerRecord): boolean =>
  spec.mounts.some(({ target }) => target === HOSTS)

/** In place, as others have it open or mounted; at no moment it is empty. */
function rewrite(tree: Fd, change: (text: string) => string | undefined): void {
  if (statFd(tree).size > HOSTS_BYTES_MAX) return
  const fd = openSync(`/proc/self/fd/${tree}`, 'r+')
  try {
    const text = readFileSync(fd, 'utf8')
    const changed = change(text)
    if (changed === undefined || changed === text) return
    const bytes = Buffer.from(changed)
    writeSync(fd, bytes, 0, bytes.length, 0)
    ftruncateSync(fd, bytes.length)
  } finally {
    closeSync(fd)
  }
}
