/** `logs` as a user has them: which lines, in which order, and what a terminal is spared. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { markedProcesses } from '../support/leak/processes.ts'
import { until } from '../support/until.ts'
import { succeeded } from '../support/sandbox.ts'
import { cli, Scene, shell, SLEEP } from './cli-scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.open()
})
afterEach(async () => {
  await scene.ok('down', '-t', '0')
  await scene.close()
})

const logs = async (...words: readonly string[]): Promise<string> =>
  (await scene.ok('logs', ...words)).stdout

const LINES = ['a1', 'b1', 'a2', 'b2', 'a3', 'b3']

/** Each line when it is let go. */
const say = (name: string): readonly string[] => [
  shell(
    `for i in 1 2 3; do until [ -e /turn/${name}$i ]; do sleep 0.02; done; echo ${name}$i; done`,
  ),
  "volumes: ['./turn:/turn']",
]

/** Two services that take turns, each line at its time. */
async function takeTurns(): Promise<void> {
  mkdirSync(join(scene.folder, 'turn'))
  scene.write({ a: say('a'), b: say('b') })
  await scene.ok('up', '-d')
  for (const line of LINES) {
    writeFileSync(join(scene.folder, 'turn', line), '')
    await until(() => logs(), RegExp(`${line}\\n`))
  }
}

test('lines of several services come in the order of time', async () => {
  await takeTurns()
  expect((await logs('--no-log-prefix')).trim().split('\n')).toEqual(LINES)
  // The past of what is followed as well.
  expect((await logs('-f', '--no-log-prefix')).trim().split('\n')).toEqual(LINES)
  expect(await logs('a', '-n', '1')).toBe('a-1  | a3\n')
  for (const all of ['--tail=all', '--tail=-1']) {
    expect(await logs('a', all, '--no-log-prefix')).toBe('a1\na2\na3\n')
  }
  const bad = await scene.run('logs', '--tail', 'some')
  expect(bad).toMatchObject({ code: 2, stdout: '' })
  expect(bad.stderr).toMatch(/--tail.*whole number/)
  expect((await logs('-n', '1')).split('\n').filter(Boolean)).toEqual(['a-1  | a3', 'b-1  | b3'])
})

test('--since and --until take times of the lines themselves, and durations', async () => {
  await takeTurns()
  const stamped = (await logs('-t', '--no-log-prefix')).trim().split('\n')
  const timeOf = (line: string): string =>
    stamped.find((one) => one.endsWith(line))?.split(' ')[0] ?? ''
  expect(timeOf('a2')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  const range = ['--since', timeOf('b1'), '--until', timeOf('b2'), '--no-log-prefix']
  expect((await logs(...range)).trim().split('\n')).toEqual(['b1', 'a2', 'b2'])
  expect(await logs('--since', '1h', '-n', '1', 'b')).toBe('b-1  | b3\n')
  expect(await logs('--until', '1h')).toBe('')
  const bad = await scene.run('logs', '--since', 'yesterday')
  expect(bad).toMatchObject({ code: 2, stdout: '' })
  expect(bad.stderr).toMatch(/--since/)
})

test('a pipe gets every byte; a terminal gets no escape that it would obey', async () => {
  const hostile = String.raw`printf '\033]52;c;AAAA\a\033[2J\rfake | ok \033[31mred\033[0m\0\377\n'`
  scene.write({ web: [shell(hostile)] })
  await scene.ok('up', '-d')
  await until(() => logs(), /fake/)
  const sum = `${cli('logs', '--no-log-prefix')} | md5sum`
  const { stdout } = await scene.sandbox.inNetns(['sh', '-c', sum], { cwd: scene.folder })
  const written = Buffer.concat([
    Buffer.from('\u001b]52;c;AAAA\u0007\u001b[2J\rfake | ok \u001b[31mred\u001b[0m\0'),
    Buffer.from([0xff, 0x0a]),
  ])
  expect(stdout).toContain(createHash('md5').update(written).digest('hex'))
  const shown = (await scene.onTerminal(cli('logs'))).stdout
  expect(shown).toContain('\\x1b]52;c;AAAA\\x07\\x1b[2J\\x0dfake | ok \u001b[31mred\u001b[0m\\x00')
  expect(shown).not.toContain('\u001b]')
  expect(shown).not.toContain('\u001b[2J')
})

test('a container that is replaced while its log is followed is followed on', async () => {
  scene.write({ web: [shell('echo one; exec sleep 100'), 'init: true'], other: SLEEP })
  await scene.ok('up', '-d')
  const child = scene.sandbox.start(['logs', '-f'], { cwd: scene.folder })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await until(async () => said, /one/)
  scene.write({ web: [shell('echo two; exec sleep 100'), 'init: true'], other: SLEEP })
  await scene.ok('up', '-d')
  await until(async () => said, /two\n/)
  expect(said).toMatch(/^web-1 +\| one\nweb-1 +\| two\n$/)
  child.kill('SIGKILL')
})

test('what has just ended has its last words in its log, however slow its log mover is', async () => {
  scene.write({ web: [shell('read line; echo last words'), 'stdin_open: true'] })
  await scene.ok('up', '-d')
  const movers = markedProcesses({ marks: scene.sandbox.scope.marks ?? [], namespaces: [] })
    .filter(({ command }) => command.startsWith('tsstack: log cli-web-1'))
    .map(({ pid }) => pid)
  expect(movers).toHaveLength(1)
  process.kill(movers[0] ?? 0, 'SIGSTOP')
  const attached = scene.sandbox.tsstack(['attach', 'web'], { cwd: scene.folder, input: 'go\n' })
  succeeded(await scene.run('wait', 'web'))
  const shown = logs('--no-log-prefix')
  // As long as that command takes, and it comes later.
  await scene.ok('ps')
  process.kill(movers[0] ?? 0, 'SIGCONT')
  expect(await shown).toBe('last words\n')
  expect(await attached).toMatchObject({ code: 0, stdout: 'last words\n' })
})
