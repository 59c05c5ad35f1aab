/** One end of a connection between command line and supervisor. */

import type { Socket } from 'node:net'
import { encodeHeader, encodeMessage, FrameReader } from './framing.ts'
import type { ByteFrameKind, Frame } from './framing.ts'

/** Milliseconds: nobody sees them, and a plan tells of some ten things in them. */
const SEND_SOON_MS = 5

/** `Sent` is what this end says in JSON. What the other end says is checked by who receives it. */
export class Connection<Sent> {
  /** Aborted when the other end is gone, or this one was closed. */
  readonly signal: AbortSignal
  readonly frames: AsyncGenerator<Frame, void>
  readonly #socket: Socket
  /** Set while something waits for more to be sent with it. */
  #later: NodeJS.Timeout | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    const gone = new AbortController()
    this.signal = gone.signal
    socket.once('close', () => gone.abort())
    // A reset is no more news than the close that follows it.
    socket.on('error', () => undefined)
    this.frames = readFrames(socket)
  }

  /** Several together wake the other end up once. */
  send(...messages: readonly Sent[]): void {
    const socket = this.#socket
    if (socket.writable) {
      socket.cork()
      for (const message of messages) socket.write(encodeMessage(message))
      socket.uncork()
    }
    this.#flush()
  }

  /**
   * The same for one of a crowd: it goes with what is sent within a few milliseconds, as each
   * sending wakes the other end up. Nothing that is sent later comes before it.
   */
  sendSoon(message: Sent): void {
    if (!this.#socket.writable) return
    if (this.#later === undefined) {
      this.#socket.cork()
      this.#later = setTimeout(() => this.#flush(), SEND_SOON_MS)
    }
    this.#socket.write(encodeMessage(message))
  }

  #flush(): void {
    if (this.#later === undefined) return
    clearTimeout(this.#later)
    this.#later = undefined
    this.#socket.uncork()
  }

  /** Resolves when the other end has taken enough to be sent more. */
  async sendBytes(kind: ByteFrameKind, bytes: Uint8Array): Promise<void> {
    const socket = this.#socket
    if (!socket.writable) return
    this.#flush()
    socket.cork()
    socket.write(encodeHeader(kind, bytes.length))
    const ready = socket.write(bytes)
    socket.uncork()
    if (!ready) await this.#drained()
  }

  /** Says nothing more, and closes once everything is sent. */
  end(): void {
    this.#flush()
    this.#socket.end()
    this.#socket.resume()
  }

  destroy(): void {
    this.#flush()
    this.#socket.destroy()
  }

  #drained(): Promise<void> {
    const socket = this.#socket
    return new Promise((resolve) => {
      const done = (): void => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }
}

/** Ends when the other end has; reading pauses the socket while nobody asks for the next frame. */
async function* readFrames(socket: Socket): AsyncGenerator<Frame, void> {
  const reader = new FrameReader()
  const chunks = new Chunks(socket)
  try {
    for (let chunk = await chunks.next(); chunk; chunk = await chunks.next()) {
      yield* reader.push(chunk)
    }
  } catch (cause) {
    if (!isGone(cause)) throw cause
  } finally {
    // Whoever stops asking wants no more of it.
    if (!chunks.isOver) socket.destroy()
  }
}

/** What a socket brings, asked for. Its own iterator does the same, and takes a millisecond to load. */
class Chunks {
  readonly #socket: Socket
  readonly #waiting: Uint8Array[] = []
  #wake: (() => void) | undefined
  #failure: Error | undefined
  #isOver: boolean

  constructor(socket: Socket) {
    this.#socket = socket
    this.#isOver = socket.readableEnded || socket.destroyed
    socket.on('data', (chunk: Buffer) => {
      this.#waiting.push(chunk)
      if (this.#wake === undefined) socket.pause()
      this.#wake?.()
    })
    const over = (): void => {
      this.#isOver = true
      this.#wake?.()
    }
    socket.once('end', over)
    socket.once('close', over)
    socket.once('error', (error) => {
      this.#failure = error
      over()
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#waiting.length === 0 && !this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      if (this.#socket.isPaused()) this.#socket.resume()
      await promise
      this.#wake = undefined
    }
    const chunk = this.#waiting.shift()
    if (chunk === undefined && this.#failure) throw this.#failure
    return chunk
  }
}

const GONE: ReadonlySet<string> = new Set([
  'ERR_STREAM_PREMATURE_CLOSE',
  'ECONNRESET',
  'EPIPE',
  'ABORT_ERR',
])

function isGone(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && GONE.has(String(cause.code))
}
