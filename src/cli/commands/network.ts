/** `tsstack network`: networks of the machine, and of no stack. */

import type { Command } from 'commander'
import type { NetworkCommand, NetworkReading } from '../../daemon/index.ts'
import type { CommandModule, Run } from '../command.ts'
import { networkLabels, networkLine } from '../compose-json.ts'
import type { Context } from '../context.ts'
import { commonQuestions, type Questions } from '../look-filter.ts'
import { defineLooks } from '../looks.ts'
import { type CreateFlags, newNetwork } from '../new-network.ts'
import { print } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'

export const networkCommand: CommandModule = {
  define: (command, run) => {
    defineLooks(command, run, {
      noun: 'network',
      read: networksOf,
      head: ['NETWORK', 'STACK', 'DRIVER', 'SUBNETS', 'CONTAINERS'],
      toRow,
      toJson,
      toLine: networkLine,
      questions: QUESTIONS,
    })
    defineCreate(command, run)
    command
      .command('rm')
      .description('remove networks that "network create" made')
      .argument('<networks...>')
      .action((networks: readonly string[]) =>
        run((context) => carryOut(context, { do: 'remove', networks })),
      )
    command
      .command('prune')
      .description('remove all of them that no container uses')
      .option('-f, --force', 'accepted as in Docker: nothing is asked anyway')
      .action(() => run((context) => carryOut(context, { do: 'prune' })))
    defineConnections(command, run)
  },
}

const QUESTIONS: Questions<NetworkReading> = {
  ...commonQuestions<NetworkReading>((network) => [networkLabels(network)]),
  // There are no ids but names.
  id: { holds: ({ spec }, wanted) => new RegExp(wanted).test(spec.name) },
  scope: { values: ['local', 'global', 'swarm'], holds: (_, wanted) => wanted === 'local' },
  // Docker has three of its own; there is none here.
  type: { values: ['custom', 'builtin'], holds: (_, wanted) => wanted === 'custom' },
}

function defineCreate(command: Command, run: Run): void {
  command
    .command('create')
    .description('make a network that stacks can use as external')
    .argument('<network>')
    .option('-d, --driver <driver>', 'bridge, macvlan or ipvlan', 'bridge')
    .option('-o, --opt <key=value>', 'option of the driver', collect, [])
    .option('--subnet <subnet>', 'addresses of the network', collect, [])
    .option('--gateway <address>', 'of the subnet that holds it', collect, [])
    .option('--ip-range <subnet>', 'part of the subnet to give out', collect, [])
    .option('--aux-address <name=address>', 'given out to nobody', collect, [])
    .option('--label <key=value>', 'a remark', collect, [])
    .option('--internal', 'no way out of the network')
    .option('--ipv6', 'with IPv6')
    .option('--no-ipv4', 'without IPv4')
    .option('--attachable', 'accepted as in Docker: every network is')
    .action((name: string, flags: CreateFlags) =>
      run(async (context) =>
        carryOut(context, { do: 'create', spec: await newNetwork(name, flags) }),
      ),
    )
}

function defineConnections(command: Command, run: Run): void {
  command
    .command('connect')
    .description('connect a running container until the next "up"')
    .argument('<network>')
    .argument('<container>')
    .option('--alias <name>', 'a further name on this network', collect, [])
    .option('--ip <address>', 'its IPv4 address')
    .option('--ip6 <address>', 'its IPv6 address')
    .action((network: string, container: string, flags: ConnectFlags) =>
      run((context) => carryOut(context, connection(network, container, flags))),
    )
  command
    .command('disconnect')
    .description('disconnect a running container until the next "up"')
    .argument('<network>')
    .argument('<container>')
    .action((network: string, container: string) =>
      run((context) => carryOut(context, { do: 'disconnect', network, container })),
    )
}

interface ConnectFlags {
  readonly alias: readonly string[]
  readonly ip?: string
  readonly ip6?: string
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

async function networksOf({ asking }: Context): Promise<readonly NetworkReading[]> {
  const { networks } = await askFor(asking, { kind: 'networks' }, 'networks')
  return networks.toSorted((left, right) => (left.spec.name < right.spec.name ? -1 : 1))
}

async function carryOut({ asking }: Context, command: NetworkCommand): Promise<number> {
  const request = { kind: 'network', command } as const
  const { names } = await askFor(asking, request, 'network-changed')
  for (const name of names) print(safeText(name))
  return 0
}

function toRow({ spec, stack, subnets, containers, up }: NetworkReading): readonly string[] {
  const text = up ? subnets.join(', ') : `${subnets.join(', ')} (not up)`
  return [safeText(spec.name), stack ?? '-', safeText(spec.driver), text, `${containers.length}`]
}

function toJson(network: NetworkReading): unknown {
  const { spec, stack, up, bridge, subnets, gateways, containers } = network
  return {
    name: spec.name,
    stack: stack ?? null,
    driver: spec.driver,
    driverOptions: spec.driverOptions,
    internal: spec.internal,
    labels: spec.labels,
    up,
    bridge,
    subnets: subnets.map((subnet, at) => ({ subnet, gateway: gateways[at] ?? null })),
    containers: containers.map(({ name, stack: owner, ipv4, ipv6 }) => ({
      name,
      stack: owner,
      ipv4: ipv4 ?? null,
      ipv6: ipv6 ?? null,
    })),
  }
}

function connection(network: string, container: string, flags: ConnectFlags): NetworkCommand {
  return {
    do: 'connect',
    container,
    attachment: {
      network,
      aliases: flags.alias,
      ...(flags.ip === undefined ? {} : { ipv4Address: flags.ip }),
      ...(flags.ip6 === undefined ? {} : { ipv6Address: flags.ip6 }),
      gatewayPriority: 0,
      priority: 0,
    },
  }
}
