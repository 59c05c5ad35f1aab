/** Networks of a stack, and how a container is attached to them. */

import type { Network, ServiceNetwork, Stack } from '../../spec/index.ts'
import type { NetworkAttachment, NetworkMode, NetworkSpec } from '../model.ts'
import { compareNames, sortedNames } from '../order.ts'
import type { Place } from './context.ts'
import { present } from './units.ts'

/** Sorted by key. */
export function networkSpecs(stack: Stack): readonly NetworkSpec[] {
  const networks: Readonly<Record<string, Network>> = {
    ...(usesBridgeMode(stack) ? { default: defaultNetwork(stack) } : {}),
    ...stack.networks,
  }
  return sortedNames(Object.keys(networks)).flatMap((key) => {
    const network = networks[key]
    return network === undefined ? [] : [networkSpec(key, network)]
  })
}

export function networkModeOf(place: Place): NetworkMode {
  const mode = place.service.network_mode
  if (mode === undefined) return { kind: 'networks', attachments: attachmentsOf(place) }
  const [kind = '', ...rest] = mode.split(':')
  const other = rest.join(':')
  switch (kind) {
    case 'none':
    case 'host':
      return { kind }
    case 'service':
      return { kind, service: other }
    case 'container':
      return { kind, container: other }
    default:
      return { kind: 'networks', attachments: [bridgeAttachment(place, mode)] }
  }
}

/** In the order of attaching: highest `priority` first, then by key. */
function attachmentsOf(place: Place): readonly NetworkAttachment[] {
  const { networks = {}, mac_address: macAddress } = place.service
  const attachments = sortedNames(Object.keys(networks))
    .map((key) => attachmentOf(place, key, networks[key] ?? {}))
    .toSorted((a, b) => b.priority - a.priority)
  const [first, ...others] = attachments
  // The service's own address moved to its first network; one of the network wins.
  return first === undefined || macAddress === undefined
    ? attachments
    : [{ macAddress, ...first }, ...others]
}

function attachmentOf(place: Place, key: string, network: ServiceNetwork): NetworkAttachment {
  return present({
    network: place.stack.networks?.[key]?.name ?? `${place.stack.name}_${key}`,
    aliases: aliasesOf(place, network.aliases),
    ipv4Address: network.ipv4_address,
    ipv6Address: network.ipv6_address,
    macAddress: network.mac_address,
    linkLocalAddresses: orNothing(network.link_local_ips),
    interfaceName: network.interface_name,
    driverOptions: orNothing(network.driver_opts),
    gatewayPriority: network.gw_priority ?? 0,
    priority: network.priority ?? 0,
  })
}

/** Service, container, and what the file adds. */
function aliasesOf(
  { serviceName, name }: Place,
  aliases: readonly string[] = [],
): readonly string[] {
  return [...new Set([serviceName, name, ...aliases])]
}

/**
 * Docker's `bridge` is a network of the host that all stacks share; here it is the stack's own
 * default one.
 */
function bridgeAttachment(place: Place, mode: string): NetworkAttachment {
  const isDefault = mode === 'bridge' || mode === 'default'
  return {
    network: isDefault ? defaultNetworkName(place.stack) : mode,
    aliases: aliasesOf(place),
    gatewayPriority: 0,
    priority: 0,
  }
}

function usesBridgeMode({ services }: Stack): boolean {
  const modes = Object.values(services).map((service) => service.network_mode)
  return modes.includes('bridge') || modes.includes('default')
}

function defaultNetwork(stack: Stack): Network {
  return { name: defaultNetworkName(stack), ipam: {} }
}

function defaultNetworkName({ name, networks }: Stack): string {
  return networks?.['default']?.name ?? `${name}_default`
}

function networkSpec(key: string, network: Network): NetworkSpec {
  return {
    key,
    name: network.name,
    external: network.external ?? false,
    internal: network.internal ?? false,
    driver: network.driver ?? 'bridge',
    driverOptions: network.driver_opts ?? {},
    ...(network.enable_ipv4 === false ? { ipv4: false } : {}),
    ipv6: network.enable_ipv6 ?? false,
    // Compose prints no ipam for an external network.
    subnets: ((network as Partial<Network>).ipam?.config ?? [])
      .flatMap(({ subnet, gateway, ip_range: range, aux_addresses: others }) => {
        if (subnet === undefined) return []
        const auxiliary = orNothing(Object.values(others ?? {}))
        return [present({ subnet, gateway, range, auxiliary })]
      })
      .toSorted((a, b) => compareNames(a.subnet, b.subnet)),
    labels: network.labels ?? {},
  }
}

/** Nothing said and an empty list are the same, and leave no trace in the spec. */
function orNothing<T extends object>(value: T | undefined): T | undefined {
  return value === undefined || Object.keys(value).length === 0 ? undefined : value
}
