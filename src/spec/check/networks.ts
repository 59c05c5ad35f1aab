/** Checks that networks can be what they say: drivers, options, subnets, gateways. */
import type { Network } from '../model.ts'
import { isWithin, overlap, subnetOf, type Range } from '../units/ip.ts'
import type { CheckContext } from './check.ts'

/** `overlay` is one machine's bridge here, with a warning; the others are built. */
const DRIVERS = ['bridge', 'default', 'overlay', 'macvlan', 'ipvlan']
const MACVLAN_MODES = ['bridge', 'private', 'vepa', 'passthru']
const IPVLAN_MODES = ['l2', 'l3', 'l3s']
const IPVLAN_FLAGS = ['bridge', 'private', 'vepa']
/** IFNAMSIZ of the kernel without the closing zero. */
const INTERFACE_BYTES_MAX = 15

export function checkNetworks(context: CheckContext): void {
  const { report, feasibility, placeOf } = context
  for (const [name, network] of Object.entries(context.stack.networks ?? {})) {
    if (network.external === true || context.isDoubtful('networks', name)) continue
    for (const { path, problem } of networkProblems(network)) {
      const finding = {
        rule: 'invalid-network',
        place: placeOf(['networks', name, ...path]),
        message: `Cannot use the network "${name}": ${problem}`,
      } as const
      if (feasibility) report.error(finding)
      else report.warn(finding)
    }
  }
}

/** Something that a network cannot be, and where it is said. */
export interface NetworkProblem {
  readonly path: readonly (string | number)[]
  readonly problem: string
}

/** What is wrong with a network by itself, whoever asks for it. */
export function networkProblems(network: Network): readonly NetworkProblem[] {
  const problems: NetworkProblem[] = []
  const say: Say = (path, problem) => void problems.push({ path, problem })
  checkDriver(network, say)
  checkOptions(network, say)
  checkSubnets(network, say)
  if (network.enable_ipv4 === false && network.enable_ipv6 !== true) {
    say(['enable_ipv4'], 'it would have no addresses at all; set enable_ipv6: true as well')
  }
  return problems
}

type Say = (path: readonly (string | number)[], problem: string) => void

function checkDriver({ driver = 'bridge', driver_opts: options = {} }: Network, say: Say): void {
  if (driver !== '' && !DRIVERS.includes(driver)) {
    say(['driver'], `there is no driver "${driver}"; it is one of ${DRIVERS.join(', ')}`)
  }
  if ((driver === 'macvlan' || driver === 'ipvlan') && options['parent'] === undefined) {
    say(
      ['driver'],
      `${driver} needs the interface of the machine that it is on; name it in driver_opts.parent`,
    )
  }
}

/** What is wrong with the value of an option; undefined: nothing. */
type OptionCheck = (value: string) => string | undefined

const flag: OptionCheck = (value) =>
  /^(?:1|t|true|0|f|false)$/i.test(value) ? undefined : 'it is true or false'
const oneOf =
  (values: readonly string[]): OptionCheck =>
  (value) =>
    values.includes(value) ? undefined : `it is one of ${values.join(', ')}`
const mtu: OptionCheck = (value) =>
  /^\d+$/.test(value) && Number(value) >= 68 && Number(value) <= 65_535
    ? undefined
    : 'it is a number of bytes from 68 to 65535'
const anyValue: OptionCheck = () => undefined

/**
 * What is wrong with the name of an interface; undefined: nothing. @see dev_valid_name() of Linux
 */
export const interfaceName: OptionCheck = (value) => {
  if (new TextEncoder().encode(value).length > INTERFACE_BYTES_MAX) {
    return `it is longer than the ${INTERFACE_BYTES_MAX} bytes that the kernel takes`
  }
  const isValid = /^[^\s/:]+$/.test(value) && value !== '.' && value !== '..'
  return isValid ? undefined : 'it is no name of an interface'
}

const OPTIONS: Readonly<Record<string, OptionCheck>> = {
  mtu,
  'com.docker.network.driver.mtu': mtu,
  'com.docker.network.bridge.name': interfaceName,
  'com.docker.network.bridge.enable_icc': flag,
  'com.docker.network.bridge.enable_ip_masquerade': flag,
  'tsstack.anti_spoofing': flag,
  'com.docker.network.bridge.host_binding_ipv4': (value) =>
    subnetOf(`${value}/32`) ? undefined : 'it is an IPv4 address of this machine',
  'com.docker.network.container_iface_prefix': interfaceName,
  'com.docker.network.bridge.default_bridge': anyValue,
  'com.docker.network.bridge.inhibit_ipv4': anyValue,
  'com.docker.network.bridge.trusted_host_interfaces': anyValue,
  'com.docker.network.bridge.gateway_mode_ipv4': anyValue,
  'com.docker.network.bridge.gateway_mode_ipv6': anyValue,
  parent: interfaceName,
  macvlan_mode: oneOf(MACVLAN_MODES),
  ipvlan_mode: oneOf(IPVLAN_MODES),
  ipvlan_flag: oneOf(IPVLAN_FLAGS),
}

function checkOptions({ driver, driver_opts: options = {} }: Network, say: Say): void {
  if (driver === 'overlay') return
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined
    const problem = check
      ? check(value)
      : `no driver has it; options are ${Object.keys(OPTIONS).join(', ')}`
    if (problem !== undefined) say(['driver_opts', name], `option "${name}": ${problem}`)
  }
}

function checkSubnets(network: Network, say: Say): void {
  const seen: { readonly text: string; readonly range: Range }[] = []
  const config = (network as Partial<Network>).ipam?.config ?? []
  for (const [at, pool] of config.entries()) {
    const { subnet } = pool
    if (subnet === undefined) continue
    const path = ['ipam', 'config', at]
    const range = subnetOf(subnet)
    if (!range) {
      say([...path, 'subnet'], `"${subnet}" is no subnet; write it as 10.1.0.0/24 or fd00:1::/64`)
      continue
    }
    const clash = seen.find((one) => overlap(one.range, range))
    if (clash) say([...path, 'subnet'], `subnet ${subnet} overlaps its subnet ${clash.text}`)
    seen.push({ text: subnet, range })
    checkPool({ ...pool, subnet, range }, path, say)
  }
}

interface Pool {
  readonly subnet: string
  readonly range: Range
  readonly gateway?: string
  readonly ip_range?: string
  readonly aux_addresses?: Readonly<Record<string, unknown>>
}

function checkPool(pool: Pool, path: readonly (string | number)[], say: Say): void {
  const { subnet, range, gateway, ip_range: part, aux_addresses: auxiliary = {} } = pool
  if (gateway !== undefined && !isWithin(range, gateway)) {
    say([...path, 'gateway'], `gateway ${gateway} is outside of ${subnet}`)
  }
  if (part !== undefined && !isPartOf(range, part)) {
    say([...path, 'ip_range'], `ip_range ${part} is not a part of ${subnet}`)
  }
  for (const [name, value] of Object.entries(auxiliary)) {
    const address = String(value)
    const place = [...path, 'aux_addresses', name]
    if (!isWithin(range, address)) say(place, `address ${address} is outside of ${subnet}`)
    else if (address === gateway) say(place, `address ${address} is the gateway`)
  }
}

function isPartOf(whole: Range, text: string): boolean {
  const part = subnetOf(text)
  return part?.family === whole.family && part.first >= whole.first && part.last <= whole.last
}
