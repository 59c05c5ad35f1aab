/** The DNS server of one container: sockets inside its namespace, answers from this process. */

import { closeSync } from 'node:fs'
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { DNS_TCP_CONNECTIONS_MAX, DNS_TCP_IDLE_MS } from '../../limits.ts'
import {
  DatagramSender,
  type InetSocketRequest,
  isListening,
  openInetSocket,
  withNamespace,
} from '../../linux/index.ts'
import type { NameRegistry } from './names.ts'
import { DNS_ADDRESS, DNS_PORT, Redirection } from './redirect.ts'
import { Responder } from './respond.ts'
import { TcpMessages, frameMessage } from './tcp.ts'
import type { DnsRequest, DnsServer, OpenSockets } from './types.ts'

/**
 * Serves until closed. With `redirect` the sockets have high ports, and a program of the
 * container can have port 53 for itself; without, they are bound to port 53 of 127.0.0.11.
 */
export async function serveDns(
  request: DnsRequest,
  options: {
    readonly names: NameRegistry
    readonly redirect: boolean
    /** A socket has failed: see {@link DnsServer.fault}. */
    readonly onFault?: () => void
  },
): Promise<DnsServer> {
  const { names, redirect, onFault = () => {} } = options
  const { netnsFd } = request
  const responder = new Responder(request, names)
  const redirection = new Redirection(netnsFd)
  const open = async (replace: boolean, given?: OpenSockets): Promise<Answering> => {
    const sockets = given ?? openSockets(netnsFd, redirect ? 0 : DNS_PORT)
    const answering = await answerOn(sockets, responder, onFault)
    try {
      const ports = { udp: sockets.udp.port, tcp: sockets.tcp.port }
      if (given) redirection.isLed()
      else if (redirect) redirection.lead(ports, { replace })
      return answering
    } catch (error) {
      await answering.close()
      throw error
    }
  }
  let answering = await open(request.isNew !== true, request.sockets)
  return {
    address: DNS_ADDRESS,
    mode: redirect ? 'redirect' : 'bound',
    fault: () => {
      if (!answering.isAlive()) return 'sockets gone'
      return redirect && !redirection.isWhole() ? 'rules gone' : undefined
    },
    mend: async () => {
      await answering.close()
      answering = await open(true)
    },
    update: (change) => {
      responder.update(change)
    },
    close: async () => {
      responder.close()
      await answering.close()
    },
  }
}

export interface Answering {
  /** Both sockets still take questions. */
  isAlive(): boolean
  /** Closed already is success. */
  close(): Promise<void>
}

/** Answers what comes by these sockets, which it owns from now on. */
export async function answerOn(
  sockets: OpenSockets,
  responder: Pick<Responder, 'respond'>,
  onFault: () => void = () => {},
): Promise<Answering> {
  const udp = createSocket('udp4')
  const connections = new Set<Socket>()
  const tcp = createServer((connection) => {
    connections.add(connection)
    connection.on('close', () => connections.delete(connection))
    answerStream(connection, responder)
  })
  answerDatagrams(udp, sockets.udp.fd, { responder, onFault })
  tcp.maxConnections = DNS_TCP_CONNECTIONS_MAX
  await adopt(udp, tcp, sockets)
  tcp.on('error', onFault)
  let isOpen = true
  return {
    // Who closes a socket by force (ss --kill) takes its port away, and leaves the descriptor.
    isAlive: () => isOpen && udp.address().port === sockets.udp.port && isListening(sockets.tcp.fd),
    close: async () => {
      if (!isOpen) return
      isOpen = false
      for (const connection of connections) connection.destroy()
      await Promise.all([closed(udp), closed(tcp)])
    },
  }
}

/** What a server listens on. */
export function socketsOf(port: number): Readonly<Record<'udp' | 'tcp', InetSocketRequest>> {
  const [address, backlog] = [DNS_ADDRESS, DNS_TCP_CONNECTIONS_MAX]
  return {
    udp: { protocol: 'udp', address, port },
    tcp: { protocol: 'tcp', address, port, backlog, reuseAddress: true },
  }
}

function openSockets(netnsFd: number, port: number): OpenSockets {
  const wanted = socketsOf(port)
  return withNamespace(netnsFd, 'net', () => {
    const udp = openInetSocket(wanted.udp)
    try {
      return { udp, tcp: openInetSocket(wanted.tcp) }
    } catch (error) {
      closeSync(udp.fd)
      throw error
    }
  })
}

function adopt(udp: UdpSocket, tcp: Server, sockets: OpenSockets): Promise<unknown> {
  return Promise.all([
    new Promise<void>((resolve, reject) => {
      udp.once('error', reject)
      udp.bind({ fd: sockets.udp.fd }, resolve)
    }),
    new Promise<void>((resolve, reject) => {
      tcp.once('error', reject)
      tcp.listen({ fd: sockets.tcp.fd }, resolve)
    }),
  ])
}

/**
 * What is known here is sent at once, and not through node: that is half the work. `fd` is that of
 * `socket`, which is open while it has messages.
 */
function answerDatagrams(
  socket: UdpSocket,
  fd: number,
  {
    responder,
    onFault,
  }: {
    readonly responder: Pick<Responder, 'respond'>
    readonly onFault: () => void
  },
): void {
  const sender = new DatagramSender(fd)
  let isClosed = false
  socket.on('close', () => {
    isClosed = true
  })
  socket.on('error', onFault) // or of one datagram, to an asker that is gone: then nothing is lost
  const sendLater = (late: Buffer | undefined, { port, address }: RemoteInfo): void => {
    if (late && !isClosed) socket.send(late, port, address)
  }
  socket.on('message', (message, from) => {
    const answer = responder.respond(message, 'udp')
    if (answer instanceof Promise) void answer.then((late) => sendLater(late, from))
    else if (answer) sender.send(answer, from)
  })
}

function answerStream(connection: Socket, responder: Pick<Responder, 'respond'>): void {
  const messages = new TcpMessages()
  connection.setTimeout(DNS_TCP_IDLE_MS, () => connection.destroy())
  connection.on('error', () => {}) // followed by close
  connection.on('data', (chunk) => {
    for (const message of messages.push(chunk)) void answerOne(connection, responder, message)
  })
}

async function answerOne(
  connection: Socket,
  responder: Pick<Responder, 'respond'>,
  message: Buffer,
): Promise<void> {
  const answer = await responder.respond(message, 'tcp')
  if (answer && connection.writable) connection.write(frameMessage(answer))
}

function closed(socket: UdpSocket | Server): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => {
      resolve()
    })
  })
}
