/** From the stack's words for a network to what the network room is asked for. */

import type {
  IpvlanFlag,
  IpvlanMode,
  MacvlanMode,
  NetworkDriver,
  NetworkRequest,
} from '../../net/index.ts'
import type { NetworkSpec } from '../../planner/index.ts'

/** Options of Docker's drivers that have an effect, by what they are called here. */
const OPTIONS = {
  mtu: ['com.docker.network.driver.mtu', 'mtu'],
  bridge: ['com.docker.network.bridge.name'],
  icc: ['com.docker.network.bridge.enable_icc'],
  masquerade: ['com.docker.network.bridge.enable_ip_masquerade'],
  guarded: ['tsstack.anti_spoofing'],
  hostBinding: ['com.docker.network.bridge.host_binding_ipv4'],
  prefix: ['com.docker.network.container_iface_prefix'],
  parent: ['parent'],
  macvlanMode: ['macvlan_mode'],
  ipvlanMode: ['ipvlan_mode'],
  ipvlanFlag: ['ipvlan_flag'],
} as const

/** The value of an option of the network's driver; undefined when it is not said. */
export function optionOf(spec: NetworkSpec, option: keyof typeof OPTIONS): string | undefined {
  const names: readonly string[] = OPTIONS[option]
  return names.map((name) => spec.driverOptions[name]).find((value) => value !== undefined)
}

/** `kept`: the subnets it had before, for those that the stack file leaves open. */
export function networkRequest(
  stack: string,
  spec: NetworkSpec,
  kept: readonly string[],
): NetworkRequest {
  const mtu = optionOf(spec, 'mtu')
  const subnets = spec.subnets.map(({ subnet, gateway }) => ({ subnet, gateway }))
  const hasIpv6 = spec.ipv6 || subnets.some(({ subnet }) => subnet.includes(':'))
  return {
    name: spec.name,
    stack,
    internal: spec.internal,
    subnets: subnets.length > 0 ? subnets : kept.map((subnet) => ({ subnet })),
    ipv4: spec.ipv4 ?? true,
    ipv6: hasIpv6,
    mtu: mtu === undefined ? undefined : Number(mtu),
    bridge: optionOf(spec, 'bridge'),
    icc: isOn(optionOf(spec, 'icc')),
    masquerade: isOn(optionOf(spec, 'masquerade')),
    guarded: isGuarded(spec),
    driver: driverOf(spec),
  }
}

/** Whether its containers may send under their own addresses only. */
export function isGuarded(spec: NetworkSpec): boolean {
  return isOn(optionOf(spec, 'guarded') ?? 'false')
}

/** As Go reads it: `1`, `t`, `true` and their opposites. */
function isOn(value: string | undefined): boolean {
  return value === undefined || /^(?:1|t|true)$/i.test(value)
}

function driverOf(spec: NetworkSpec): NetworkDriver {
  const parent = optionOf(spec, 'parent') ?? ''
  if (spec.driver === 'macvlan') {
    const mode = (optionOf(spec, 'macvlanMode') ?? 'bridge') as MacvlanMode
    return { kind: 'macvlan', parent, mode }
  }
  if (spec.driver === 'ipvlan') {
    const mode = (optionOf(spec, 'ipvlanMode') ?? 'l2') as IpvlanMode
    return {
      kind: 'ipvlan',
      parent,
      mode,
      flag: (optionOf(spec, 'ipvlanFlag') ?? 'bridge') as IpvlanFlag,
    }
  }
  return { kind: 'bridge' }
}
