/** `tsstack net`: faults on purpose, to see how a stack takes them. */

import { InvalidArgumentError } from 'commander'
import type { NetworkCommand } from '../../daemon/index.ts'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions } from '../options.ts'
import { print } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'

export const netCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(
      command
        .command('degrade')
        .description(
          'slow down services, or lose some of their packets; what is said anew counts, what was said before of the others stays',
        )
        .argument('<services...>')
        .option('--latency <time>', 'of each packet, there and back: 100ms', parseLatency)
        .option('--loss <percent>', 'of the packets that arrive: 5%', parseLoss)
        .option('--rate <rate>', 'at most, in each direction: 10mbit', parseRate),
    ).action((services: readonly string[], flags: DegradeFlags) =>
      run((context) => degrade(context, services, flags)),
    )
    addStackOptions(
      command
        .command('partition')
        .description('cut two services off from each other')
        .argument('<service>')
        .argument('<other>'),
    ).action((service: string, other: string) =>
      run(async (context) => {
        const containers = await runningOf(context, [service])
        const others = await runningOf(context, [other])
        if (service === other && containers.length < 2) {
          throw new UsageError(
            `Cannot cut "${service}" off from itself: it has one container; name two services`,
          )
        }
        return carryOut(context, { do: 'partition', containers, others })
      }),
    )
    addStackOptions(
      command
        .command('heal')
        .description('make everything right again')
        .argument('[services...]', 'without any: all'),
    ).action((services: readonly string[]) =>
      run(async (context) => {
        const containers = await runningOf(context, services)
        return carryOut(context, { do: 'heal', containers })
      }),
    )
  },
}

interface DegradeFlags {
  readonly latency?: number
  readonly loss?: number
  readonly rate?: number
}

async function degrade(
  context: Context,
  services: readonly string[],
  { latency, loss, rate }: DegradeFlags,
): Promise<number> {
  if (latency === undefined && loss === undefined && rate === undefined) {
    throw new UsageError('Cannot degrade the network: nothing was said of how', {
      hint: 'say one or more of --latency 100ms, --loss 5% and --rate 10mbit',
    })
  }
  const faults = {
    ...(latency === undefined ? {} : { latencyMs: latency }),
    ...(loss === undefined ? {} : { lossPercent: loss }),
    ...(rate === undefined ? {} : { bitsPerSecond: rate }),
  }
  const containers = await runningOf(context, services)
  return carryOut(context, { do: 'degrade', containers, faults })
}

/** Containers of the services that run and have a network of their own. */
async function runningOf(
  { asking, input }: Context,
  services: readonly string[],
): Promise<readonly string[]> {
  const request = { kind: 'observe', input: input(), services } as const
  const { observed } = await askFor(asking, request, 'observed')
  return observed.containers
    .filter(({ state, spec }) => state === 'running' && spec.network.kind === 'networks')
    .map(({ name }) => name)
}

async function carryOut({ asking }: Context, command: NetworkCommand): Promise<number> {
  const request = { kind: 'network', command } as const
  const { names } = await askFor(asking, request, 'network-changed')
  for (const name of names) print(safeText(name))
  return 0
}

function parseLatency(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(text) ?? []
  const ms = Number(number) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN)
  if (ms <= LATENCY_MS_MAX) return ms
  throw new InvalidArgumentError('it is a time such as 100ms, of a minute at most.')
}

const LATENCY_MS_MAX = 60_000

function parseLoss(text: string): number {
  const [, number] = /^(\d+(?:\.\d+)?)%?$/.exec(text) ?? []
  if (number !== undefined && Number(number) <= 100) return Number(number)
  throw new InvalidArgumentError('it is a percentage such as 5%.')
}

function parseRate(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(k|m|g)?bit$/i.exec(text) ?? []
  const factor = { '': 1, k: 1e3, m: 1e6, g: 1e9 }[unit.toLowerCase()] ?? Number.NaN
  const rate = Number(number) * factor
  // The kernel counts bytes per second in 32 bits.
  if (rate >= 8 && rate <= 32e9) return rate
  throw new InvalidArgumentError('it is a rate such as 10mbit, 500kbit or 1gbit.')
}
