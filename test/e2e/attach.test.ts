/** attach as a user meets it: input, output, signals, the keys to leave, a terminal. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { cli, type Scene, shell, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)

const READER = [
  shell('while read line; do echo "got $line"; [ "$line" = end ] && exit 7; done; sleep 60'),
  'stdin_open: true',
]

test('attach joins the input and the output of the program, and ends with its status', async () => {
  scene.write({ app: READER })
  await ok('up', '-d')
  const attached = await scene.sandbox.tsstack(['attach', 'app'], {
    cwd: scene.folder,
    input: 'one\nend\n',
  })
  expect(attached).toMatchObject({ code: 7, stdout: 'got one\ngot end\n' })
  expect((await ok('logs', '--no-log-prefix')).stdout).toBe('got one\ngot end\n')
  const again = await scene.run('attach', 'app')
  expect(again.code).toBe(1)
  expect(again.stderr).toMatch(/cli-app-1 is exited.*\n.*tsstack up -d app/)
  expect((await scene.run('attach', 'ap')).stderr).toContain('Did you mean "app"')
  await ok('down', '-t', '0')
})

test('the end of the input leaves the program running; --no-stdin sends it none', async () => {
  scene.write({ app: READER })
  await ok('up', '-d')
  const typing = start('attach', 'app')
  const watching = start('attach', '--no-stdin', 'app')
  watching.child.stdin.write('unheard\n')
  // Each follows from when it is there: what is said before is not its own.
  await until(() => {
    typing.child.stdin.write('more\n')
    return Promise.resolve(watching.said)
  }, /got more/)
  expect(watching.said).not.toContain('unheard')
  typing.child.stdin.end()
  expect((await ok('ps')).stdout).toContain('running')
  watching.child.kill('SIGKILL')
  typing.child.kill('SIGKILL')
  await ok('down', '-t', '0')
})

test('a program whose output is thrown away has nothing to show; it takes input all the same', async () => {
  const none = 'logging: { driver: none }'
  scene.write({ app: [...READER, none], mute: [shell('sleep 1000'), none] })
  await ok('up', '-d')
  const joined = await scene.sandbox.tsstack(['attach', 'app'], {
    cwd: scene.folder,
    input: 'end\n',
  })
  expect(joined).toMatchObject({ code: 7, stdout: '' })
  expect(joined.stderr).toContain('nothing that cli-app-1 writes is shown')
  const mute = await scene.run('attach', 'mute')
  expect(mute).toMatchObject({ code: 1, stdout: '' })
  expect(mute.stderr).toMatch(/logging driver is "none".*\n.*"local"/)
  await ok('down', '-t', '0')
})

test('signals are for the program, unless --sig-proxy=false', async () => {
  const script = 'trap "echo caught" INT; trap "exit 9" TERM; while sleep 0.1; do echo here; done'
  scene.write({ app: [shell(script)] })
  await ok('up', '-d')
  const own = start('attach', 'app')
  const apart = start('attach', '--sig-proxy=false', 'app')
  // What one shows proves that it has joined: until then a signal is its own.
  for (const each of [own, apart]) await until(async () => each.said, /here/)
  own.child.kill('SIGINT')
  for (const each of [own, apart]) await until(async () => each.said, /caught/)
  apart.child.kill('SIGINT')
  expect(await ended(apart.child)).toBe('SIGINT')
  expect((await ok('ps')).stdout).toContain('running')
  own.child.kill('SIGTERM')
  expect(await ended(own.child)).toBe(9)
  await ok('down', '-t', '0')
})

test('a terminal is given over, and the keys to detach leave the program running', async () => {
  const script = 'stty -echo; echo ready; while read line; do echo "<$line>"; stty size; done'
  scene.write({ app: [shell(script), 'tty: true', 'stdin_open: true'] })
  await ok('up', '-d')
  await until(async () => (await ok('logs')).stdout, /ready/)
  const command = `stty rows 33 columns 99; ${cli('attach', 'app')}; echo left $?`
  const words = ['script', '--quiet', '--echo', 'never', '--command', command, '/dev/null']
  const terminal = started(scene.sandbox.startInNetns(words, { cwd: scene.folder }))
  await until(() => {
    terminal.child.stdin.write('hello\n')
    return Promise.resolve(terminal.said)
  }, /<hello>\r\n33 99\r\n/)
  terminal.child.stdin.write('\u0010\u0011')
  await until(() => Promise.resolve(terminal.said), /left 0\r\n/)
  await ended(terminal.child)
  expect((await ok('ps')).stdout).toContain('running')
  await ok('down', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

type Child = ReturnType<Scene['sandbox']['start']>

interface Started {
  readonly child: Child
  /** What it has printed so far. */
  readonly said: string
}

const start = (...words: readonly string[]): Started =>
  started(scene.sandbox.start(words, { cwd: scene.folder }))

function started(child: Child): Started {
  const result = { child, said: '' }
  child.stdout.on('data', (bytes: Buffer) => (result.said += bytes.toString()))
  return result
}

/** Its status, or the signal that ended it. */
async function ended(child: Child): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode ?? child.signalCode
}
