/** `network create`: what its options ask for, checked as a network of a stack file is. */

import { UsageError } from '../errors.ts'
import type { NetworkSpec } from '../planner/index.ts'
import type { Network } from '../spec/index.ts'

export interface CreateFlags {
  readonly driver: string
  readonly opt: readonly string[]
  readonly subnet: readonly string[]
  readonly gateway: readonly string[]
  readonly ipRange: readonly string[]
  readonly auxAddress: readonly string[]
  readonly label: readonly string[]
  readonly internal?: boolean
  readonly ipv6?: boolean
  readonly ipv4: boolean
}

type Pool = NonNullable<Network['ipam']['config']>[number]

/** @throws {UsageError} that says all that is wrong */
export async function newNetwork(name: string, flags: CreateFlags): Promise<NetworkSpec> {
  const { isWithin, networkProblems, subnetOf } = await import('../spec/index.ts')
  const holds = (subnet: string, address: string): boolean => {
    const range = subnetOf(subnet)
    return range !== undefined && isWithin(range, address)
  }
  const { pools, lost } = poolsOf(flags, holds)
  const network: Network = {
    name,
    driver: flags.driver,
    driver_opts: pairs(flags.opt),
    ipam: { config: pools },
    ...(flags.ipv4 ? {} : { enable_ipv4: false }),
    enable_ipv6: flags.ipv6 ?? pools.some(({ subnet = '' }) => subnet.includes(':')),
    internal: flags.internal ?? false,
    labels: pairs(flags.label),
  }
  const problems = [...lost, ...networkProblems(network).map(({ problem }) => inOptions(problem))]
  if (problems.length === 0) return toSpec(network, pools)
  throw new UsageError(`Cannot create network "${name}": ${problems.join('; ')}`, {
    hint: 'see: tsstack network create --help',
  })
}

/** In the words of the command line, where a stack file has keys. */
function inOptions(problem: string): string {
  return problem
    .replace('name it in driver_opts.parent', 'name it with -o parent=INTERFACE')
    .replace('set enable_ipv6: true as well', 'add --ipv6')
}

/** Each address goes to the subnet that holds it; those that none holds are told. */
function poolsOf(
  flags: CreateFlags,
  holds: (subnet: string, address: string) => boolean,
): { readonly pools: readonly Pool[]; readonly lost: readonly string[] } {
  const others = Object.entries(pairs(flags.auxAddress))
  const ranges = flags.ipRange.map((range) => [range, range.split('/')[0] ?? ''] as const)
  const pools = flags.subnet.map((subnet) => {
    const gateway = flags.gateway.find((one) => holds(subnet, one))
    const range = ranges.find(([, first]) => holds(subnet, first))?.[0]
    const auxiliary = others.filter(([, address]) => holds(subnet, address))
    return {
      subnet,
      ...(gateway === undefined ? {} : { gateway }),
      ...(range === undefined ? {} : { ip_range: range }),
      ...(auxiliary.length === 0 ? {} : { aux_addresses: Object.fromEntries(auxiliary) }),
    }
  })
  const isLost = (address: string): boolean => !flags.subnet.some((one) => holds(one, address))
  const lost = [
    ...flags.gateway.map((address) => ['gateway', address, address] as const),
    ...ranges.map(([range, first]) => ['ip-range', range, first] as const),
    ...others.map(([name, address]) => ['aux-address', `${name}=${address}`, address] as const),
  ]
    .filter(([, , address]) => isLost(address))
    .map(([option, text]) => `--${option} ${text} is in no --subnet`)
  return { pools, lost }
}

function toSpec(network: Network, pools: readonly Pool[]): NetworkSpec {
  return {
    key: network.name,
    name: network.name,
    external: false,
    internal: network.internal ?? false,
    driver: network.driver ?? 'bridge',
    driverOptions: network.driver_opts ?? {},
    ...(network.enable_ipv4 === false ? { ipv4: false } : {}),
    ipv6: network.enable_ipv6 ?? false,
    subnets: pools.map(({ subnet = '', gateway, ip_range: range, aux_addresses: others }) => ({
      subnet,
      ...(gateway === undefined ? {} : { gateway }),
      ...(range === undefined ? {} : { range }),
      ...(others === undefined ? {} : { auxiliary: Object.values(others) }),
    })),
    labels: network.labels ?? {},
  }
}

function pairs(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const [key = '', ...value] = text.split('=')
      return [key, value.join('=')]
    }),
  )
}
