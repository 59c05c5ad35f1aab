/** `tsstack rm`: removes stopped containers, and with -s running ones. */

import { Option } from 'commander'
import { changeContainers } from '../carry-out.ts'
import type { CommandModule } from '../command.ts'
import { confirm } from '../confirm.ts'
import { byService, isAlive } from '../container-text.ts'
import type { Context } from '../context.ts'
import { addStackOptions } from '../options.ts'
import { say } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'

export const rmCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command, { shortFile: false })
      .argument('[services...]')
      .option('-f, --force', 'do not ask')
      .option('-s, --stop', 'stop them first')
      .option('-v, --volumes', 'and their anonymous volumes')
      .addOption(new Option('-a, --all', 'accepted as in Compose').hideHelp())
      .action((services: readonly string[], flags: RmFlags) =>
        run((context) => rm(context, services, flags)),
      )
  },
}

interface RmFlags {
  readonly force?: boolean
  readonly stop?: boolean
  readonly volumes?: boolean
}

async function rm(
  context: Context,
  services: readonly string[],
  { force = false, stop = false, volumes = false }: RmFlags,
): Promise<number> {
  const { asking, input } = context
  const request = { kind: 'observe', input: input(), services } as const
  const { observed } = await askFor(asking, request, 'observed')
  const doomed = observed.containers
    .filter((each) => each.oneOff === undefined && (stop || !isAlive(each)))
    .toSorted(byService)
  if (doomed.length === 0) {
    say('no stopped containers')
    return 0
  }
  const names = doomed.map(({ name }) => safeText(name)).join(', ')
  if (!force && !context.isDryRun && !confirm(`remove ${names}?`)) return 0
  return changeContainers(context, 'remove', { services, stop, volumes })
}
