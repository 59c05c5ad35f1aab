/**
 * A supervisor that is killed after any of its side effects leaves what the next one can finish:
 * `up` converges to the same end, `down` leaves nothing. `npm run test:crash` tries every one of
 * them; here it is a sample, by TSSTACK_SEED.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DesiredState } from '../../src/planner/index.ts'
import { bundle } from '../support/bundle.ts'
import { ownedProcesses } from '../support/leak/processes.ts'
import {
  attached,
  desiredStack,
  type Resources,
  type Service,
  sh,
  STACK,
  textOf,
  World,
} from './support.ts'

/** Crashes per phase in a plain run of the tests; each takes about two seconds. */
const SAMPLE = 5
/** Another number of them, or `all`. */
const matrix = process.env['TSSTACK_CRASH_MATRIX']
const all = matrix === 'all'
const crashes = all || matrix === undefined ? SAMPLE : Number(matrix)
/** For monitors to end; the same patience as the leak check has. */
const MONITORS_MS_MAX = 60_000
/** One point alone, counted from 1, or some (`101-200`, `1-2000/4`), of the phase that `-t` names. */
const point = process.env['TSSTACK_CRASH_POINT']
const results = process.env['TSSTACK_CRASH_RESULTS']
/** The same points each time without a matrix, so that a failure there is one of the change. */
const seed = Number(
  process.env['TSSTACK_SEED'] ?? (matrix === undefined ? 1 : Math.floor(Math.random() * 2 ** 31)),
)

