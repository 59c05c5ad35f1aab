/** The file systems that the bench works on: what machines have below /var/lib and /run. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'

const DISK_BYTES = 8 * 1024 ** 3

/**
 * Mounts an ext4 with a journal at `directory`, from a sparse file beside it, until `unmount`.
 * Without a journal, as here and there on a virtual machine, ext4 looks at every inode that was
 * deleted within the last minute before it gives a new one (recently_deleted, fs/ext4/ialloc.c),
 * and a loop of up and down measures its own past. Where no such disk can be made, the directory
 * stays what it is, and that is said.
 */
export function mountDisk(directory: string): {
  readonly name: string
  readonly unmount: () => void
} {
  const file = `${directory}.disk`
  writeFileSync(file, '')
  truncateSync(file, DISK_BYTES)
  const made = spawnSync('mkfs.ext4', ['-q', file])
  const mounted = made.status === 0 ? spawnSync('mount', ['-o', 'loop', file, directory]) : made
  if (mounted.status !== 0) {
    const why = mounted.error?.message ?? String(mounted.stderr).trim()
    console.error(`bench: on the file system of "${directory}", for none can be made: ${why}`)
  }
  return {
    name: mounted.status === 0 ? 'ext4 with a journal' : `the disk of "${directory}"`,
    unmount: () => {
      if (mounted.status === 0) spawnSync('umount', ['--lazy', directory])
      rmSync(file)
    },
  }
}

/** A tmpfs at `path`. */
export function mountMemory(path: string): { readonly unmount: () => void } {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=700', 'run', path])
  if (status !== 0) throw new Error(`Cannot mount a tmpfs at "${path}": ${String(stderr)}`)
  return { unmount: () => spawnSync('umount', ['--lazy', path]) }
}
