/**
 * Holds ports of the host by bound sockets, so that no other program can take what is published.
 */

import { closeSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { EngineError } from '../../errors.ts'
import { openInetSocket } from '../../linux/index.ts'
import { isErrno } from '../attach.ts'
import { findPortOwner } from './owner.ts'
import type { PortRequest } from '../types.ts'

export const ANY_ADDRESS = '0.0.0.0'

export interface Reservation {
  readonly protocol: 'tcp' | 'udp'
  readonly hostIp: string
  readonly published: number
  /** A bound socket. A tcp one listens only when it was asked to. */
  readonly fd: number
}

export interface ReserveRequest {
  readonly port: PortRequest
  /** For messages. */
  readonly service: string
  /** tcp: accept connections (for a proxy) instead of only being in the way. */
  readonly listen: boolean
  /**
   * Who holds the port as far as we know ourselves: `service "api" of stack "shop"`; asked when
   * it is taken.
   */
  readonly knownOwner: (query: {
    readonly protocol: 'tcp' | 'udp'
    readonly hostIp: string
    readonly published: number
  }) => string | undefined
}

/** Binds the port, or the first free one of its range, or any. Throws PORT_IN_USE. */
export function reservePort(request: ReserveRequest): Reservation {
  const { port, service } = request
  const hostIp = port.hostIp ?? ANY_ADDRESS
  checkHostIp(hostIp, service)
  const { first, last } = port.published ?? { first: 0, last: 0 }
  for (let published = first; published <= last; published++) {
    const known =
      published > 0 ? request.knownOwner({ protocol: port.protocol, hostIp, published }) : undefined
    const held = known === undefined ? tryBind(request, hostIp, published) : undefined
    if (held) return { protocol: port.protocol, hostIp, ...held }
    if (first === last) throw inUse(request, published, known)
  }
  throw new EngineError(
    'PORT_IN_USE',
    `Cannot publish port ${first}-${last} of "${service}": all of them are in use; stop what uses them or change the published ports`,
  )
}

export function releasePort({ fd }: Reservation): void {
  closeSync(fd)
}

/** The bound socket; undefined when the port is taken. */
function tryBind(
  { port, service, listen }: ReserveRequest,
  address: string,
  published: number,
): { readonly fd: number; readonly published: number } | undefined {
  const { protocol } = port
  const socket = {
    protocol,
    address,
    port: published,
    ...(listen && protocol === 'tcp' ? { backlog: 511 } : {}),
  }
  try {
    const { fd, port: bound } = openInetSocket({ ...socket, discard: !listen })
    return { fd, published: bound }
  } catch (error) {
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

function inUse(
  { port, service }: ReserveRequest,
  published: number,
  known: string | undefined,
): EngineError {
  const { protocol } = port
  const holder = findPortOwner({ protocol, ip: port.hostIp ?? ANY_ADDRESS, port: published })
  const owner = known ?? (holder ? `${holder.command} (pid ${holder.pid})` : 'another program')
  const name = protocol === 'udp' ? `${published}/udp` : `${published}`
  return new EngineError(
    'PORT_IN_USE',
    `Cannot publish port ${name} of "${service}": it is used by ${owner}; stop it or change the published port`,
  )
}

function checkHostIp(hostIp: string, service: string): void {
  if (isIPv4(hostIp)) return
  throw new EngineError(
    'NOT_SUPPORTED',
    `Cannot publish a port of "${service}" on "${hostIp}": only IPv4 addresses of this machine are supported`,
  )
}

function noSuchAddress(service: string, published: number, hostIp: string): EngineError {
  return new EngineError(
    'ACTION_FAILED',
    `Cannot publish port ${published} of "${service}" on ${hostIp}: no interface of this machine has that address`,
  )
}
