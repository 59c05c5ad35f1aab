/** What an exec'd program writes, to its last byte, whoever else holds its output open. */

import { PassThrough, type Readable } from 'node:stream'
import type { Socket } from 'node:net'
import { type Fd, hasBytes } from '../../linux/index.ts'
import { EXEC_LEFT_BYTES_MAX } from '../../limits.ts'

/**
 * `stream` ends when the output does, or, after {@link programExited}, once nothing that the
 * program wrote is left: what it wrote is in the pipe before its exit is known, and a grandchild
 * that keeps the pipe open is not waited for.
 */
export class ExecOutput {
  readonly stream: Readable
  readonly #source: Socket
  readonly #fd: Fd
  /** Bytes that may still be the program's; undefined while it runs. */
  #left: number | undefined

  constructor(source: Socket, fd: Fd) {
    this.#source = source
    this.#fd = fd
    const stream = new PassThrough()
    this.stream = stream
    source.on('data', (bytes: Buffer) => {
      if (!stream.write(bytes)) source.pause()
      if (this.#left === undefined) return
      this.#left -= bytes.length
      this.#endIfDrained()
    })
    stream.on('drain', () => source.resume())
    stream.on('close', () => source.destroy())
    // The last slave's close reads as EIO, which is how a terminal ends.
    source.on('error', () => stream.end())
    source.on('end', () => stream.end())
  }

  programExited(): void {
    this.#left ??= EXEC_LEFT_BYTES_MAX + this.#source.readableLength
    this.#endIfDrained()
  }

  #endIfDrained(): void {
    const source = this.#source
    // Its end or error is on its way, and its descriptor may be somebody else's by now.
    if (source.destroyed || source.readableEnded) return
    if ((this.#left ?? 0) > 0 && (source.readableLength > 0 || hasBytes(this.#fd))) return
    source.destroy()
    ;(this.stream as PassThrough).end()
  }
}
