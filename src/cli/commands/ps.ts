/** `tsstack ps`: the containers of a stack. */

import type { ObservedContainer } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import {
  addressText,
  byService,
  containerJson,
  healthText,
  portsText,
  stateText,
} from '../container-text.ts'
import type { Context } from '../context.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { print, wantsJson } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const psCommand: CommandModule = {
  name: 'ps',
  summary: 'list containers',
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('-a, --all', 'those that have ended as well')
      .option('-q, --quiet', 'names only')
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
  const shown = observed.containers
    .filter((each) => flags.all === true || isLive(each))
    .toSorted(byService)
  if (wantsJson(flags)) {
    const list = shown.map((each) => containerJson(each, observed.stack))
    print(JSON.stringify(list, undefined, 2))
  } else if (flags.quiet === true) {
    for (const { name } of shown) print(safeText(name))
  } else {
    print(table(HEAD, shown.map(toRow)))
  }
  return 0
}

const HEAD = ['NAME', 'SERVICE', 'STATE', 'HEALTH', 'ADDRESS', 'PORTS'] as const

function isLive({ state }: ObservedContainer): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting'
}

function toRow(container: ObservedContainer): readonly string[] {
  const state = stateText(container, Date.now())
  const names = [container.name, container.service].map(safeText)
  const rest = [healthText(container), addressText(container), portsText(container)]
  return [...names, state, ...rest]
}
