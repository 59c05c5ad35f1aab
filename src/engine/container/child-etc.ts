/** The child's own /etc/hosts, /etc/hostname and /etc/resolv.conf, bound from a small tmpfs. */

import type { Label, Loaded, Program } from '../../linux/index.ts'
import type { EtcFile } from '../rootfs/index.ts'
import * as kernel from './kernel.ts'
import { howToFind } from './open-how.ts'

export interface ChildEtc {
  /** Where the image really has it: `/etc`, `/usr/etc`. */
  readonly directory: string
  readonly files: readonly EtcFile[]
  readonly readOnly: boolean
  /** A mount of the stack is shared with the host: in there nothing may be mounted. */
  readonly sharesMounts: boolean
}

/** What openat2 says of a place that is not there, or is a link or a mount of the stack. */
const NOT_OURS = [kernel.ENOENT, kernel.ENOTDIR, kernel.ELOOP, kernel.EXDEV]

/**
 * Binds them over the files of the same names, in what the stack mounts at /etc as well. Where
 * there is none, or something is mounted already, that is left as it is: an earlier attempt or the
 * stack wants it so. Links are not followed, for one may lead into procfs by now.
 */
export function bindEtcFiles(
  program: Program,
  input: {
    /** Descriptor of the root. */
    readonly root: number
    /** Word that holds a descriptor of the tmpfs. */
    readonly source: number
    readonly etc: ChildEtc
  },
  onError: Label,
): void {
  const { directory, files, sharesMounts } = input.etc
  const { RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } = kernel
  const done = program.label('etc')
  const place = program.word()
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS
  find(program, {
    from: input.root,
    path: directory,
    how: howToFind(program, sharesMounts ? resolve | RESOLVE_NO_XDEV : resolve),
    store: place,
    otherwise: done,
    onError,
  })
  const how = howToFind(program, resolve | RESOLVE_NO_XDEV)
  for (const { name } of files) {
    const next = program.label(name)
    const target = program.word()
    const from = program.load(place)
    find(program, { from, path: name, how, store: target, otherwise: next, onError })
    bind(program, { source: input.source, name, target }, onError)
    program.place(next)
  }
  program.place(done)
}

/** Stores a descriptor of `path`, or goes to `otherwise` where there is no place of ours. */
function find(
  program: Program,
  place: {
    /** Descriptor, or what loads one. */
    readonly from: number | Loaded
    readonly path: string
    readonly how: number
    readonly store: number
    readonly otherwise: Label
    readonly onError: Label
  },
): void {
  const { from, path, how, store, otherwise, onError } = place
  const found = program.label('found')
  program.call('openat2', [from, program.text(path), how, kernel.OPEN_HOW_BYTES], {
    onPositive: found,
    store,
    note: `openat2(${JSON.stringify(path)})`,
  })
  for (const errno of NOT_OURS) {
    program.compare(program.failedResult, -errno, { equal: otherwise })
  }
  program.jump(onError)
  program.place(found)
}

function bind(
  program: Program,
  file: { readonly source: number; readonly name: string; readonly target: number },
  onError: Label,
): void {
  const { source, name, target } = file
  const tree = program.word()
  program.call(
    'open_tree',
    [program.load(source), program.text(name), kernel.OPEN_TREE_CLONE | kernel.O_CLOEXEC],
    { onError, store: tree, note: `open_tree("${name}")` },
  )
  const empty = program.text('')
  const flags = kernel.MOVE_MOUNT_F_EMPTY_PATH | kernel.MOVE_MOUNT_T_EMPTY_PATH
  program.call('move_mount', [program.load(tree), empty, program.load(target), empty, flags], {
    onError,
    note: `move_mount("/etc/${name}")`,
  })
}
