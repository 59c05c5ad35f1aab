/**
 * A proxy for one published port, where the kernel has no nf_tables. It lives as long as this
 * process.
 */

import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect, createServer, type Socket } from 'node:net'
import { PROXY_UDP_CLIENTS_MAX, PROXY_UDP_IDLE_MS } from '../../limits.ts'
import type { Family } from '../subnet.ts'

export interface Proxy {
  /** Where new connections go from now on, in turns. */
  setTargets(targets: readonly Place[]): void
  close(): Promise<void>
}

export interface Place {
  readonly host: string
  readonly port: number
}

interface ProxyRequest {
  /** A bound socket; a tcp one listens. The proxy owns it from now on. */
  readonly fd: number
  /** Of the socket and of all targets. */
  readonly family: Family
  readonly targets: readonly Place[]
}

interface UdpClient {
  readonly socket: UdpSocket
  readonly place: Place
  readonly timer: NodeJS.Timeout
}

class Turns {
  places: readonly Place[]
  #turn = 0

  constructor(places: readonly Place[]) {
    this.places = places
  }

  /** Port 0 of nowhere when there is none, to which nothing connects. */
  next(): Place {
    return this.places[this.#turn++ % this.places.length] ?? { host: '0.0.0.0', port: 0 }
  }
}

/** Passes connections on `fd` to the container; half-closed connections stay half-closed. */
export function startTcpProxy({ fd, targets }: ProxyRequest): Promise<Proxy> {
  const turns = new Turns(targets)
  const connections = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = connect({ ...turns.next(), allowHalfOpen: true })
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      connections.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        connections.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen({ fd }, () => {
      resolve({
        setTargets: (changed) => {
          turns.places = changed
        },
        close: () =>
          new Promise((closed) => {
            server.close(() => {
              closed()
            })
            for (const connection of connections) connection.destroy()
          }),
      })
    })
  })
}

/**
 * Passes datagrams on `fd` to the container; each client has a socket of its own, so answers find
 * back.
 */
export function startUdpProxy({ fd, family, targets }: ProxyRequest): Promise<Proxy> {
  const turns = new Turns(targets)
  const server = createSocket(family === 4 ? 'udp4' : 'udp6')
  const clients = new Map<string, UdpClient>()
  const drop = (key: string): void => {
    const client = clients.get(key)
    if (!client) return
    clients.delete(key)
    clearTimeout(client.timer)
    client.socket.close()
  }
  const expire = (key: string): NodeJS.Timeout =>
    setTimeout(() => {
      drop(key)
    }, PROXY_UDP_IDLE_MS).unref()
  server.on('message', (message, from) => {
    const key = `${from.address}:${from.port}`
    let client = clients.get(key)
    if (!client) {
      if (clients.size >= PROXY_UDP_CLIENTS_MAX) return
      const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
      socket.on('message', (answer) => {
        server.send(answer, from.port, from.address)
      })
      socket.on('error', () => {
        drop(key)
      })
      client = { socket, place: turns.next(), timer: expire(key) }
      clients.set(key, client)
    } else {
      client.timer.refresh()
    }
    client.socket.send(message, client.place.port, client.place.host)
  })
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.bind({ fd }, () => {
      resolve({
        setTargets: (changed) => {
          turns.places = changed
        },
        close: () =>
          new Promise((closed) => {
            for (const key of clients.keys()) drop(key)
            server.close(() => {
              closed()
            })
          }),
      })
    })
  })
}
