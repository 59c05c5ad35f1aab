/** Reaching a unix socket whose path may be too long for `sun_path`. */

import { Buffer } from 'node:buffer'
import { closeSync, constants, openSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { SOCKET_PATH_BYTES_MAX } from '../limits.ts'

/**
 * include/uapi/asm-generic/fcntl.h; node does not name it. Needs no right to read the directory.
 */
const O_PATH = 0o10000000

export interface SocketPath {
  /** Short enough for bind(2) and connect(2). */
  readonly path: string
  /**
   * To be called when the socket is no longer needed, not before: its name goes through a
   * descriptor.
   */
  readonly release: () => void
}

/** A long path is shortened by way of `/proc/self/fd`: unix(7) allows 108 bytes with the zero. */
export function shortSocketPath(path: string): SocketPath {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return { path, release: () => undefined }
  const directory = openSync(dirname(path), O_PATH | constants.O_DIRECTORY)
  return {
    path: join('/proc/self/fd', String(directory), basename(path)),
    release: () => closeSync(directory),
  }
}
