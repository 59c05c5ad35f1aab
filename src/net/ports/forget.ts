/** Makes the kernel forget datagrams' ways that lead where a published port no longer leads. */

import { isErrno } from '../../errors.ts'
import {
  NETLINK_NETFILTER,
  NetlinkSocket,
  deleteConnection,
  listConnections,
  parseConnections,
} from '../../linux/index.ts'
import { familyOf } from '../subnet.ts'
import { PROTOCOLS, isEveryAddress, type PortKey } from './elements.ts'

/**
 * A client that goes on sending from one port would be led to the old container for as long as it
 * does: udp has no end of a connection. Connections of tcp end with their container.
 */
export function forgetDatagrams(ports: readonly PortKey[]): void {
  const wanted = ports.filter(({ protocol }) => protocol === 'udp')
  if (wanted.length === 0) return
  using socket = new NetlinkSocket(NETLINK_NETFILTER)
  for (const family of new Set(wanted.map(({ hostIp }) => familyOf(hostIp)))) {
    const connections = parseConnections(socket.dump(listConnections(family)))
    for (const connection of connections) {
      const isOurs = wanted.some(
        ({ hostIp, published }) =>
          connection.protocol === PROTOCOLS.udp &&
          connection.destinationPort === published &&
          (isEveryAddress(hostIp) || hostIp === connection.destination),
      )
      if (isOurs) forget(socket, deleteConnection(connection))
    }
  }
}

function forget(socket: NetlinkSocket, request: ReturnType<typeof deleteConnection>): void {
  try {
    socket.request([request])
  } catch (error) {
    // It has ended by itself meanwhile.
    if (!isErrno(error, 'ENOENT')) throw error
  }
}
