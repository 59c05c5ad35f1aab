/** Checks the subnets of a stack against each other, and against the containers they are for. */
import type { Network, Service } from '../model.ts'
import { overlap, subnetOf, type Range } from '../units/ip.ts'
import type { CheckContext } from './check.ts'

interface Pool {
  readonly network: string
  /** Among those of its network. */
  readonly at: number
  readonly subnet: string
  readonly range: Range
}

/** A machine has one way to each address. */
export function checkSubnetsApart(context: CheckContext): void {
  const used = usersOf(context)
  const pools = Object.keys(context.stack.networks ?? {})
    .filter((name) => used.has(name))
    .flatMap((name) => poolsOf(context, name))
  for (const [index, pool] of pools.entries()) {
    const clash = pools
      .slice(0, index)
      .find((one) => one.network !== pool.network && overlap(one.range, pool.range))
    if (!clash) continue
    say(context, pool, `${pool.subnet} overlaps ${clash.subnet} of the network "${clash.network}"`)
  }
}

/** Every container needs an address of each network. What is taken besides, only the machine knows. */
export function checkRoom(context: CheckContext): void {
  for (const [network, count] of usersOf(context)) {
    const pools = poolsOf(context, network).filter(({ range }) => range.family === 4)
    const room = pools.reduce((sum, pool) => sum + roomOf(pool), 0)
    const [first] = pools
    if (!first || count <= room) continue
    const subnets = pools.map(({ subnet }) => subnet).join(' and ')
    const free = `${room} ${room === 1 ? 'address' : 'addresses'}`
    say(context, first, `${subnets} has ${free} for ${count} containers; use a larger subnet`)
  }
}

/**
 * Without the addresses of the subnet itself, of all in it, and of the gateway. Those that are set
 * aside may be what containers ask for.
 */
function roomOf({ range }: Pool): number {
  const size = Number(range.last - range.first + 1n)
  return Math.max(0, size - (range.prefixLength > 30 ? 0 : 2) - 1)
}

/** How many containers will be on each network that is made here. */
function usersOf({ activation }: CheckContext): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const service of Object.values(activation.active)) {
    const count = service.scale ?? service.deploy?.replicas ?? 1
    for (const name of networksOf(service)) counts.set(name, (counts.get(name) ?? 0) + count)
  }
  return counts
}

function networksOf({ networks, network_mode: mode }: Service): readonly string[] {
  if (networks !== undefined) return Object.keys(networks)
  return mode === undefined ? ['default'] : []
}

/** None of networks that others have made, or that lie on an interface of the machine. */
function poolsOf({ stack, isDoubtful }: CheckContext, name: string): readonly Pool[] {
  const network: Network | undefined = stack.networks?.[name]
  if (!network || network.external === true || isDoubtful('networks', name)) return []
  if (network.driver === 'macvlan' || network.driver === 'ipvlan') return []
  const config = (network as Partial<Network>).ipam?.config ?? []
  return config.flatMap(({ subnet = '' }, at) => {
    const range = subnetOf(subnet)
    return range ? [{ network: name, at, subnet, range }] : []
  })
}

function say({ report, placeOf, feasibility }: CheckContext, pool: Pool, problem: string): void {
  const finding = {
    rule: 'invalid-network',
    place: placeOf(['networks', pool.network, 'ipam', 'config', pool.at, 'subnet']),
    message: `Cannot use the network "${pool.network}": ${problem}`,
  }
  if (feasibility) report.error(finding)
  else report.warn(finding)
}
