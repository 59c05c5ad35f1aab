/** Whether the subnets of a stack have room for its containers. */

import { EngineError } from '../../errors.ts'
import { BRIDGE_PORTS_MAX } from '../../limits.ts'
import { countFree, firstHostOf, isInside } from '../../net/index.ts'
import type { DesiredContainer, DesiredState, NetworkSpec } from '../../planner/index.ts'

/**
 * Throws for a network with fewer free addresses than containers that want one, or ports of its
 * bridge. `known`: the subnets that it has already, for one whose file names none; a new one gets
 * a subnet that is large enough.
 */
export function checkRoom(
  network: NetworkSpec,
  desired: DesiredState,
  known: readonly string[] = [],
): void {
  const attachments = desired.containers.flatMap((each) => attachmentTo(each, network.name))
  if (network.driver === 'bridge' && attachments.length > BRIDGE_PORTS_MAX) {
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot connect ${attachments.length} containers to network "${network.name}": a bridge ` +
        `of the kernel has ${BRIDGE_PORTS_MAX} ports; divide them over several networks`,
    )
  }
  const isChosen = network.subnets.length === 0
  const all = isChosen ? known.map((subnet): Subnet => ({ subnet })) : network.subnets
  for (const family of [4, 6] as const) {
    const subnets = all.filter(({ subnet }) => familyOf(subnet) === family)
    if (subnets.length === 0) continue
    const asked = attachments.map(({ ipv4Address, ipv6Address }) =>
      family === 4 ? ipv4Address : ipv6Address,
    )
    const fixed = asked.filter((one) => one !== undefined)
    const wanted = asked.length - fixed.length
    const free = subnets.reduce((sum, one) => sum + freeIn(one, fixed), 0)
    if (wanted <= free) continue
    const names = subnets.map(({ subnet, range }) => range ?? subnet).join(', ')
    throw new EngineError(
      'ACTION_FAILED',
      `Cannot connect ${wanted} containers to network "${network.name}": ${names} has ` +
        `${free} free ${free === 1 ? 'address' : 'addresses'}; ` +
        (isChosen ? 'take the stack down first: it gets a larger one then' : 'use a larger subnet'),
    )
  }
}

function attachmentTo({ spec }: DesiredContainer, name: string) {
  if (spec.network.kind !== 'networks') return []
  return spec.network.attachments.filter(({ network }) => network === name)
}

type Subnet = NetworkSpec['subnets'][number]

function freeIn({ subnet, range, gateway, auxiliary = [] }: Subnet, fixed: readonly string[]) {
  const set = [gateway ?? firstHostOf(subnet), ...auxiliary, ...fixed]
  return countFree({ subnet, range, taken: set.filter((one) => isInside(subnet, one)) })
}

function familyOf(subnet: string): 4 | 6 {
  return subnet.includes(':') ? 6 : 4
}
