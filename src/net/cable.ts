/** What a cable is like that connects a container to a network. */

import type { Cable } from './attach.ts'
import { macOf } from './lease.ts'
import { familyOf, isInside, parseSubnet } from './subnet.ts'
import type { AttachRequest, NetworkState } from './types.ts'

/** What the container's end of a connection to `network` is like. */
export function cableOf(network: NetworkState, request: AttachRequest): Omit<Cable, 'outside'> {
  const { address, address6, linkLocalAddresses = [] } = request
  const isDefault = { 4: request.defaultRoute, 6: request.defaultRoute6 ?? request.defaultRoute }
  const own = [address, address6].filter((one) => one !== undefined)
  const places = own.map((one) => ({ address: one, ...placeIn(network, one) }))
  return {
    netnsFd: request.netnsFd,
    beside: request.beside === true,
    interfaceName: request.interfaceName ?? 'eth0',
    mac: request.mac ?? macOf(own[0] ?? '::'),
    addresses: [
      ...places.map((one) => ({ address: one.address, prefixLength: one.prefixLength })),
      ...linkLocalAddresses.map((one) => ({
        address: one,
        prefixLength: familyOf(one) === 4 ? 16 : 64,
      })),
    ],
    gateways: places.flatMap((one) =>
      !network.internal && isDefault[familyOf(one.address)] ? one.gateway : [],
    ),
    sysctls: request.sysctls ?? {},
  }
}

/** The subnet of `network` that holds `address`: its size, and the way out of it. */
function placeIn(
  network: NetworkState,
  address: string,
): { readonly prefixLength: number; readonly gateway: readonly string[] } {
  const at = network.subnets.findIndex((subnet) => isInside(subnet, address))
  const gateway = network.gateways[at]
  return {
    prefixLength: at < 0 ? 24 : parseSubnet(network.subnets[at] ?? '').prefixLength,
    gateway: gateway === undefined ? [] : [gateway],
  }
}
