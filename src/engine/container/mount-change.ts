/** A program that joins the mounts of a running container, and changes one of them. */

import { CLONE_NEW, mountAttributeBits, Program } from '../../linux/index.ts'
import * as kernel from './kernel.ts'

export type MountChange =
  | { readonly kind: 'unmount' }
  | { readonly kind: 'attributes'; readonly readOnly: boolean }

/** Descriptors are numbers inside the program. */
export interface MountChangeInput {
  /** Of the container's pid 1. */
  readonly pidfd: number
  /** Where a failure is written to. */
  readonly reports: number
  /** The root of the mount. */
  readonly mount: number
  /** For messages. */
  readonly place: string
  readonly change: MountChange
}

/** Exits with 0 when it is done; otherwise says which call failed. */
export function mountChangeProgram(input: MountChangeInput): Program {
  const { pidfd, reports, mount, place, change } = input
  const program = new Program()
  const onError = program.failLabel({ reportFd: reports })
  program.call('setns', [pidfd, CLONE_NEW.mnt], { onError, note: 'setns(mounts)' })
  if (change.kind === 'unmount') {
    // By a descriptor, for the path may lead elsewhere by now.
    program.call('fchdir', [mount], { onError, note: `fchdir("${place}")` })
    const here = program.text('.')
    program.call('umount2', [here, kernel.MNT_DETACH], { onError, note: `umount2("${place}")` })
  } else {
    const attributes = Buffer.alloc(kernel.MOUNT_ATTR_BYTES)
    const bits = BigInt(mountAttributeBits({ readOnly: true }))
    // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    attributes.writeBigUInt64LE(bits, change.readOnly ? 0 : 8)
    const [empty, size] = [program.text(''), kernel.MOUNT_ATTR_BYTES]
    const set = program.bytes(attributes, 8)
    program.call('mount_setattr', [mount, empty, kernel.AT_EMPTY_PATH, set, size], {
      onError,
      note: `mount_setattr("${place}", ${change.readOnly ? 'read-only' : 'writable'})`,
    })
  }
  program.call('exit_group', [0])
  return program
}
