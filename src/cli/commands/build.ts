/** `tsstack build`: builds the images of a stack. */

import { readStack, wantedBuilds } from '../../daemon/index.ts'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, collect } from '../options.ts'
import { print, say } from '../output.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const buildCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('--build-arg <name=value>', 'value of an ARG; repeatable', collect)
      .option('--no-cache', 'build every step anew')
      .option('--pull', 'look for newer base images')
      .option('--with-dependencies', 'also what the named services depend on')
      .option('--progress <kind>', 'auto, or plain for every line')
      .option('-q, --quiet', 'print only what was built')
      .action((services: readonly string[], flags: Flags) =>
        run((context) => build(context, services, flags)),
      )
  },
}

interface Flags {
  readonly buildArg?: readonly string[]
  readonly cache: boolean
  readonly pull?: boolean
  readonly withDependencies?: boolean
  readonly progress?: string
  readonly quiet?: boolean
}

async function build(
  { asking, input }: Context,
  services: readonly string[],
  flags: Flags,
): Promise<number> {
  const stackInput = input(services)
  const { desired, warnings } = await readStack(stackInput)
  if (warnings !== '') say(warnings)
  for (const name of services) checkService(name, desired.services ?? [])
  const builds = await wantedBuilds(desired, {
    state: asking.places.state,
    services,
    which: 'all',
    withDependencies: flags.withDependencies === true,
  })
  if (builds.length === 0) {
    say('no service to build')
    return 0
  }
  const { buildWithProgress } = await import('../build-images.ts')
  const built = await buildWithProgress(asking, {
    builds,
    directory: desired.source.directory,
    values: desired.values ?? {},
    flags: { noCache: !flags.cache, pull: flags.pull === true, args: argsOf(flags.buildArg ?? []) },
    isQuiet: flags.quiet === true,
    isPlain: flags.progress === 'plain',
  })
  if (flags.quiet === true) print(built.map(({ id }) => id).join('\n'))
  else {
    const rows = built.map(({ service, image, id }) => [service, image, id.slice(7, 19)])
    print(
      table(
        ['SERVICE', 'IMAGE', 'ID'],
        rows.map((row) => row.map(safeText)),
      ),
    )
  }
  return 0
}

function checkService(name: string, known: readonly string[]): void {
  if (known.includes(name)) return
  throw new UsageError(`Cannot build "${name}": the stack has no such service`, {
    code: 'NO_SUCH_SERVICE',
    hint: `there are ${known.join(', ')}`,
  })
}

/** A name alone takes the value of the variable, as with Docker. */
function argsOf(entries: readonly string[]): Readonly<Record<string, string>> {
  const pairs = entries.flatMap((entry) => {
    const at = entry.indexOf('=')
    if (at > 0) return [[entry.slice(0, at), entry.slice(at + 1)] as const]
    const value = process.env[entry]
    return value === undefined ? [] : [[entry, value] as const]
  })
  return Object.fromEntries(pairs)
}
