/** `tsstack volume`: volumes of every stack, and of none. */

import type { Command } from 'commander'
import type { VolumeCommand, VolumeReading } from '../../daemon/index.ts'
import type { VolumeSpec } from '../../planner/index.ts'
import type { CommandModule, Run } from '../command.ts'
import { volumeLabels, volumeLine } from '../compose-json.ts'
import type { Context } from '../context.ts'
import { commonQuestions } from '../look-filter.ts'
import { defineLooks } from '../looks.ts'
import { print } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'

export const volumeCommand: CommandModule = {
  define: (command, run) => {
    defineLooks(command, run, {
      noun: 'volume',
      read: volumesOf,
      head: HEAD,
      toRow,
      toJson,
      toLine: volumeLine,
      questions: commonQuestions<VolumeReading>(volumeLabels),
    })
    defineCreate(command, run)
    command
      .command('rm')
      .description('remove volumes that no container mounts, with their data')
      .argument('<volumes...>')
      .action((volumes: readonly string[]) =>
        run((context) => carryOut(context, { do: 'remove', volumes })),
      )
    command
      .command('prune')
      .description('remove anonymous volumes that no container mounts, with their data')
      .option('-a, --all', 'those with a name as well')
      .option('-f, --force', 'accepted as in Docker: nothing is asked anyway')
      .action(({ all = false }: { readonly all?: boolean }) =>
        run((context) => carryOut(context, { do: 'prune', all })),
      )
  },
}

function defineCreate(command: Command, run: Run): void {
  command
    .command('create')
    .description('make a volume that stacks can use as external')
    .argument('<volume>')
    .option('-d, --driver <driver>', 'local', 'local')
    .option('-o, --opt <key=value>', 'type, device or o, as for mount', collect, [])
    .option('--label <key=value>', 'a remark', collect, [])
    .action((name: string, flags: CreateFlags) =>
      run((context) => carryOut(context, { do: 'create', spec: specOf(name, flags) })),
    )
}

interface CreateFlags {
  readonly driver: string
  readonly opt: readonly string[]
  readonly label: readonly string[]
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

async function volumesOf({ asking }: Context): Promise<readonly VolumeReading[]> {
  const { volumes } = await askFor(asking, { kind: 'volumes' }, 'volumes')
  return volumes
}

const HEAD = ['VOLUME', 'STACKS', 'DRIVER', 'CONTAINERS', 'PATH'] as const

async function carryOut({ asking }: Context, command: VolumeCommand): Promise<number> {
  const { names } = await askFor(asking, { kind: 'volume', command }, 'volume-changed')
  for (const name of names) print(safeText(name))
  return 0
}

function toRow({ spec, stacks, containers, path }: VolumeReading): readonly string[] {
  const owners = stacks.map(safeText).join(', ') || '-'
  return [
    safeText(spec.name),
    owners,
    safeText(spec.driver),
    `${containers.length}`,
    safeText(path),
  ]
}

function toJson({ spec, stacks, anonymous, path, containers }: VolumeReading): unknown {
  const { name, driver, driverOptions, labels } = spec
  return { name, stacks, anonymous, driver, driverOptions, labels, path, containers }
}

function specOf(name: string, { driver, opt, label }: CreateFlags): VolumeSpec {
  return {
    key: name,
    name,
    external: false,
    driver,
    driverOptions: pairs(opt),
    labels: pairs(label),
  }
}

function pairs(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const [key = '', ...value] = text.split('=')
      return [key, value.join('=')]
    }),
  )
}
