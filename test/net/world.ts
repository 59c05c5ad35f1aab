/**
 * A machine of our own for one test file: network namespaces as host, containers and neighbours.
 */

import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createNetworkNamespace, openInetSocket, withNamespace } from '../../src/linux/index.ts'
import { declare } from '../../src/linux/libc.ts'
import type { Attachment, Net } from '../../src/net/index.ts'

const setns = declare('int setns(int, int)')

/** Moves this process for good to a new network namespace with `lo` up; children follow. */
export function enterHost(): void {
  const fd = createNetworkNamespace()
  if (setns(fd, 0x40000000) !== 0) throw new Error('setns failed')
  closeSync(fd)
  sh('ip link set lo up')
}

/** Runs a shell line on the host, or in the namespace `fd`; returns what it prints. */
export function sh(line: string, fd?: number): string {
  const [program = '', ...args] = inside(['sh', '-ec', line], fd)
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

export interface Result {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** As {@link sh} without blocking this process, whose servers may have to answer. */
export function run(line: string, fd?: number): Promise<Result> {
  const [program = '', ...args] = inside(['sh', '-ec', line], fd)
  return new Promise((resolve) => {
    execFile(program, args, { encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

function inside(command: readonly string[], fd: number | undefined): readonly string[] {
  return fd === undefined ? command : ['nsenter', `--net=/proc/${process.pid}/fd/${fd}`, ...command]
}

export interface Container extends Attachment {
  readonly fd: number
  readonly name: string
}

/** A namespace attached to `network`, as the engine makes one. */
export async function startContainer(
  net: Net,
  name: string,
  network: string,
  ...addresses: readonly string[]
): Promise<Container> {
  const fd = createNetworkNamespace()
  net.prepareNamespace(fd)
  const attachment = await net.attach({
    netnsFd: fd,
    container: name,
    network,
    address: addresses.find((one) => !one.includes(':')),
    address6: addresses.find((one) => one.includes(':')),
    defaultRoute: true,
  })
  return { fd, name, ...attachment }
}

/** A neighbour at `<prefix>.2` on the host's new interface `name`, which has `<prefix>.1`. */
export function connectNeighbour(
  name = 'lan0',
  prefix = '192.0.2',
  { ipv6 = true }: { readonly ipv6?: boolean } = {},
): number {
  const fd = createNetworkNamespace()
  sh(`ip link add ${name} type veth peer name lan1 netns /proc/${process.pid}/fd/${fd}
    ${certain(name)}
    ip addr add ${prefix}.1/24 dev ${name}
    ip link set ${name} up`)
  sh(
    `${certain('lan1')}
    ip link set lo up
    ip addr add ${prefix}.2/24 dev lan1
    ip link set lan1 up
    ip route add default via ${prefix}.1`,
    fd,
  )
  if (!ipv6) return fd
  sh(settled(name))
  sh(settled('lan1'), fd)
  return fd
}

/** A shell line: nobody is asked for seconds whether he has the link-local address of `link`. */
const certain = (link: string): string =>
  `! [ -e /proc/sys/net/ipv6 ] || echo 0 > /proc/sys/net/ipv6/conf/${link}/accept_dad`

/** That address comes once the kernel has seen both ends: before anybody looks what there is. */
const settled = (link: string): string =>
  `! [ -e /proc/sys/net/ipv6 ] ||
    until ip -6 -o addr show dev ${link} | grep fe80: | grep -qv tentative; do sleep 0.02; done`

/** Answers connections at `port` inside `fd` with `text` and the address they come from. */
export async function serveTcp(
  fd: number,
  port: number,
  text: string,
  address = '0.0.0.0',
): Promise<Server> {
  const socket = withNamespace(fd, 'net', () =>
    openInetSocket({ protocol: 'tcp', address, port, backlog: 16, reuseAddress: true }),
  )
  const server = createServer((connection) => {
    connection.on('error', () => {})
    connection.end(`HTTP/1.0 200 OK\r\n\r\n${text} ${connection.remoteAddress}`)
  })
  await new Promise<void>((resolve) => {
    server.listen({ fd: socket.fd }, resolve)
  })
  return server
}

/** Answers each datagram with itself behind `text`. */
export async function serveUdp(fd: number, port: number, text: string): Promise<UdpSocket> {
  const socket = withNamespace(fd, 'net', () =>
    openInetSocket({ protocol: 'udp', address: '0.0.0.0', port }),
  )
  const server = createSocket('udp4')
  server.on('message', (message, from) => {
    server.send(`${text} ${message.toString()} ${from.address}`, from.port, from.address)
  })
  await new Promise<void>((resolve) => {
    server.bind({ fd: socket.fd }, resolve)
  })
  return server
}

/**
 * What the kernel has: links, addresses, rules and the routing switch, without what changes by
 * itself.
 */
export function fingerprint(): string {
  const links = sh(
    'ip -o link | sed "s/NO-CARRIER,//; s/,LOWER_UP//; s/state [A-Z]*//; s/qlen [0-9]*//" | sort',
  )
  return [
    links,
    // Whether another has a link-local address is asked for a while.
    sh('ip -o addr | sed "s/ tentative//"'),
    sh('nft list ruleset').replaceAll(/packets \d+ bytes \d+/g, ''),
    // Without IPv6 the second is not there.
    sh('cd /proc/sys/net; cat ipv4/ip_forward ipv6/conf/all/forwarding 2> /dev/null || true'),
  ].join('\n')
}

/** A page that is to come, however long the machine takes: the bound is for one that hangs. */
export const fetchPage = (url: string, fd?: number): Promise<Result> =>
  run(`curl -sS --max-time 60 ${url}`, fd)

/** A page that is not to come: where packets are dropped, a second without a word is enough. */
export const fetchInVain = (url: string, fd?: number): Promise<Result> =>
  run(`curl -sS --connect-timeout 1 --max-time 10 ${url}`, fd)

interface UdpFrom {
  /** The namespace; the host's when absent. */
  readonly fd?: number | undefined
  /** The port; a free one when absent. */
  readonly port?: number
}

/** Sends a datagram, and returns the first answer as text. */
export async function askUdp(text: string, to: string, from: UdpFrom = {}): Promise<string> {
  const open = () => openInetSocket({ protocol: 'udp', address: '0.0.0.0', port: from.port ?? 0 })
  const { fd } = from.fd === undefined ? open() : withNamespace(from.fd, 'net', open)
  const socket = createSocket('udp4')
  try {
    await new Promise<void>((resolve) => {
      socket.bind({ fd }, resolve)
    })
    const [address = '', port] = to.split(':')
    const answer = once(socket, 'message')
    socket.send(text, Number(port), address)
    return String((await answer)[0])
  } finally {
    socket.close()
  }
}
