/** `tsstack port`: where a port of a service is published. */

import { UsageError } from '../../errors.ts'
import type { ObservedContainer } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import { byService, portsText } from '../container-text.ts'
import type { Context } from '../context.ts'
import { addStackOptions, parseCount } from '../options.ts'
import { print } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'

export const portCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('<service>')
      .argument('<port>', 'as the program in the container listens: 80, 53/udp')
      .option('--protocol <protocol>', 'tcp or udp', 'tcp')
      .option('--index <number>', 'which replica', parseCount)
      .action((service: string, port: string, flags: PortFlags) =>
        run((context) => showPort(context, { service, port }, flags)),
      )
  },
}

interface PortFlags {
  readonly protocol: string
  readonly index?: number
}

async function showPort(
  { asking, input }: Context,
  { service, port }: { readonly service: string; readonly port: string },
  { protocol, index }: PortFlags,
): Promise<number> {
  const wanted = wantedPort(port, protocol)
  const request = { kind: 'observe', input: input(), services: [service] } as const
  const { observed } = await askFor(asking, request, 'observed')
  const container = observed.containers
    .filter((each) => each.oneOff === undefined && (index === undefined || each.index === index))
    .toSorted(byService)[0]
  if (container === undefined) throw noReplica(service, index)
  const found = container.ports.filter(
    (each) => each.target === wanted.number && each.protocol === wanted.protocol,
  )
  if (found.length === 0) throw notPublished(container, wanted)
  for (const { hostIp, published } of found) {
    print(`${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:${published}`)
  }
  return 0
}

interface WantedPort {
  readonly number: number
  readonly protocol: string
}

function wantedPort(text: string, protocol: string): WantedPort {
  const [, number = '', own] = /^(\d{1,5})(?:\/(\w+))?$/.exec(text) ?? []
  const wanted = { number: Number(number), protocol: (own ?? protocol).toLowerCase() }
  if (number !== '' && ['tcp', 'udp'].includes(wanted.protocol) && wanted.number <= 65_535) {
    return wanted
  }
  throw new UsageError(`Cannot read port "${text}" of protocol "${protocol}"`, {
    hint: 'write it as 80, 80/tcp or 53/udp',
  })
}

function noReplica(service: string, index: number | undefined): UsageError {
  const which = index === undefined ? `"${service}"` : `replica ${index} of "${service}"`
  return new UsageError(`Cannot find a port of ${which}: it has no container`, {
    code: 'NOT_RUNNING',
    hint: `start it with: tsstack up -d ${service}`,
  })
}

function notPublished(container: ObservedContainer, { number, protocol }: WantedPort): UsageError {
  const has = container.ports.length === 0 ? 'it publishes none' : `it has ${portsText(container)}`
  const name = safeText(container.name)
  return new UsageError(`Cannot find port ${number}/${protocol} of "${name}": ${has}`, {
    code: 'NOT_RUNNING',
    hint: 'publish it under "ports", and see that the service runs',
  })
}
