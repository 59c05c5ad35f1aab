/** Commands that stay outlive their supervisor: nothing of what they show is lost or doubled. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { finish, type Sandbox, succeeded } from '../support/sandbox.ts'
import { killSupervisor, successorOf } from '../support/supervisor.ts'
import { until } from '../support/until.ts'
import { Scene, shell, STUBBORN } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox } = scene)
})
afterEach(() => scene.close())

/** Two lines of each number at once, so that several lines have the same time. */
const COUNTER = shell('i=0; while :; do printf "%s\\n%s\\n" $i $i; i=$((i+1)); sleep 0.01; done')

/** Says it, and the number of times, until the test lets it go. */
const say = (word: string): string =>
  `i=0; while [ ! -e /out/go ]; do echo ${word} $i; i=$((i+1)); sleep 0.1; done`
const sayAlways = (word: string): string => `while :; do echo ${word}; sleep 0.1; done`

/** Lets `command` print, and kills its supervisor three times meanwhile; all that it printed. */
async function printedOverKills(command: ReturnType<Sandbox['start']>): Promise<() => string> {
  let printed = ''
  command.stdout.on('data', (text: Buffer) => (printed += String(text)))
  await until(async () => printed, /\b50\n/)
  for (let kill = 1; kill <= 3; kill += 1) {
    await successorOf(sandbox.root, killSupervisor(sandbox.root))
    // What was counted since has not come through the one that is dead.
    const [, counted] = /(\d+)\n$/.exec((await scene.ok('logs', '-n', '1', 'web')).stdout) ?? []
    await until(async () => printed, RegExp(`\\b${Number(counted) + 1}\\n`))
  }
  return () => printed
}

/** The numbers of a counter, each twice, from 0 on, with nothing missing. */
function expectWhole(printed: string, prefix = ''): void {
  const lines = printed.split('\n').slice(0, -1)
  const numbers = lines
    .filter((line) => line.startsWith(prefix))
    .map((line) => Number(line.slice(prefix.length)))
  expect(numbers.length).toBeGreaterThan(100)
  const wrong = numbers.findIndex((number, at) => number !== Math.floor(at / 2))
  expect(wrong < 0 ? '' : `line ${wrong}: ${numbers.slice(wrong - 3, wrong + 3).join()}`).toBe('')
}

test('logs -f goes on at the next supervisor, without a gap or a line twice', async () => {
  scene.write({ web: [COUNTER] })
  await scene.ok('up', '-d')
  const command = sandbox.start(['logs', '-f', '--no-log-prefix'], { cwd: scene.folder })
  const printed = await printedOverKills(command)
  await scene.ok('down', '-t', '0')
  const { code } = await finish(command)
  expect(code).toBe(0)
  expectWhole(printed())
  expect(await sandbox.leaks()).toBe('')
})

test('an attached up goes on at the next supervisor, and Ctrl-C still stops the stack', async () => {
  scene.write({ web: [COUNTER], other: STUBBORN })
  const command = sandbox.start(['up', '-t', '0'], { cwd: scene.folder })
  const printed = await printedOverKills(command)
  command.kill('SIGINT')
  const { stderr } = await finish(command)
  expect(stderr).toContain('container cli-web-1: stopped')
  expectWhole(printed(), 'web-1    | ')
  expect((await scene.ok('ps', '-q')).stdout).toBe('')
  await scene.ok('down')
  expect(await sandbox.leaks()).toBe('')
})

test('up -d goes on at the next supervisor, and ends with what it was asked for', async () => {
  const slow =
    'healthcheck: { test: ["CMD-SHELL", "test -e /tmp/ok"], interval: 100ms, start_period: 60s }'
  const job = shell('sleep 1; touch /tmp/ok; exec sleep 1000')
  const waits = 'depends_on: { db: { condition: service_healthy } }'
  scene.write({ db: [job, slow], web: ['command: [sleep, infinity]', waits] })
  const command = sandbox.start(['up', '-d'], { cwd: scene.folder })
  let said = ''
  command.stderr.on('data', (text: Buffer) => (said += String(text)))
  await until(async () => said, /container cli-db-1: started/)
  killSupervisor(sandbox.root)
  succeeded(await finish(command))
  expect((await scene.ok('ps', '-q')).stdout).toBe('cli-db-1\ncli-web-1\n')
  await scene.ok('down', '-t', '0')
  expect(await sandbox.leaks()).toBe('')
})

test('an attached up keeps what it was told to show, and what ends it, over its supervisors', async () => {
  scene.write({
    web: [shell(`${say('loud')}; exit 9`), 'volumes: ["./out:/out"]'],
    // Neither ends by itself: the first end stops all.
    db: [shell(sayAlways('hidden')), 'init: true'],
    quiet: [shell(sayAlways('silent')), 'init: true', 'attach: false'],
  })
  mkdirSync(join(scene.folder, 'out'))
  const words = ['up', '-t', '0', '--no-attach', 'db', '--exit-code-from', 'web']
  const command = sandbox.start(words, { cwd: scene.folder })
  let printed = ''
  command.stdout.on('data', (text: Buffer) => (printed += String(text)))
  await until(async () => printed, /loud/)
  await successorOf(sandbox.root, killSupervisor(sandbox.root))
  const [, counted] = /(\d+)\n$/.exec((await scene.ok('logs', '-n', '1', 'web')).stdout) ?? []
  await until(async () => printed, RegExp(`loud ${Number(counted) + 1}\\n`))
  writeFileSync(join(scene.folder, 'out/go'), '')
  const { code, stderr } = await finish(command)
  expect(code).toBe(9)
  expect(stderr).toMatch(/container cli-web-1: exited \(9\); stopping all/)
  expect(printed).not.toMatch(/hidden|silent/)
  expect((await scene.ok('ps', '-q')).stdout).toBe('')
  await scene.ok('down', '-t', '0')
  expect(await sandbox.leaks()).toBe('')
})
