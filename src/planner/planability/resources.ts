/** Values without effect in networks and volumes. */

import type { Network, Volume } from '../../spec/index.ts'
import type { Gap } from '../planability.ts'
import { saysSomething } from './service-keys.ts'

export function networkGaps(network: Network): readonly Gap[] {
  if (network.external === true) return []
  // Compose prints no ipam for some networks.
  const { driver, config = [] } = (network as Partial<Network>).ipam ?? {}
  return [
    ...unless(['bridge', 'default'], network.driver, {
      path: ['driver'],
      instead: 'every network is a bridge',
    }),
    ...unless(['default'], driver, {
      path: ['ipam', 'driver'],
      instead: 'addresses are given out by tsstack',
    }),
    ...(network.enable_ipv4 === false
      ? [{ path: ['enable_ipv4'], instead: 'every network has IPv4' }]
      : []),
    ...(network.enable_ipv6 === true
      ? [{ path: ['enable_ipv6'], instead: 'every network has IPv4 only' }]
      : []),
    ...Object.keys(network.driver_opts ?? {})
      .filter((name) => name !== 'com.docker.network.driver.mtu' && name !== 'mtu')
      .map((name) => ({ path: ['driver_opts', name], instead: 'only the MTU can be set' })),
    ...config.flatMap(({ aux_addresses: addresses }, at) =>
      saysSomething(addresses)
        ? [{ path: ['ipam', 'config', at, 'aux_addresses'], instead: 'no address is set aside' }]
        : [],
    ),
  ]
}

export function volumeGaps(volume: Volume): readonly Gap[] {
  if (volume.external === true) return []
  const instead = 'every volume is a folder of this machine'
  const options = saysSomething(volume.driver_opts) ? [{ path: ['driver_opts'], instead }] : []
  return [...unless(['local', 'default'], volume.driver, { path: ['driver'], instead }), ...options]
}

function unless(values: readonly string[], value: string | undefined, gap: Gap): readonly Gap[] {
  return value === undefined || value === '' || values.includes(value) ? [] : [gap]
}
