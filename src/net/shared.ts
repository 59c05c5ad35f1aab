/** Networks on an interface of the machine: macvlan and ipvlan. */

import { EngineError, isErrno } from '../errors.ts'
import {
  createBridge,
  createShared,
  getLink,
  parseLinks,
  setLink,
  type Link,
  type NetlinkRequest,
  type NetlinkSocket,
  type Shared,
} from '../linux/index.ts'
import { formatAlias } from './interface-name.ts'
import type { NetworkDriver } from './types.ts'

/**
 * Makes `eth0.10` (VLAN 10 of eth0) when it is not there; any other parent has to exist. What is
 * made belongs to the network, and goes with it.
 */
export function ensureParent(
  socket: NetlinkSocket,
  rootId: string,
  network: { readonly name: string; readonly stack: string; readonly parent: string },
): void {
  const { name, stack, parent } = network
  const { under, id } = checkParent(socket, name, parent)
  if (!under) return
  const alias = formatAlias(rootId, {
    kind: 'container',
    network: name,
    container: `vlan-${stack}`,
  })
  explained(name, 'VLAN', () => {
    socket.request([
      createShared(parent, { kind: 'vlan', id: Number(id) }, { parent: under.index }),
      setLink({ name: parent }, { alias, up: true }),
    ])
  })
}

/**
 * Throws unless `parent` exists or can be made; `under` is what it is to be made on, as VLAN `id`.
 */
export function checkParent(
  socket: NetlinkSocket,
  network: string,
  parent: string,
): { readonly under: Link | undefined; readonly id: string } {
  if (findParent(socket, parent)) return { under: undefined, id: '' }
  const [, base = '', id = ''] = /^(.+)\.(\d{1,4})$/.exec(parent) ?? []
  const under = base === '' ? undefined : findParent(socket, base)
  if (under) return { under, id }
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot create network "${network}": its parent "${parent}" is no interface of this machine; ` +
      'name one that "ip link" lists under driver_opts.parent',
  )
}

/** The interface of one container, made inside its namespace. */
export function sharedRequest(
  socket: NetlinkSocket,
  driver: Exclude<NetworkDriver, { readonly kind: 'bridge' }>,
  own: {
    readonly network: string
    readonly name: string
    readonly netnsFd: number
    readonly mac: string
    readonly mtu: number | undefined
  },
): NetlinkRequest {
  const parent = findParent(socket, driver.parent)
  if (!parent) {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot connect to network "${own.network}": its parent "${driver.parent}" is gone`,
    )
  }
  const shared: Shared =
    driver.kind === 'macvlan'
      ? { kind: 'macvlan', mode: driver.mode }
      : { kind: 'ipvlan', mode: driver.mode, flag: driver.flag }
  return createShared(own.name, shared, {
    parent: parent.index,
    netnsFd: own.netnsFd,
    ...(own.mtu === undefined ? {} : { mtu: own.mtu }),
    // All of ipvlan have the hardware address of the parent.
    ...(driver.kind === 'macvlan' ? { mac: own.mac } : {}),
  })
}

/**
 * Throws when the kernel could not make such an interface. It is asked for one with a name that no
 * interface can have: what it does not know is refused before that (rtnl_newlink).
 */
export function checkKind(socket: NetlinkSocket, network: string, kind: 'bridge'): void {
  explained(network, kind, () => {
    try {
      socket.request([createBridge('a/b', { mtu: 1500, mac: '02:00:00:00:00:00' })])
    } catch (error) {
      if (!isErrno(error, 'EINVAL')) throw error
    }
  })
}

/** Runs `make`; a kernel without the kind of interface gets a name for what it lacks. */
export function explained(network: string, kind: string, make: () => void): void {
  try {
    make()
  } catch (error) {
    throw explanation(network, kind, error)
  }
}

/** What is thrown instead of `error`: the same, unless the kernel lacks the kind of interface. */
export function explanation(network: string, kind: string, error: unknown): unknown {
  if (!isErrno(error, 'EOPNOTSUPP')) return error
  return new EngineError(
    'NOT_SUPPORTED',
    `Cannot make interfaces of network "${network}": this kernel has no ${kind}; ` +
      `load its module (modprobe ${kind === 'VLAN' ? '8021q' : kind})` +
      (kind === 'bridge' ? '' : ', or use the driver "bridge"'),
    { cause: error },
  )
}

function findParent(socket: NetlinkSocket, name: string): Link | undefined {
  try {
    return parseLinks(socket.request([getLink({ name })]))[0]
  } catch (error) {
    if (isErrno(error, 'ENODEV')) return undefined
    throw error
  }
}
