/**
 * What building an image costs: the first build, and the second one of an unchanged tree, beside a
 * command that does nothing and, where it is installed, podman.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare, run, type Contender, type Group } from './measure.ts'

const PROJECT = join(import.meta.dirname, '..')
const CLI = join(PROJECT, 'bin/tsstack.js')

/** As many files as a project with its packages has. */
const FILES = 2000

export async function buildGroups(setting: {
  readonly directory: string
  readonly rounds: number
}): Promise<readonly Group[]> {
  const context = writeContext(setting.directory)
  const file = join(context, 'compose.yaml')
  const tsstack = (...words: readonly string[]): Contender => {
    return async () => void (await run(process.execPath, [CLI, '-f', file, ...words]))
  }
  const again: Record<string, Contender> = {
    'tsstack version': tsstack('version'),
    'tsstack build, nothing changed': tsstack('build', '-q'),
  }
  const anew: Record<string, Contender> = {
    'tsstack build --no-cache': tsstack('build', '-q', '--no-cache'),
  }
  const podman = ['build', '-q', '--network=none', context]
  // It may be there and have a runtime that refuses the machine: crun knows no hybrid cgroups.
  const isUsable = await run('podman', podman).then(
    () => true,
    () => false,
  )
  if (isUsable) {
    again['podman build, nothing changed'] = async () => void (await run('podman', podman))
    anew['podman build --no-cache'] = async () =>
      void (await run('podman', [...podman, '--no-cache']))
  }
  await tsstack('build', '-q')()
  const note = `A stage of busybox, ${FILES} files copied, two RUNs, two copies between stages.`
  return [
    {
      title: 'build, second time',
      note,
      unit: 'ms',
      yardstick: 'tsstack version',
      rows: await compare(again, setting.rounds),
    },
    {
      title: 'build, every step anew',
      note,
      unit: 'ms',
      yardstick: 'tsstack build --no-cache',
      rows: await compare(anew, Math.ceil(setting.rounds / 5)),
    },
  ]
}

function writeContext(directory: string): string {
  const context = join(directory, 'build')
  rmSync(context, { recursive: true, force: true })
  for (let number = 0; number < FILES; number += 1) {
    const folder = join(context, 'src', String(number % 50))
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${number}.txt`), `file ${number}\n`.repeat(200))
  }
  copyFileSync('/bin/busybox', join(context, 'busybox'))
  writeFileSync(
    join(context, 'Dockerfile'),
    [
      'FROM scratch AS base',
      'COPY busybox /bin/busybox',
      'RUN ["/bin/busybox", "--install", "-s", "/bin"]',
      'FROM base AS compile',
      'WORKDIR /src',
      'COPY src .',
      'RUN cat */*.txt > /all.txt',
      'FROM base',
      'COPY --from=compile /all.txt /all.txt',
      'COPY --from=compile /src/1 /one/',
      '',
    ].join('\n'),
  )
  const service = 'services: { app: { build: { context: ., network: none } } }\n'
  writeFileSync(join(context, 'compose.yaml'), service)
  return context
}
