/** Whether the subnets of a stack have room for its containers. */

import { EngineError } from '../../errors.ts'
import { countFree, isInside } from '../../net/index.ts'
import type { DesiredContainer, DesiredState, NetworkSpec } from '../../planner/index.ts'

/**
 * Subnets that the file names; those of the pool are large enough for any stack. Throws for one
 * with fewer free addresses than containers that want one.
 */
export function checkRoom(network: NetworkSpec, desired: DesiredState): void {
  const attachments = desired.containers.flatMap((each) => attachmentTo(each, network.name))
  for (const family of [4, 6] as const) {
    const subnets = network.subnets.filter(({ subnet }) => familyOf(subnet) === family)
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
        `${free} free ${free === 1 ? 'address' : 'addresses'}; use a larger subnet`,
    )
  }
}

function attachmentTo({ spec }: DesiredContainer, name: string) {
  if (spec.network.kind !== 'networks') return []
  return spec.network.attachments.filter(({ network }) => network === name)
}

type Subnet = NetworkSpec['subnets'][number]

/** The gateway is the first address unless the file says otherwise: one of them is not free. */
function freeIn({ subnet, range, gateway, auxiliary = [] }: Subnet, fixed: readonly string[]) {
  const set = [...auxiliary, ...fixed, ...(gateway === undefined ? [] : [gateway])]
  const taken = set.filter((one) => isInside(subnet, one))
  const free = countFree({ subnet, range, taken })
  // It need not lie in the range, but a range that is the whole subnet has it.
  return gateway === undefined && range === undefined ? Math.max(0, free - 1) : free
}

function familyOf(subnet: string): 4 | 6 {
  return subnet.includes(':') ? 6 : 4
}
