/** The child's writes to procfs: into its own, and into nothing that lies over a part of it. */

import { type Label, O, type Program } from '../../linux/index.ts'
import * as kernel from './kernel.ts'
import { openHow } from './open-how.ts'

/** struct statfs; its first word is f_type. include/uapi/asm-generic/statfs.h */
const STATFS_BYTES = 120

/**
 * Writes `text` to the file `path` below /proc. A tree that only looks like procfs, and a link or a
 * mount on the way, would make another file of it: CVE-2019-19921, CVE-2025-52881.
 */
export function writeProcFile(
  program: Program,
  file: { readonly path: string; readonly text: string },
  onError: Label,
): void {
  const { path, text } = file
  const proc = program.word()
  const flags = O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC
  program.call('openat', [kernel.AT_FDCWD, program.text('/proc'), flags, 0], {
    onError,
    store: proc,
    note: 'open("/proc")',
  })
  checkProcfs(program, proc, onError)
  const resolve = kernel.RESOLVE_BENEATH | kernel.RESOLVE_NO_XDEV | kernel.RESOLVE_NO_MAGICLINKS
  const how = openHow(program, { flags: O.WRONLY | O.CLOEXEC, resolve })
  const opened = program.word()
  program.call('openat2', [program.load(proc), program.text(path), how, kernel.OPEN_HOW_BYTES], {
    onError,
    store: opened,
    note: `open("/proc/${path}")`,
  })
  program.call('write', [program.load(opened), program.text(text), Buffer.byteLength(text)], {
    onError,
    note: `write("/proc/${path}", ${JSON.stringify(text)})`,
  })
  program.call('close', [program.load(opened)])
  program.call('close', [program.load(proc)])
}

function checkProcfs(program: Program, proc: number, onError: Label): void {
  const statfs = program.zeroed(STATFS_BYTES)
  const isProcfs = program.label('procfs')
  program.call('fstatfs', [program.load(proc), statfs], { onError, note: 'fstatfs("/proc")' })
  program.compare(statfs, kernel.PROC_SUPER_MAGIC, { equal: isProcfs })
  // Fails always, and so tells whoever waits for us by its name.
  program.call('close', [-1], { onError, note: 'find procfs at "/proc"' })
  program.place(isProcfs)
}
