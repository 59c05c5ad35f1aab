/** `tsstack volumes`: the volumes of a stack. */

import type { ObservedState, ObservedVolume } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import { volumeLine } from '../compose-json.ts'
import type { Context } from '../context.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { jsonForm, print } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const volumesCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]', 'those that these mount')
      .option('-q, --quiet', 'names only')
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((services: readonly string[], flags: VolumesFlags) =>
        run((context) => volumes(context, services, flags)),
      )
  },
}

interface VolumesFlags {
  readonly quiet?: boolean
  readonly json?: boolean
  readonly format?: string
}

async function volumes(
  { asking, input }: Context,
  services: readonly string[],
  flags: VolumesFlags,
): Promise<number> {
  const request = { kind: 'observe', input: input(), services } as const
  const { observed } = await askFor(asking, request, 'observed')
  const shown = observed.volumes
    .filter((each) => services.length === 0 || usersOf(observed, each).length > 0)
    .toSorted((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
  if (jsonForm(flags) === 'compose') {
    for (const each of shown) print(volumeLine(each))
  } else if (jsonForm(flags) === 'ours') {
    print(
      JSON.stringify(
        shown.map((each) => toJson(observed, each)),
        undefined,
        2,
      ),
    )
  } else if (flags.quiet === true) {
    for (const { spec } of shown) print(safeText(spec.name))
  } else {
    const rows = shown.map(({ spec, path }) => [spec.driver, safeText(spec.name), safeText(path)])
    print(table(['DRIVER', 'VOLUME NAME', 'PATH'], rows))
  }
  return 0
}

function usersOf({ containers }: ObservedState, { spec }: ObservedVolume): readonly string[] {
  return containers
    .filter(({ spec: { mounts } }) =>
      mounts.some((mount) => mount.kind === 'volume' && mount.volume === spec.name),
    )
    .map(({ name }) => name)
}

function toJson(observed: ObservedState, volume: ObservedVolume): unknown {
  const { name, driver, external, labels } = volume.spec
  return {
    name,
    driver,
    external,
    labels,
    path: volume.path,
    containers: usersOf(observed, volume),
  }
}
