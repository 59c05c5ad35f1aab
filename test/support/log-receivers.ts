/** Daemons that take logs, as small as can be: what they got is there to be looked at. */
import { createServer, type Server, type Socket } from 'node:net'
import { rmSync } from 'node:fs'
import { check, declare } from '../../src/linux/libc.ts'
import { until } from './until.ts'

const socketCall = declare('int socket(int family, int type, int protocol)')
const bindCall = declare('int bind(int fd, void *address, unsigned int length)')
const recvCall = declare('long recv(int fd, void *bytes, size_t length, int flags)')
const closeCall = declare('int close(int fd)')

const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
const MSG_DONTWAIT = 0x40

/** A unix datagram socket at `path`. Slow on purpose: its queue is full most of the time. */
export class DatagramReceiver implements Disposable {
  readonly datagrams: Buffer[] = []
  readonly #path: string
  readonly #fd: number
  readonly #timer: NodeJS.Timeout

  constructor(path: string) {
    this.#path = path
    this.#fd = check(socketCall(1, SOCK_DGRAM_CLOEXEC, 0), { syscall: 'socket' })
    const address = Buffer.concat([Buffer.of(1, 0), Buffer.from(path), Buffer.of(0)])
    check(bindCall(this.#fd, address, address.length), { syscall: 'bind', args: [path] })
    this.#timer = setInterval(() => this.#drain(), 3)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    closeCall(this.#fd)
    rmSync(this.#path, { force: true })
  }

  #drain(): void {
    const buffer = Buffer.alloc(256 * 1024)
    for (;;) {
      const length = Number(recvCall(this.#fd, buffer, buffer.length, MSG_DONTWAIT))
      if (length < 0) return
      this.datagrams.push(Buffer.from(buffer.subarray(0, length)))
    }
  }
}

/** The fields of one message of the journal's native protocol. */
export function journalFields(datagram: Buffer): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {}
  for (let at = 0; at < datagram.length;) {
    const end = datagram.indexOf('\n', at)
    const line = datagram.subarray(at, end).toString()
    const equals = line.indexOf('=')
    if (equals >= 0) {
      fields[line.slice(0, equals)] = line.slice(equals + 1)
      at = end + 1
      continue
    }
    const length = Number(datagram.readBigUInt64LE(end + 1))
    fields[line] = datagram.subarray(end + 9, end + 9 + length).toString()
    at = end + 9 + length + 1
  }
  return fields
}

/** A stream socket at `place`, which collects lines. */
export class LineReceiver implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #text = ''

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.setEncoding('utf8')
      socket.on('data', (text: string) => (this.#text += text))
      socket.on('error', () => undefined)
    })
  }

  static async listen(place: string | { readonly port: number }): Promise<LineReceiver> {
    const server = createServer()
    const receiver = new LineReceiver(server)
    await new Promise<void>((resolve) => {
      server.listen(typeof place === 'string' ? { path: place } : place, resolve)
    })
    return receiver
  }

  get lines(): readonly string[] {
    return this.#text.split('\n').slice(0, -1)
  }

  /** All lines, once one of them matches. */
  async until(pattern: RegExp): Promise<readonly string[]> {
    await until(async () => this.#text, pattern)
    return this.lines
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }
}
