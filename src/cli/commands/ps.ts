/** `tsstack ps`: the containers of a stack. */

import { readStack } from '../../daemon/index.ts'
import type { StackInput } from '../../daemon/index.ts'
import type { ContainerState, ObservedContainer } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import { psLine } from '../compose-json.ts'
import {
  addressText,
  byService,
  containerJson,
  healthText,
  isAlive,
  portsText,
  stateText,
} from '../container-text.ts'
import type { Context } from '../context.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { jsonForm, print } from '../output.ts'
import { collectFilter, collectState } from '../ps-filter.ts'
import type { PsFilter } from '../ps-filter.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const psCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('-a, --all', 'those that have ended as well')
      .option('-q, --quiet', 'names only')
      .option('--services', 'names of services only')
      .option('--status <state>', 'those in this state; repeatable', collectState)
      .option('--filter <filter>', 'status=STATE or service=NAME; repeatable', collectFilter)
      .option('--orphans [boolean]', 'services that the file no longer has as well', true)
      .option('--no-orphans', 'only services that the file has')
      .option('--no-trunc', 'accepted as in Compose: nothing is cut anyway')
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((services: readonly string[], flags: PsFlags) =>
        run((context) => ps(context, services, flags)),
      )
  },
}

interface PsFlags {
  readonly all?: boolean
  readonly quiet?: boolean
  readonly services?: boolean
  readonly status?: readonly ContainerState[]
  readonly filter?: readonly PsFilter[]
  readonly orphans: boolean | string
  readonly json?: boolean
  readonly format?: string
}

async function ps(
  { asking, input }: Context,
  services: readonly string[],
  flags: PsFlags,
): Promise<number> {
  const request = { kind: 'observe', input: input(), services } as const
  const { observed } = await askFor(asking, request, 'observed')
  const isOurs = await ownServices(flags, input())
  const shown = observed.containers
    .filter((each) => isOurs(each.service) && isWanted(each, flags))
    .toSorted(byService)
  if (jsonForm(flags) === 'compose') {
    for (const each of shown) print(psLine(each, observed.stack, Date.now()))
  } else if (jsonForm(flags) === 'ours') {
    const list = shown.map((each) => containerJson(each, observed.stack))
    print(JSON.stringify(list, undefined, 2))
  } else if (flags.services === true) {
    for (const service of new Set(shown.map((each) => each.service))) print(safeText(service))
  } else if (flags.quiet === true) {
    for (const { name } of shown) print(safeText(name))
  } else {
    print(table(HEAD, shown.map(toRow)))
  }
  return 0
}

/** Whether a service is in the stack file; all are unless that was asked. */
async function ownServices(
  { orphans }: PsFlags,
  input: StackInput,
): Promise<(service: string) => boolean> {
  if (orphans !== false && orphans !== 'false') return () => true
  const { desired } = await readStack(input)
  const own = new Set([...(desired.services ?? []), ...(desired.inactiveServices ?? [])])
  return (service) => own.has(service)
}

/** Whoever asks for a state means those that have ended, too. */
function isWanted(container: ObservedContainer, { all, status, filter = [] }: PsFlags): boolean {
  const states = [...(status ?? []), ...filter.flatMap(({ state }) => state ?? [])]
  const names = filter.flatMap(({ service }) => service ?? [])
  if (names.length > 0 && !names.includes(container.service)) return false
  if (states.length > 0) return states.includes(container.state)
  return all === true || (isAlive(container) && container.oneOff === undefined)
}

const HEAD = ['NAME', 'SERVICE', 'STATE', 'HEALTH', 'ADDRESS', 'PORTS'] as const

function toRow(container: ObservedContainer): readonly string[] {
  const state = stateText(container, Date.now())
  const names = [container.name, container.service].map(safeText)
  const rest = [healthText(container), addressText(container), portsText(container)]
  return [...names, state, ...rest]
}
