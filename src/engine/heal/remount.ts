/** Takes away what somebody has mounted over a mount of ours, and sets its attributes again. */

import { constants, openSync, readdirSync, readFileSync } from 'node:fs'
import { EngineError, errorText, KernelError } from '../../errors.ts'
import { close, type Fd, type MountLine } from '../../linux/index.ts'
import { type MountChange, mountChangeProgram } from '../container/mount-change.ts'
import * as kernel from '../container/kernel.ts'
import type { LiveAttempt, LiveContainer } from '../machine.ts'
import { FIXED, runInside } from './run-inside.ts'

interface Inside {
  readonly container: LiveContainer
  readonly attempt: LiveAttempt
  /** All mounts of the container, as they were seen. */
  readonly mounts: readonly MountLine[]
}

/** File systems that may let anybody wait for as long as a program or another machine likes. */
const SLOW = /^(?:fuse|nfs|9p|cifs|smb|ceph|afs)/
/** Their contents are gone with the mount. */
const IN_MEMORY = new Set(['tmpfs', 'ramfs'])

/**
 * Unmounts `cover`, which loses nothing: it is bound from elsewhere, or empty. Throws LAUNCH with
 * the cure for any other.
 */
export async function uncover(inside: Inside, cover: MountLine): Promise<void> {
  await changing(inside, async (pid, run) => {
    const { mounts } = inside
    const cure = `unmount it: nsenter -t ${pid} -m umount ${cover.place}`
    if (SLOW.test(cover.type)) throw refusal(`it is a ${cover.type}`, cure)
    if (mounts.some((one) => one.parent === cover.id && one.id !== cover.id)) {
      throw refusal('there are further mounts on it', cure)
    }
    await run(cover, { kind: 'unmount' }, (fd) => {
      if (!IN_MEMORY.has(cover.type) || readdirSync(`/proc/self/fd/${fd}`).length === 0) return
      throw refusal(`there are files in the ${cover.type}`, cure)
    })
  })
}

/** Makes `own` read-only, or writable, as it was; what is mounted below it stays as it is. */
export async function remount(inside: Inside, own: MountLine, readOnly: boolean): Promise<void> {
  await changing(inside, (_, run) => run(own, { kind: 'attributes', readOnly }))
}

type Run = (mount: MountLine, change: MountChange, check?: (fd: Fd) => void) => Promise<void>

async function changing(
  { container, attempt }: Inside,
  work: (pid: number, run: Run) => Promise<void>,
): Promise<void> {
  const { process } = attempt
  if (process?.pidfd === undefined) return
  const { pid, pidfd } = process
  try {
    await work(pid, async (mount, change, check) => {
      const fd = openMount(pid, mount)
      try {
        check?.(fd)
        await runInside(container, pidfd, (descriptors) => {
          descriptors[FIXED.first] = fd
          return mountChangeProgram({ ...FIXED, mount: FIXED.first, place: mount.place, change })
        })
      } finally {
        close(fd)
      }
    })
  } catch (cause) {
    if (!(cause instanceof KernelError || cause instanceof EngineError)) throw cause
    const { name } = container.record
    const cure = 'or run "tsstack restart" with its service'
    const message = `Cannot mount in "${name}" while it runs: ${errorText(cause)}; ${cure}`
    throw new EngineError('LAUNCH', message, { cause })
  }
}

/** Its own root, and nothing that lies on it by now. Throws LAUNCH when it is not that one. */
function openMount(pid: number, { id, place }: MountLine): Fd {
  const flags = kernel.O_PATH | constants.O_NOFOLLOW
  const fd = openSync(`/proc/${pid}/root${place}`, flags)
  const found = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
  if (Number(found?.[1]) === id) return fd
  close(fd)
  throw new EngineError('LAUNCH', `"${place}" leads to another mount by now`)
}

function refusal(why: string, cure: string): EngineError {
  return new EngineError('LAUNCH', `${why}; ${cure}`)
}
