/** Sockets of those who are told: one for each place, for all containers that send there. */

import { createSocket } from 'node:dgram'
import { connect, isIPv6, type Socket } from 'node:net'
import { existsSync } from 'node:fs'
import { UnixDatagrams } from '../../../linux/index.ts'
import type { ForwardSpec } from '../../../planner/index.ts'
import { EngineError } from '../../../errors.ts'
import { LOG_SINK_MS_MAX } from '../../../limits.ts'
import { journalSocket } from './journal.ts'

export interface Sink {
  /** Undefined once the kernel has it; else a promise of that. Fails when nobody takes it. */
  send(message: Buffer): Promise<void> | undefined
  close(): void
}

/** Where syslog daemons listen, in the order of syslog(3) and Docker. */
const SYSLOG_SOCKETS = ['/dev/log', '/var/run/syslog', '/var/run/log']

/** The socket's path; undefined for a place in a network. */
function socketPathOf(spec: ForwardSpec): string | undefined {
  if (spec.driver === 'journald') return journalSocket()
  const { address } = spec
  if (address.kind === 'local') return SYSLOG_SOCKETS.find((path) => existsSync(path)) ?? '/dev/log'
  return 'path' in address ? address.path : undefined
}

/** Throws when the socket of this machine that `spec` needs is not there. */
export function checkPlace(container: string, spec: ForwardSpec): void {
  const path = socketPathOf(spec)
  if (path === undefined || existsSync(path)) return
  const who = spec.driver === 'journald' ? 'systemd-journald' : 'a syslog daemon'
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot start "${container}": its logging driver "${spec.driver}" needs the socket ` +
      `"${path}", which does not exist; start ${who}, or choose another driver`,
  )
}

/** Resolves when somebody is there to take messages. */
export async function openSink(spec: ForwardSpec): Promise<Sink> {
  const path = socketPathOf(spec)
  if (spec.driver === 'syslog') {
    const { address } = spec
    if (address.kind === 'udp') return new UdpSink(address)
    if (address.kind === 'tcp') return StreamSink.open(address)
    if (address.kind === 'unix') return StreamSink.open({ path: address.path })
  }
  return new UnixDatagrams(path ?? '')
}

/** Nobody says whether a datagram arrived. */
class UdpSink implements Sink {
  readonly #socket
  readonly #address: { readonly host: string; readonly port: number }

  constructor(address: { readonly host: string; readonly port: number }) {
    this.#address = address
    this.#socket = createSocket(isIPv6(address.host) ? 'udp6' : 'udp4').unref()
    this.#socket.on('error', () => undefined)
  }

  send(message: Buffer): Promise<void> {
    const { host, port } = this.#address
    return new Promise((resolve, reject) => {
      this.#socket.send(message, port, host, (error) => (error ? reject(error) : resolve()))
    })
  }

  close(): void {
    this.#socket.close()
  }
}

type Place = { readonly path: string } | { readonly host: string; readonly port: number }

class StreamSink implements Sink {
  readonly #socket: Socket
  #failure: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', (error) => (this.#failure = error))
    socket.on('end', () => (this.#failure ??= new Error('it has closed the connection')))
    socket.on('close', () => (this.#failure ??= new Error('it has closed the connection')))
    // What it says nobody reads, but its end is to be seen.
    socket.resume()
  }

  static open(place: Place): Promise<StreamSink> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...place, timeout: LOG_SINK_MS_MAX })
      socket.once('timeout', () => socket.destroy(new Error('it does not answer')))
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        socket.setTimeout(0)
        resolve(new StreamSink(socket))
      })
    })
  }

  send(message: Buffer): Promise<void> | undefined {
    const socket = this.#socket
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    socket.write(message, (error) => (error ? reject(error) : resolve()))
    if (socket.writableLength > 0) return promise
    promise.catch(() => undefined)
    return undefined
  }

  close(): void {
    this.#socket.destroy()
  }
}
