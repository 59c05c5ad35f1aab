/** Large and hostile stack files: what loading, planning and refusing them costs. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare, run, type Group } from './measure.ts'

const PROJECT = join(import.meta.dirname, '..')

interface Setting {
  readonly directory: string
  readonly rounds: number
}

/** Each round is a process of its own: a supervisor that has just started reads its first file. */
export async function thousandGroup(file: string, rounds: number): Promise<Group> {
  const [library, planner] = [join(PROJECT, 'dist/index.js'), join(PROJECT, 'src/planner/index.ts')]
  const script = `import { loadStack } from ${JSON.stringify(library)}
import { desire, plan } from ${JSON.stringify(planner)}
const work = () => {
  const begun = performance.now()
  const { stack, files, projectDirectory: directory } = loadStack({ files: [process.argv[1]] })
  const loaded = performance.now()
  const observed = { stack: stack.name, containers: [], networks: [], volumes: [] }
  plan({ desired: desire(stack, { directory, files }), observed, now: 0 })
  return [loaded - begun, performance.now() - begun]
}
console.log(work().join(' '), work().join(' '))`
  const times = async (index: number): Promise<number> => {
    const words = ['--input-type=module', '-e', script, file]
    return Number((await run(process.execPath, words)).split(' ')[index])
  }
  return {
    title: 'Loading and planning 1,000 services',
    note:
      'Parsed, interpolated, merged, checked, typed and planned, in process; the file has ' +
      '17,000 lines. The goal is 500 ms on a quiet machine.',
    unit: 'ms',
    rows: await compare(
      {
        'the first load of a process': () => times(0),
        'the first load and plan of a process': () => times(1),
        'its second load and plan': () => times(3),
      },
      rounds,
    ),
  }
}

/** Whole commands that refuse a file, start-up included, beside a bare node. */
export async function hostileGroups({ directory, rounds }: Setting): Promise<readonly Group[]> {
  mkdirSync(directory, { recursive: true })
  const files = Object.entries(HOSTILE).map(([name, text]) => {
    const file = join(directory, `${name.replaceAll(/\W/g, '-')}.yaml`)
    writeFileSync(file, text())
    return { name, file }
  })
  const rows = (what: keyof Spent): Promise<Group['rows']> =>
    compare(
      Object.fromEntries([
        ['node -e 0', async () => spent()[what]],
        ...files.map(({ name, file }) => [name, async () => refuse(file)[what]]),
      ]),
      rounds,
    )
  const note = 'A whole `tsstack config` that ends with an error. The goals are 1 s and 200 MB.'
  return [
    {
      title: 'Refusing hostile files: time',
      note,
      unit: 'ms',
      yardstick: 'node -e 0',
      rows: await rows('ms'),
    },
    {
      title: 'Refusing hostile files: memory',
      note,
      unit: 'MB',
      yardstick: 'node -e 0',
      rows: await rows('megabytes'),
    },
  ]
}

const MILLION = 1_000_000

const HOSTILE: Readonly<Record<string, () => string>> = {
  '10 MB of services': () => `services:\n${'  a: {image: x}\n'.repeat(640_000)}`,
  '10 MB of open brackets': () => '['.repeat(10 * MILLION),
  '2 MB of open brackets': () => '['.repeat(2 * MILLION),
  '2 MB of one line': () => `services: {a: {image: "${'x'.repeat(2 * MILLION)}}}`,
  '100,000 keys, half of them twice': () =>
    `services:\n${Array.from({ length: 99_000 }, (_, at) => `  a${at >> 1}:\n`).join('')}`,
  'aliases that grow to 3^30 values': () =>
    `x0: &x0 [a]\n${Array.from(
      { length: 30 },
      (_, at) => `x${at + 1}: &x${at + 1} [*x${at}, *x${at}, *x${at}]\n`,
    ).join('')}`,
}

const refuse = (file: string): Spent => spent(join(PROJECT, 'bin/tsstack.js'), file)

interface Spent {
  readonly ms: number
  readonly megabytes: number
}

/** A node that runs `config` of the file, or nothing, and tells at its end what it weighed. */
function spent(program?: string, file = ''): Spent {
  const script = `process.on('exit', () => console.log('weight', process.resourceUsage().maxRSS))
if (process.argv.length > 1) import(process.argv[1])`
  const words = program === undefined ? [] : [program, '-f', file, 'config', '-q']
  const begun = performance.now()
  const { stdout } = spawnSync(process.execPath, ['-e', script, ...words], { encoding: 'utf8' })
  const ms = performance.now() - begun
  // getrusage(2): kilobytes of 1024 bytes.
  return { ms, megabytes: (Number(/weight (\d+)/.exec(stdout)?.[1]) * 1024) / MILLION }
}
