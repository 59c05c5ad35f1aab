/** Checks what services ask of their networks: addresses, and names of interfaces. */
import type { Network, ServiceNetwork } from '../model.ts'
import { addressOf, isWithin, subnetOf, type Range } from '../units/ip.ts'
import { bitRateOf, faultTexts, latencyMsOf, percentOf } from '../units/faults.ts'
import type { CheckContext, ServiceRule } from './check.ts'
import { interfaceName } from './networks.ts'

export const checkAttachments: ServiceRule = (name, service, context) => {
  const names = new Set<string>()
  for (const [key, attachment] of Object.entries(service.networks ?? {})) {
    if (attachment === null) continue
    const say = sayer(context, name, ['networks', key])
    checkAddresses(attachment, context.stack.networks?.[key], say)
    checkMac(attachment.mac_address, say)
    checkInterface(attachment.interface_name, names, say)
  }
}

const FAULTS = {
  latency: { read: latencyMsOf, example: '100ms' },
  loss: { read: percentOf, example: '5%' },
  rate: { read: bitRateOf, example: '10mbit' },
} as const

/** `x-net: { latency: 100ms, loss: 5%, rate: 10mbit }` */
export const checkFaults: ServiceRule = (name, service, { report, placeOf }) => {
  for (const [key, text] of Object.entries(faultTexts(service) ?? {})) {
    const fault = Object.hasOwn(FAULTS, key) ? FAULTS[key as keyof typeof FAULTS] : undefined
    if (fault?.read(text) !== undefined) continue
    const problem = fault
      ? `${key} is written as ${fault.example}`
      : `x-net has no "${key}"; it has ${Object.keys(FAULTS).join(', ')}`
    report.error({
      rule: 'invalid-x-net',
      place: placeOf(['services', name, 'x-net', key]),
      message: `Cannot degrade the network of "${name}": ${problem}`,
    })
  }
}

/** Two containers cannot have one address. */
export function checkSharedAddresses(context: CheckContext): void {
  const holders = new Map<string, string>()
  for (const [name, service] of Object.entries(context.activation.active)) {
    const count = service.scale ?? service.deploy?.replicas ?? 1
    for (const [key, attachment] of Object.entries(service.networks ?? {})) {
      const fields = ['ipv4_address', 'ipv6_address', 'mac_address'] as const
      for (const field of fields) {
        const address = attachment?.[field]
        if (address === undefined) continue
        const say = sayer(context, name, ['networks', key])
        const id = `${key} ${address.toLowerCase()}`
        const other = holders.get(id)
        if (other !== undefined)
          say([field], `${address} belongs to the service "${other}" already`)
        else if (count > 1) say([field], `${count} containers cannot all have ${address}`)
        holders.set(id, name)
      }
    }
  }
}

type Say = (path: readonly (string | number)[], problem: string) => void

function sayer(
  { report, placeOf }: CheckContext,
  service: string,
  inside: readonly (string | number)[],
): Say {
  return (path, problem) =>
    report.error({
      rule: 'invalid-network',
      place: placeOf(['services', service, ...inside, ...path]),
      message: `Cannot connect "${service}": ${problem}`,
    })
}

function checkAddresses(attachment: ServiceNetwork, network: Network | undefined, say: Say): void {
  const { ipv4_address: ipv4, ipv6_address: ipv6, link_local_ips: others = [] } = attachment
  const pools = poolsOf(network)
  const check = (field: string, family: 4 | 6, address: string): void => {
    const isForeign = network?.external === true
    const problem =
      addressOf(address)?.family === family
        ? isForeign
          ? undefined
          : placeProblem(pools, family, address)
        : `"${address}" is no IPv${family} address`
    if (problem !== undefined) say([field], problem)
  }
  if (ipv4 !== undefined) check('ipv4_address', 4, ipv4)
  if (ipv6 !== undefined) check('ipv6_address', 6, ipv6)
  for (const [at, address] of others.entries()) {
    if (!addressOf(address)) say(['link_local_ips', at], `"${address}" is no IP address`)
  }
}

interface Pool {
  readonly range: Range
  readonly subnet: string
  readonly gateway: bigint | undefined
  /** By their names under aux_addresses: they belong to somebody outside of the stack. */
  readonly auxiliary: ReadonlyMap<bigint, string>
}

function poolsOf(network: Network | undefined): readonly Pool[] {
  const config = (network as Partial<Network> | undefined)?.ipam?.config ?? []
  return config.flatMap(({ subnet = '', gateway, aux_addresses: others = {} }) => {
    const range = subnetOf(subnet)
    if (!range) return []
    const named = gateway === undefined ? undefined : addressOf(gateway)?.number
    return [{ range, subnet, gateway: named ?? range.first + 1n, auxiliary: numbersOf(others) }]
  })
}

function numbersOf(addresses: Readonly<Record<string, unknown>>): ReadonlyMap<bigint, string> {
  const entries = Object.entries(addresses).map(
    ([name, address]) => [addressOf(String(address))?.number, name] as const,
  )
  return new Map(entries.filter((entry): entry is [bigint, string] => entry[0] !== undefined))
}

/** Why a container of the network cannot have the address; undefined: it can. */
function placeProblem(pools: readonly Pool[], family: 4 | 6, address: string): string | undefined {
  const own = pools.filter(({ range }) => range.family === family)
  if (own.length === 0) {
    return `a fixed address needs an IPv${family} subnet of the network, under ipam.config`
  }
  const pool = own.find(({ range }) => isWithin(range, address))
  if (!pool) return `${address} is outside of ${own.map(({ subnet }) => subnet).join(', ')}`
  const { range, subnet, gateway, auxiliary } = pool
  const number = addressOf(address)?.number
  const holder = number === undefined ? undefined : auxiliary.get(number)
  if (number === gateway) return `${address} is the gateway of the network`
  if (holder !== undefined) return `${address} is kept for "${holder}" by aux_addresses`
  // With 31 and 32 bits there are neither: RFC 3021.
  if (family === 6 || range.prefixLength > 30) return undefined
  if (number === range.first) return `${address} is the address of ${subnet} itself`
  return number === range.last ? `${address} is the broadcast address of ${subnet}` : undefined
}

function checkMac(mac: string | undefined, say: Say): void {
  const problem = mac === undefined ? undefined : macProblem(mac)
  if (problem !== undefined) say(['mac_address'], problem)
}

export function macProblem(mac: string): string | undefined {
  const isMac = /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i.test(mac) && !/^(?:00.){5}00$/.test(mac)
  // The lowest bit of the first byte says that an address is one of many.
  if (isMac && Number.parseInt(mac.slice(0, 2), 16) % 2 === 0) return undefined
  return `"${mac}" is no hardware address of one interface, such as 02:42:ac:11:00:02`
}

function checkInterface(name: string | undefined, names: Set<string>, say: Say): void {
  if (name === undefined) return
  const problem = name === 'lo' ? 'it is the name of the loopback interface' : interfaceName(name)
  if (problem !== undefined) say(['interface_name'], `interface_name "${name}": ${problem}`)
  else if (names.has(name)) say(['interface_name'], `two networks cannot both be "${name}"`)
  names.add(name)
}
