/** `tsstack build`: builds the images of a stack. */

import { Option } from 'commander'
import { type BuildFlags, readStack, wantedBuilds } from '../../daemon/index.ts'
import { UsageError } from '../../errors.ts'
import type { DesiredBuild } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { interruptSignal, openImages } from '../image-store.ts'
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
      .option('--push', 'send what was built to its registry')
      .option(
        '--ssh <id=path>',
        'socket of an agent for RUN --mount=type=ssh, or: default',
        collect,
      )
      .option('-m, --memory <size>', 'most memory of a RUN: 512m, 2g')
      .option('--with-dependencies', 'also what the named services depend on')
      .option('--check', 'look for mistakes, and build nothing')
      .option('--print', 'show what would be built, as a file for "docker buildx bake"')
      .option('--progress <kind>', 'auto, or plain for every line')
      .option('-q, --quiet', 'print only what was built')
      .action((services: readonly string[], flags: BuildCommandFlags) =>
        run((context) => build(context, servicesOf(services, flags), flags)),
      )
    for (const [option, why] of Object.entries(WITHOUT_EFFECT)) {
      command.addOption(new Option(option, why).hideHelp())
    }
  },
}

/** Of Docker's builder; who has them in a script need not take them out. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  '--builder <name>': 'there is one builder',
  '--provenance [kind]': 'no attestation is made',
  '--sbom [kind]': 'no attestation is made',
  '--compress': 'nothing is sent anywhere',
  '--force-rm': 'containers of a build are always removed',
  '--no-rm': 'containers of a build are always removed',
  '--parallel': 'stages are built at the same time anyway',
}

interface BuildCommandFlags {
  readonly buildArg?: readonly string[]
  readonly cache: boolean
  readonly pull?: boolean
  readonly push?: boolean
  readonly ssh?: readonly string[]
  readonly memory?: string
  readonly check?: boolean
  readonly print?: boolean
  readonly withDependencies?: boolean
  readonly progress?: string
  readonly quiet?: boolean
  readonly provenance?: string | true
  readonly sbom?: string | true
}

/** As in Compose, `--sbom web` is one without a value, and a service. */
function servicesOf(
  services: readonly string[],
  { provenance, sbom }: BuildCommandFlags,
): readonly string[] {
  const taken = [provenance, sbom].filter(
    (value) => typeof value === 'string' && !/^(?:true|false|[\w-]+=.*)$/.test(value),
  )
  return [...services, ...(taken as string[])]
}

async function build(
  context: Context,
  services: readonly string[],
  flags: BuildCommandFlags,
): Promise<number> {
  const { asking, input } = context
  const stackInput = input(services)
  const { desired, warnings } = await readStack(stackInput)
  if (warnings !== '') say(warnings)
  const { checkServices } = await import('../../planner/index.ts')
  checkServices(desired.stack, services, new Set(desired.services))
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
  const wish = {
    builds,
    directory: desired.source.directory,
    values: desired.values ?? {},
    flags: whatWasSaid(flags),
  }
  if (flags.print === true) return printBake(builds)
  const { buildWithProgress, checkBuilds } = await import('../build-images.ts')
  if (flags.check === true) return checkBuilds(asking, wish)
  const isQuiet = flags.quiet === true
  const isPlain = flags.progress === 'plain'
  const built = await buildWithProgress(asking, { ...wish, isQuiet, isPlain })
  if (isQuiet) print(built.map(({ id }) => id).join('\n'))
  else {
    const rows = built.map(({ service, image, id }) => [service, image, id.slice(7, 19)])
    print(
      table(
        ['SERVICE', 'IMAGE', 'ID'],
        rows.map((row) => row.map(safeText)),
      ),
    )
  }
  if (flags.push === true) await pushAll(context, builds, isQuiet)
  return 0
}

async function printBake(builds: readonly DesiredBuild[]): Promise<number> {
  const { bakeFile } = await import('../bake-file.ts')
  print(JSON.stringify(bakeFile(builds), undefined, 2))
  return 0
}

async function pushAll(
  context: Context,
  builds: readonly DesiredBuild[],
  isQuiet: boolean,
): Promise<void> {
  const { pushImage } = await import('../push-image.ts')
  const opened = await openImages(context)
  const signal = interruptSignal()
  const names = new Set(builds.flatMap(({ image, tags }) => [image, ...tags]))
  for (const name of names) await pushImage(opened, name, { isQuiet, signal })
}

function whatWasSaid(flags: BuildCommandFlags): BuildFlags {
  return {
    noCache: !flags.cache,
    pull: flags.pull === true,
    args: argsOf(flags.buildArg ?? []),
    ssh: flags.ssh ?? [],
    ...(flags.memory === undefined ? {} : { memoryBytesMax: memoryOf(flags.memory) }),
    isForOthers: flags.push === true,
  }
}

/** `512m`; units are powers of 1024. */
function memoryOf(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)([kmgt]?)b?$/i.exec(text) ?? []
  const bytes = Math.trunc(Number(amount) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' '))
  if (amount !== '' && bytes > 0) return bytes
  throw new UsageError(`Cannot limit memory to "${text}"`, { hint: 'write 512m or 2g' })
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
