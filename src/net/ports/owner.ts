/** Which program holds a port: from /proc, for the message that says why it cannot be published. */

import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { addressBytes } from '../../linux/index.ts'

export interface PortQuery {
  readonly protocol: 'tcp' | 'udp'
  readonly ip: string
  readonly port: number
}

export interface PortHolder {
  readonly pid: number
  /** `nginx` */
  readonly command: string
  /** The unit of systemd that it belongs to: `nginx.service`. */
  readonly unit: string | undefined
}

/**
 * The process whose socket is in the way of binding `query` in this network namespace; undefined
 * when none is visible: it may run in another pid namespace, or hold a tcp port without
 * listening.
 */
export function findPortOwner(query: PortQuery): PortHolder | undefined {
  const inodes = new Set(
    [query.protocol, `${query.protocol}6`].flatMap((table) => holdingInodes(table, query)),
  )
  return inodes.size === 0 ? undefined : findProcess(inodes)
}

const TCP_LISTEN = '0A' // include/net/tcp_states.h
const ANY = new Set(['00000000', '0'.repeat(32)])

function holdingInodes(table: string, { protocol, ip, port }: PortQuery): readonly string[] {
  // thread-self: /proc/net is the namespace of the process, which a thread may have left.
  const lines = readText(`/proc/thread-self/net/${table}`).split('\n').slice(1)
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    const [address = '', hexPort = ''] = local.split(':')
    const isHeld = protocol === 'udp' || state === TCP_LISTEN
    if (!isHeld || Number.parseInt(hexPort, 16) !== port || inode === undefined) return []
    const isAny = ip === '0.0.0.0' || ip === '::'
    return isAny || ANY.has(address) || address.endsWith(hexAddress(ip)) ? [inode] : []
  })
}

/** As /proc/net/tcp prints it: each four bytes of the address as one number of this machine. */
function hexAddress(ip: string): string {
  return addressBytes(ip).swap32().toString('hex').toUpperCase()
}

function findProcess(inodes: ReadonlySet<string>): PortHolder | undefined {
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`))
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    if (!holdsOne(name, links)) continue
    return { pid: Number(name), command: commandOf(name), unit: unitOf(name) }
  }
  return undefined
}

function holdsOne(pid: string, links: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => isOneOf(`/proc/${pid}/fd/${fd}`, links))
  } catch {
    return false // ended meanwhile, or not ours to look at
  }
}

function isOneOf(path: string, links: ReadonlySet<string>): boolean {
  try {
    return links.has(readlinkSync(path))
  } catch {
    return false
  }
}

function commandOf(pid: string): string {
  const [program = ''] = readText(`/proc/${pid}/cmdline`).split('\0')
  // A server may write its title there: `nginx: master process …`.
  return basename(program.split(/:? /)[0] ?? '') || readText(`/proc/${pid}/comm`).trim()
}

/** `…/system.slice/nginx.service`: the last part of its cgroup that is a unit. */
function unitOf(pid: string): string | undefined {
  const units = readText(`/proc/${pid}/cgroup`).match(/[^/\n]+\.service(?=[/\n])/g)
  return units?.at(-1)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
