/** Which address of the host a port is published on when the stack file names none. */

import type { ContainerSpec, NetworkSpec, PortSpec } from '../../planner/index.ts'
import { optionOf } from './request.ts'

/** Ports that name no address of the host get the one that a network of theirs has for them. */
export function bindPorts(
  { ports, network }: ContainerSpec,
  networks: readonly NetworkSpec[],
): readonly PortSpec[] {
  const attached = network.kind === 'networks' ? network.attachments : []
  const hostIp = attached
    .flatMap((one) => networks.filter(({ name }) => name === one.network))
    .map((spec) => optionOf(spec, 'hostBinding'))
    .find((address) => address !== undefined)
  return ports.map((port) =>
    hostIp === undefined || port.hostIp !== undefined ? port : { ...port, hostIp },
  )
}
