/**
 * What reading stack files costs: `tsstack config` beside a bare node and, where it is installed,
 * beside docker compose; and loading and planning 1,000 services.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare, run, type Contender, type Group } from './measure.ts'
import { hostileGroups, thousandGroup } from './stack-files.ts'

const PROJECT = join(import.meta.dirname, '..')
const CLI = join(PROJECT, 'bin/tsstack.js')

/** Milliseconds of Docker Compose 2.40 by the number of services, where it cannot be run beside. */
const REFERENCE_MS: Readonly<Record<number, number>> = { 10: 116, 50: 132 }

interface Setting {
  readonly directory: string
  readonly rounds: number
}

/** `config` of 10 and of 50 services, start-up included, with its parts. */
export async function configGroups(setting: Setting): Promise<readonly Group[]> {
  const other = await composeCommand()
  const groups: Group[] = []
  for (const count of [10, 50]) {
    const file = writeServices(setting.directory, count)
    const contenders: Record<string, Contender> = {
      'node -e 0': node('-e', '0'),
      'tsstack version (node, command line)': node(CLI, 'version'),
      'tsstack schema (and the modules of the front end)': node(CLI, 'schema'),
      'tsstack config -q (and the stack)': node(CLI, '-f', file, 'config', '-q'),
      'tsstack config (and its print)': node(CLI, '-f', file, 'config'),
    }
    if (other) {
      const [program = '', ...words] = other
      contenders[`${other.join(' ')} config`] = async () =>
        void (await run(program, [...words, '-f', file, 'config']))
    }
    groups.push({
      title: `config, ${count} services`,
      note:
        'Wall time of the whole command. Each row of tsstack does more than the one above it. ' +
        `For comparison, measured on such a machine: docker compose config ${REFERENCE_MS[count]} ms.`,
      unit: 'ms',
      yardstick: 'node -e 0',
      rows: await compare(contenders, setting.rounds),
    })
  }
  const thousand = writeServices(setting.directory, 1000)
  return [
    ...groups,
    await thousandGroup(thousand, 7),
    ...(await hostileGroups({ ...setting, rounds: 3 })),
  ]
}

/** A run of this Node.js. */
const node = (...words: readonly string[]): Contender => {
  return async () => void (await run(process.execPath, words))
}

/** Services with a bit of everything that stack files have. */
function writeServices(directory: string, count: number): string {
  const services = Array.from({ length: count }, (_, index) =>
    [
      `  svc${index}:`,
      `    image: 'registry.example.com/team/app${index}:\${TAG:-1.2}'`,
      `    command: [serve, --port, '${3000 + index}']`,
      '    environment:',
      `      NAME: svc${index}`,
      '      HOME: ${HOME}',
      '      LEVEL: info',
      '    ports:',
      `      - '${10_000 + index}:80'`,
      '    volumes:',
      `      - data${index % 20}:/data`,
      '      - ./conf:/etc/conf:ro',
      `    networks: [net${index % 10}]`,
      '    restart: unless-stopped',
      "    healthcheck: { test: [CMD, 'true'], interval: 10s }",
      ...(index > 0 ? [`    depends_on: [svc${index - 1}]`] : []),
      '    deploy: { resources: { limits: { memory: 128M } } }',
    ].join('\n'),
  )
  const parts = ['name: config', 'services:', ...services]
  parts.push('networks:', section('net', 10), 'volumes:', section('data', 20))
  mkdirSync(directory, { recursive: true })
  const file = join(directory, `config${count}.yaml`)
  writeFileSync(file, `${parts.join('\n')}\n`)
  return file
}

/** Empty resources, numbered. */
const section = (name: string, length: number): string =>
  Array.from({ length }, (_, index) => `  ${name}${index}: {}`).join('\n')

/** The plugin through the docker command, or the program of its own; neither needs the daemon. */
async function composeCommand(): Promise<readonly string[] | undefined> {
  for (const words of [['docker', 'compose'], ['docker-compose']]) {
    const [program = '', ...rest] = words
    try {
      if (/\bv?2\.|\bv?5\./.test(await run(program, [...rest, 'version', '--short']))) return words
    } catch {
      // Not this one.
    }
  }
  return undefined
}