/** Side effects after which a crash was once too much: tried each time. */
const ONCE_FAILED = /^renameSync\(.*\/volume\.json\.new/

let world: World
/** crash-run.ts in one file: node starts it in a tenth of the time that the sources take. */
let runner: string
beforeAll(async () => {
  world = await World.open()
  runner = join(world.root, 'crash-run.js')
  await bundle(fileURLToPath(new URL('./crash-run.ts', import.meta.url)), runner)
})
afterAll(() => world.close())

const SERVE = 'mkdir -p /www; echo "$WORD" > /www/index.html; exec httpd -f -p 80 -h /www'
const resources: Resources = { networks: [{ name: 'tst_net' }], volumes: ['tst_data'] }
const started = { condition: 'service_started', required: true, restart: false } as const

const services = (word: string): Readonly<Record<string, Service>> => ({
  db: {
    ...sh('echo $(( $(cat /data/runs 2>/dev/null || echo 0) + 1 )) > /data/runs; exec sleep 1000'),
    ...attached('tst_net'),
    init: true,
    mounts: [
      {
        kind: 'volume',
        volume: 'tst_data',
        anonymous: false,
        target: '/data',
        readOnly: false,
        nocopy: true,
      },
    ],
  },
  web: {
    ...sh(SERVE),
    ...attached('tst_net'),
    environment: { WORD: word },
    dependsOn: [{ service: 'db', ...started }],
    ports: [{ target: 80, protocol: 'tcp', published: { first: 18_090, last: 18_090 } }],
  },
  box: {
    command: ['sleep', '1000'],
    ...attached('tst_net'),
    resources: { memoryBytesMax: 64 * 1024 * 1024 },
    dependsOn: [{ service: 'web', ...started }],
  },
})

/** Its server may not listen yet; one that cannot be reached at all is a failure. */
const FETCH =
  'for try in $(seq 600); do wget -q -O - http://web/ && exit 0; sleep 0.05; done; ' +
  'wget -O - http://web/ >&2; nslookup web >&2; ip addr >&2; ip neigh >&2; exit 1'

const BEFORE = 'before'
const AFTER = 'after'
const stateOf = (word: string): DesiredState => desiredStack(world.image, services(word), resources)

interface Phase {
  readonly name: string
  /** What is there when the crashing supervisor starts. */
  readonly begin: () => Promise<void>
  /** What it is to do. */
  readonly desired: () => DesiredState | undefined
}

const PHASES: readonly Phase[] = [
  { name: 'up', begin: async () => {}, desired: () => stateOf(AFTER) },
  {
    name: 'a change',
    begin: () => world.up(services(BEFORE), resources),
    desired: () => stateOf(AFTER),
  },
  {
    name: 'down',
    begin: () => world.up(services(AFTER), resources),
    desired: () => undefined,
  },
]

test.each(PHASES)(
  'after a crash at any side effect of $name, up converges and down leaves nothing',
  async (phase) => {
    const effects = await trace(phase)
    if (matrix !== undefined || point !== undefined) {
      console.log(`${phase.name}: ${effects.length} side effects`)
    }
    expect(effects.length).toBeGreaterThan(100)
    const failures: string[] = []
    for (const k of pointsOf(effects)) {
      const problem = await crashAt(phase, k + 1)
      note(`${phase.name} ${k + 1} of ${effects.length}: ${problem === '' ? 'good' : problem}`)
      if (problem !== '') failures.push(`${k + 1} of ${effects.length} (${effects[k]}): ${problem}`)
    }
    expect(failures, `seed ${seed}`).toEqual([])
  },
  matrix === undefined && point === undefined ? 180_000 : 14_400_000,
)

/** For runs of hours: a line for each point, in the file that TSSTACK_CRASH_RESULTS names. */
function note(line: string): void {
  if (results !== undefined) appendFileSync(results, `${line.replaceAll('\n', ' ')}\n`)
}

function pointsOf(effects: readonly string[]): Iterable<number> {
  if (point !== undefined) {
    const [range = '', step = '1'] = point.split('/')
    const [first = 1, last = first] = range.split('-').map(Number)
    return [...effects.keys()]
      .slice(first - 1, last)
      .filter((index) => (index - first + 1) % Number(step) === 0)
  }
  if (all) return effects.keys()
  const known = effects.flatMap((effect, index) => (ONCE_FAILED.test(effect) ? index : []))
  return new Set([...known, ...sample(effects.length)])
}

/** All side effects of a phase that is not disturbed, in their order. */
async function trace(phase: Phase): Promise<readonly string[]> {
  await phase.begin()
  const file = join(world.root, 'trace')
  expect(await runApart(phase, { TSSTACK_CRASH_TRACE: file })).toBe('')
  const effects = readFileSync(file, 'utf8').trim().split('\n')
  rmSync(file)
  expect(await settle()).toBe('')
  return effects
}

/** '' when all is well again after a crash at side effect `k`. */
async function crashAt(phase: Phase, k: number): Promise<string> {
  await phase.begin()
  await runApart(phase, { TSSTACK_CRASH_AFTER: String(k) })
  return settle()
}

/** The next `up` and the `down` after it, and what is wrong with their effect. */
async function settle(): Promise<string> {
  const problems: string[] = []
  await endings()
  await attempt(problems, 'up', () => world.up(services(AFTER), resources))
  await attempt(problems, 'effect', async () => {
    const { containers } = await world.engine.observe(STACK)
    expect(containers.map(({ service, state }) => `${service} ${state}`).toSorted()).toEqual([
      'box running',
      'db running',
      'web running',
    ])
    expect(await world.engine.plan(STACK, stateOf(AFTER), {})).toMatchObject({ actions: [] })
    const fetched = await world.exec('box', FETCH)
    if (fetched.exitCode !== 0) throw new Error(JSON.stringify(fetched))
    expect(fetched).toMatchObject({ stdout: `${AFTER}\n`, exitCode: 0 })
    // One for each, and not the ones before, which may have their last words to write still.
    await expect
      .poll(monitors, { timeout: MONITORS_MS_MAX, interval: 10 })
      .toEqual(['box', 'db', 'web'].map((name) => `tsstack: monitor tst-${name}-1`))
  })
  await attempt(problems, 'down', () => world.down())
  const left = await world.leaks()
  return [...problems, ...(left === '' ? [] : [`left: ${left}`])].join('; ')
}

/**
 * Resolves when none that counts as running is about to end: a program that was killed before its
 * execve(2) looks like one that ends by itself, and the kernel takes its time to tell of it.
 * @see do_exit() in kernel/exit.c: memory, descriptors, namespaces; then whoever waits is told
 */
async function endings(): Promise<void> {
  await expect.poll(ending, { timeout: MONITORS_MS_MAX, interval: 10 }).toEqual([])
}

/** Containers that count as running, without a program. */
async function ending(): Promise<readonly unknown[]> {
  const { containers } = await world.engine.observe(STACK)
  return containers.filter(({ state, pid }) => state === 'running' && !existsSync(programOf(pid)))
}

const programOf = (pid: number | undefined): string => `/proc/${pid}/exe`

async function attempt(problems: string[], what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** In another process, while no engine of ours lives. What it says of actions that failed. */
async function runApart(phase: Phase, env: Readonly<Record<string, string>>): Promise<string> {
  await world.engine.close()
  const desired = phase.desired()
  const words = [
    runner,
    join(world.root, 'state'),
    join(world.root, 'run'),
    STACK,
    desired === undefined ? '' : JSON.stringify(desired),
  ]
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { NODE_COMPILE_CACHE: join(world.root, 'compiled'), ...env },
  })
  const [said] = await Promise.all([textOf(child.stdout), once(child, 'exit')])
  await world.start()
  return said
}

/** Monitors that live, by what they are called. */
const monitors = (): readonly string[] =>
  ownedProcesses({ marks: world.scope.marks ?? [], namespaces: [] })
    .filter(({ command, state }) => command.startsWith('tsstack: monitor tst-') && state !== 'Z')
    .map(({ command }) => command)
    .toSorted()

/** Indices below `length`, each in a part of its own: linear congruential, as in Numerical Recipes. */
function sample(length: number): readonly number[] {
  let state = seed
  return Array.from({ length: crashes }, (_, part) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const size = length / crashes
    return Math.floor(part * size + (state / 2 ** 32) * size)
  })
}
