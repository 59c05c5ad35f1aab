/**
 * Holds ports of the host by bound sockets, so that no other program can take what is published.
 */

import { closeSync } from 'node:fs'
import { isIP } from 'node:net'
import { EngineError, isErrno } from '../../errors.ts'
import { openInetSocket } from '../../linux/index.ts'
import type { PortRequest } from '../types.ts'
import type { PortKey } from './elements.ts'
import { findPortOwner } from './owner.ts'

export interface Reservation extends PortKey {
  /** A bound socket. A tcp one listens only when it was asked to. */
  readonly fd: number
}

export interface ReserveRequest {
  readonly port: PortRequest
  /** Addresses of the host that are to have the same port. */
  readonly hostIps: readonly string[]
  /** For messages. */
  readonly service: string
  /** tcp: accept connections (for a proxy) instead of only being in the way. */
  readonly listen: boolean
  /** As of `openInetSocket`. */
  readonly outside?: number | undefined
  /**
   * Who else has the port as far as we know ourselves: `container "api-1"`; not those with whom it
   * may be shared.
   */
  readonly holderOf: (key: PortKey, isOnlyChoice: boolean) => string | undefined
  /** A socket that this process holds already. */
  readonly held: (key: PortKey) => Reservation | undefined
}

/** Binds the port, or the first free one of its range, or any. Throws PORT_IN_USE. */
export function reservePort(request: ReserveRequest): readonly Reservation[] {
  const { port, service, hostIps } = request
  for (const hostIp of hostIps) checkHostIp(hostIp, service)
  const { first, last } = port.published ?? { first: 0, last: 0 }
  let owner: string | undefined
  for (let published = first; published <= last; published++) {
    const taken = published === 0 ? takeAny(request) : takeAll(request, published)
    if (typeof taken === 'object') return taken
    owner = taken
  }
  if (first === last) throw inUse(request, first, owner)
  throw new EngineError(
    'PORT_IN_USE',
    `Cannot publish port ${first}-${last} of "${service}": all of them are in use; ` +
      'stop what uses them or change the published ports',
  )
}

export function releasePort({ fd }: Reservation): void {
  closeSync(fd)
}

/** A number that the kernel finds free for the first address and that the others have free too. */
function takeAny(request: ReserveRequest): readonly Reservation[] | string {
  const { port, hostIps } = request
  const [first = ''] = hostIps
  for (let attempt = 0; attempt < EPHEMERAL_ATTEMPTS_MAX; attempt++) {
    const probe = tryBind(request, first, 0)
    if (probe === undefined) break
    const held = { protocol: port.protocol, hostIp: first, ...probe }
    const rest = takeAll({ ...request, hostIps: hostIps.slice(1) }, probe.published)
    if (typeof rest === 'object') return [held, ...rest]
    releasePort(held)
  }
  return 'other programs'
}

const EPHEMERAL_ATTEMPTS_MAX = 16

/** All addresses at this number, or who has one of them. */
function takeAll(request: ReserveRequest, published: number): readonly Reservation[] | string {
  const { port, hostIps } = request
  const isOnlyChoice = port.published?.first === port.published?.last
  const taken: Reservation[] = []
  for (const hostIp of hostIps) {
    const key = { protocol: port.protocol, hostIp, published }
    const known = request.holderOf(key, isOnlyChoice)
    const held = request.held(key)
    const bound = known === undefined && !held ? tryBind(request, hostIp, published) : undefined
    if (bound) taken.push({ ...key, ...bound })
    else if (known !== undefined || !held) {
      taken.forEach(releasePort)
      return known ?? programAt(port.protocol, hostIp, published)
    }
  }
  return taken
}

/** The bound socket; undefined when the port is taken. */
function tryBind(
  { port, service, listen, outside }: ReserveRequest,
  address: string,
  published: number,
): { readonly fd: number; readonly published: number } | undefined {
  const { protocol } = port
  const socket = {
    protocol,
    address,
    port: published,
    outside,
    ...(listen && protocol === 'tcp' ? { backlog: 511 } : {}),
  }
  try {
    // A proxy has connections of its own there, which stay for a minute after their end: whoever is
    // next gets past them only when both have said so.
    const reuseAddress = listen && protocol === 'tcp'
    const { fd, port: bound } = openInetSocket({ ...socket, discard: !listen, reuseAddress })
    return { fd, published: bound }
  } catch (error) {
    if (isErrno(error, 'EACCES')) throw onlyForRoot(service, published)
    if (isErrno(error, 'EADDRNOTAVAIL')) throw noSuchAddress(service, published, address)
    if (!isErrno(error, 'EADDRINUSE')) throw error
  }
  // Connections that ended a minute ago are in the way too, but not of somebody who says reuse; a
  // listener is.
  if (protocol === 'udp' || findPortOwner({ protocol, ip: address, port: published }))
    return undefined
  try {
    const { fd } = openInetSocket({ ...socket, reuseAddress: true })
    return { fd, published }
  } catch (error) {
    if (isErrno(error, 'EADDRINUSE')) return undefined
    throw error
  }
}

function programAt(protocol: 'tcp' | 'udp', ip: string, port: number): string {
  const holder = findPortOwner({ protocol, ip, port })
  if (!holder) return 'another program'
  const unit = holder.unit === undefined ? '' : `, of ${holder.unit}`
  return `${holder.command} (pid ${holder.pid}${unit})`
}

function inUse(
  { port, service }: ReserveRequest,
  published: number,
  owner: string | undefined,
): EngineError {
  const name = port.protocol === 'udp' ? `${published}/udp` : `${published}`
  return new EngineError(
    'PORT_IN_USE',
    `Cannot publish port ${name} of "${service}": it is used by ${owner ?? 'another program'}; ` +
      'stop it or change the published port',
  )
}

function checkHostIp(hostIp: string, service: string): void {
  if (isIP(hostIp) > 0) return
  throw new EngineError(
    'NOT_SUPPORTED',
    `Cannot publish a port of "${service}" on "${hostIp}": it is no IP address; ` +
      'write one of this machine, such as 127.0.0.1',
  )
}

/** @see ip(7), ip_unprivileged_port_start */
function onlyForRoot(service: string, published: number): EngineError {
  return new EngineError(
    'ACTION_FAILED',
    `Cannot publish port ${published} of "${service}": ports below 1024 are for root`,
    {
      hint:
        'publish a higher one, or let everybody have them, as root: ' +
        `sysctl -w net.ipv4.ip_unprivileged_port_start=${published}`,
    },
  )
}

function noSuchAddress(service: string, published: number, hostIp: string): EngineError {
  return new EngineError(
    'ACTION_FAILED',
    `Cannot publish port ${published} of "${service}" on ${hostIp}: no interface of this machine has that address`,
  )
}
