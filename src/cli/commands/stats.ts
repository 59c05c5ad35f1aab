/** `tsstack stats`: what containers use, drawn anew each second on a terminal. */

import type { ContainerUsage, UsageSample } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import { statsLine } from '../compose-json.ts'
import type { Context } from '../context.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { jsonForm, isTerminal, print, printText } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { memoryText, trafficText } from '../size-text.ts'
import { table } from '../table.ts'

export const statsCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('-a, --all', 'those that do not run as well')
      .option('--no-stream', 'once, and end')
      .option('--no-trunc', 'accepted as in Compose: names are never cut')
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((services: readonly string[], flags: StatsFlags) =>
        run((context) => stats(context, services, flags)),
      )
  },
}

interface StatsFlags {
  readonly all?: boolean
  readonly stream: boolean
  readonly json?: boolean
  readonly format?: string
}

/** Between two looks; a share of a processor is an average over this. */
const INTERVAL_MS = 1000
/** Enough for one figure, where somebody waits for it. */
const ONCE_MS = 250

const HEAD = [
  'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS',
] as const // oxfmt-ignore

async function stats(
  context: Context,
  services: readonly string[],
  flags: StatsFlags,
): Promise<number> {
  const { setTimeout: sleep } = await import('node:timers/promises')
  let before = await look(context, services)
  await sleep(flags.stream ? INTERVAL_MS / 4 : ONCE_MS)
  for (;;) {
    const now = await look(context, services)
    show(figuresOf(before, now, flags.all === true), flags)
    if (!flags.stream) return 0
    before = now
    await sleep(INTERVAL_MS)
  }
}

async function look(
  { asking, input }: Context,
  services: readonly string[],
): Promise<readonly ContainerUsage[]> {
  const request = { kind: 'usage', input: input(), services } as const
  return (await askFor(asking, request, 'usage')).containers
}

interface Figures extends ContainerUsage {
  /** Of one processor; absent where there are not two looks at the same attempt. */
  readonly cpuPercent?: number
}

function figuresOf(
  before: readonly ContainerUsage[],
  now: readonly ContainerUsage[],
  all: boolean,
): readonly Figures[] {
  const earlier = new Map(before.map(({ container, usage }) => [container, usage]))
  return now
    .filter(({ usage }) => all || usage !== undefined)
    .toSorted((a, b) => (a.container < b.container ? -1 : 1))
    .map((each) => ({ ...each, ...cpuShare(earlier.get(each.container), each.usage) }))
}

function cpuShare(
  before: UsageSample | undefined,
  now: UsageSample | undefined,
): { readonly cpuPercent: number } | undefined {
  if (!before || !now || now.cpuUsageUs < before.cpuUsageUs || now.at <= before.at) return undefined
  return { cpuPercent: (now.cpuUsageUs - before.cpuUsageUs) / 10 / (now.at - before.at) }
}

function show(figures: readonly Figures[], flags: StatsFlags): void {
  if (jsonForm(flags) === 'compose') {
    for (const { container, ...amounts } of figures) print(statsLine(container, amounts))
    return
  }
  if (jsonForm(flags) === 'ours') {
    // Streamed, a line is a look.
    print(JSON.stringify(figures.map(toJson), undefined, flags.stream ? 0 : 2))
    return
  }
  const text = table(HEAD, figures.map(toRow))
  const isDrawn = flags.stream && isTerminal(1)
  // Home, then each line with what is left of the old one removed, then all below it.
  if (isDrawn) printText(`\u001b[H${text.replaceAll('\n', '\u001b[K\n')}\u001b[K\n\u001b[J`)
  else print(text)
}

function toRow({ container, usage, cpuPercent }: Figures): readonly string[] {
  if (usage === undefined) return [safeText(container), '-', '-', '-', '-', '-', '-']
  const { memoryBytes, memoryBytesMax } = usage
  return [
    safeText(container),
    cpuPercent === undefined ? '-' : `${cpuPercent.toFixed(2)}%`,
    `${memoryText(memoryBytes)} / ${memoryText(memoryBytesMax)}`,
    `${((100 * memoryBytes) / memoryBytesMax).toFixed(2)}%`,
    `${trafficText(usage.receivedBytes)} / ${trafficText(usage.sentBytes)}`,
    `${trafficText(usage.readBytes)} / ${trafficText(usage.writtenBytes)}`,
    `${usage.pids}`,
  ]
}

function toJson({ container, service, index, usage, cpuPercent }: Figures): unknown {
  const { at: _, ...amounts } = usage ?? { at: 0 }
  return {
    container,
    service,
    index,
    running: usage !== undefined,
    cpuPercent: cpuPercent === undefined ? null : Number(cpuPercent.toFixed(3)),
    ...amounts,
  }
}
