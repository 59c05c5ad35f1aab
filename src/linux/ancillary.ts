/** Descriptors beside the bytes of a message. @see unix(7), SCM_RIGHTS; cmsg(3); 64-bit Linux */

import type { Fd } from './fd.ts'

const SOL_SOCKET = 1 // include/uapi/asm-generic/socket.h
const SCM_RIGHTS = 1 // include/linux/socket.h
const CMSG_HEADER_BYTES = 16
const INT_BYTES = 4

/** Where the first descriptor lies in {@link controlBytes}, four bytes each. */
export const CONTROL_DATA: number = CMSG_HEADER_BYTES

/** One struct cmsghdr for `fds`, as what is sent and as room for what comes. */
export function controlBytes(fds: readonly Fd[]): Buffer {
  const length = CMSG_HEADER_BYTES + INT_BYTES * fds.length
  const control = Buffer.alloc(8 * Math.ceil(length / 8))
  control.writeBigUInt64LE(BigInt(length), 0)
  control.writeInt32LE(SOL_SOCKET, 8)
  control.writeInt32LE(SCM_RIGHTS, 12)
  for (const [at, fd] of fds.entries()) control.writeInt32LE(fd, CONTROL_DATA + INT_BYTES * at)
  return control
}

export function descriptorsIn(control: Buffer, count: number): readonly Fd[] {
  return Array.from({ length: count }, (_, at) =>
    control.readInt32LE(CONTROL_DATA + INT_BYTES * at),
  )
}

/** struct msghdr of one struct iovec, at `vector`, and one control message. */
export function messageHeader(
  vector: number | bigint,
  control?: { readonly address: number | bigint; readonly bytes: number },
): Buffer {
  return words(0, 0, vector, 1, control?.address ?? 0, control?.bytes ?? 0, 0)
}

/** Eight bytes each, which for a msghdr takes in the padding of its shorter fields. */
export function words(...values: readonly (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length)
  for (const [at, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * at)
  return bytes
}
