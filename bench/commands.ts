/**
 * What a command costs the one who types it: beside a bare node, and beside docker compose if
 * present.
 */
import { join } from 'node:path'
import { compare, isPresent, run, statistics, type Group, type Statistics } from './measure.ts'
import { writeStack } from './stacks.ts'

export const CLI: string = join(import.meta.dirname, '../bin/tsstack.js')

/** Runs the built command line as a user does. */
export const tsstack = (...words: readonly string[]): Promise<string> =>
  run(process.execPath, [CLI, ...words])

export interface Setting {
  readonly directory: string
  readonly image: string
  readonly rounds: number
}

/** `version`, `ps`, `config` and `exec` of a running stack of 10, beside `node -e 0`. */
export async function commandGroup({ directory, image, rounds }: Setting): Promise<Group> {
  const file = writeStack({ directory, image, count: 10 })
  await tsstack('-f', file, 'up', '-d')
  const rows = await compare(
    {
      'node -e 0': async () => void (await run(process.execPath, ['-e', '0'])),
      'tsstack version': async () => void (await tsstack('version')),
      'tsstack ps (10 services)': async () => void (await tsstack('-f', file, 'ps')),
      'tsstack config (10 services)': async () => void (await tsstack('-f', file, 'config')),
      'tsstack up -d, nothing changed (10)': async () =>
        void (await tsstack('-f', file, 'up', '-d')),
      'tsstack exec s1 true': async () =>
        void (await tsstack('-f', file, 'exec', 's1', '/bin/true')),
    },
    rounds,
  )
  await tsstack('-f', file, 'down', '-t', '0')
  return {
    title: 'Commands',
    note: 'Wall time of the whole command, with a supervisor that runs already.',
    unit: 'ms',
    yardstick: 'node -e 0',
    rows,
  }
}

/** `up -d` and `down -t 0` of stacks of 1, 10, 50 and 100 services, from no supervisor to none. */
export async function stackGroups({
  directory,
  image,
  rounds,
}: Setting): Promise<readonly Group[]> {
  const compose = await composeImage(image)
  const groups: Group[] = []
  for (const count of [1, 10, 50, 100]) {
    const file = writeStack({ directory, image, count })
    const up: Record<string, Statistics> = {}
    const down: Record<string, Statistics> = {}
    const times = await upAndDown(
      (...words: readonly string[]) => tsstack('-f', file, ...words),
      rounds,
    )
    ;[up['tsstack up -d'], down['tsstack down -t 0']] = times
    if (compose) {
      const other = writeStack({ directory, image: compose, count, name: `compose${count}` })
      const command = (...words: readonly string[]): Promise<string> =>
        run('docker', ['compose', '-f', other, ...words])
      ;[up['docker compose up -d'], down['docker compose down -t 0']] = await upAndDown(
        command,
        rounds,
      )
    }
    const services = `${count} service${count === 1 ? '' : 's'}`
    groups.push(stackGroup(`up -d, ${services}`, up), stackGroup(`down, ${services}`, down))
  }
  if (compose) await run('docker', ['image', 'rm', compose])
  return groups
}

const stackGroup = (title: string, rows: Readonly<Record<string, Statistics>>): Group => ({
  title,
  note: 'Sleeping busybox services on one bridge network; wall time of the whole command.',
  unit: 'ms',
  yardstick: Object.keys(rows).find((name) => name.startsWith('docker')),
  rows,
})

async function upAndDown(
  command: (...words: readonly string[]) => Promise<unknown>,
  rounds: number,
): Promise<readonly [Statistics, Statistics]> {
  const ups: number[] = []
  const downs: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now()
    await command('up', '-d')
    const running = performance.now()
    await command('down', '-t', '0')
    ups.push(running - begun)
    downs.push(performance.now() - running)
  }
  return [statistics(ups), statistics(downs)]
}

/** Imports the root file system as an image where docker compose and its daemon answer. */
async function composeImage(image: string): Promise<string | undefined> {
  const name = 'tsstack-bench:latest'
  if (!(await isPresent('docker'))) return undefined
  try {
    await run('docker', ['compose', 'version'])
    await run('sh', ['-c', `tar -C '${image.replace('dir:', '')}' -c . | docker import - ${name}`])
    return name
  } catch {
    return undefined // Installed, but no daemon answers.
  }
}
