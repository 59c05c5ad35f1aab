/** run: one program in a container of its own, as a user meets it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { finish } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { cli, type Scene, shell, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)

test('runs the command of the service or another one, after what it depends on', async () => {
  scene.write({ web: [shell('echo own; exit 3'), 'depends_on: [db]'], db: SLEEP, other: SLEEP })
  const own = await run('run', '--rm', 'web')
  expect(own).toMatchObject({ code: 3, stdout: 'own\n' })
  expect(own.stderr).toBe('container cli-db-1: created\ncontainer cli-db-1: started\n')
  const script = 'echo "$A $B $(id -u) $(pwd)"; echo wrong >&2; exit 41'
  writeFileSync(join(scene.folder, 'vars'), 'A=file\nB=file\n')
  const words = ['--env-from-file', 'vars', '-e', 'A=b', '-u', 'nobody', '-w', '/tmp']
  expect(await run('run', '--rm', ...words, 'web', 'sh', '-c', script)).toEqual({
    code: 41,
    stdout: 'b file 65534 /tmp\n',
    stderr: 'wrong\n',
  })
  expect((await ok('ps', '-a', '--services')).stdout).toBe('db\n')
  const events = (await ok('events', '--since', '1h', '--until', '0s')).stdout
  expect(events.match(/(?<=die.*exitCode=)\d+/g)).toEqual(['3', '41'])
  await ok('down', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('--no-deps leaves dependencies alone; input and large outputs pass byte for byte', async () => {
  scene.write({ web: [...SLEEP, 'depends_on: [db]'], db: SLEEP })
  const input = 'tsstack '.repeat(256 * 1024)
  const words = ['run', '--rm', '--no-deps', '-T', 'web', 'cat']
  const result = await scene.sandbox.tsstack(words, { cwd: scene.folder, input })
  expect(result).toMatchObject({ code: 0, stderr: '' })
  expect(result.stdout === input).toBe(true)
  expect((await ok('ps', '-aq')).stdout).toBe('')
})

test('a name that a container has is refused, and that container is left alone', async () => {
  scene.write({ web: SLEEP })
  await ok('up', '-d')
  const pid = (await ok('top')).stdout
  for (const words of [[], ['--rm'], ['-d']]) {
    const { code, stderr } = await run('run', ...words, '--name', 'cli-web-1', 'web', 'true')
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('stack "cli" has one of that name') as string,
    })
  }
  expect((await ok('top')).stdout).toBe(pid)
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('without --rm the container stays with its status, beside the replicas', async () => {
  scene.write({ web: SLEEP })
  await ok('up', '-d')
  expect((await run('run', '--name', 'once', 'web', 'sh', '-c', 'exit 5')).code).toBe(5)
  expect((await ok('ps', '-q')).stdout).toBe('cli-web-1\n')
  expect((await ok('ps', '-a')).stdout).toMatch(/^once +web +exited \(5\)/m)
  // It is neither a replica too many nor one to be started or stopped.
  expect((await ok('up', '-d')).stderr).toBe('')
  await ok('restart')
  await ok('start')
  expect((await ok('ps', '-a')).stdout).toMatch(/^once +web +exited \(5\)/m)
  expect((await ok('exec', 'web', 'hostname')).stdout).toBe('cli-web-1\n')
  await ok('up', '-d', '--remove-orphans')
  expect((await ok('ps', '-aq')).stdout).toBe('cli-web-1\n')
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('-d prints the name; with --rm the container goes by itself', async () => {
  scene.write({ web: SLEEP })
  const waiting = 'until [ -e /told/end ]; do sleep 0.05; done'
  const told = `${scene.folder}/told`
  mkdirSync(told)
  const { stdout } = await ok(
    'run',
    '-d',
    '--rm',
    '-v',
    `${told}:/told`,
    'web',
    'sh',
    '-c',
    waiting,
  )
  expect(stdout).toMatch(/^cli-web-run-[0-9a-f]{12}\n$/)
  expect((await ok('ps', '-aq')).stdout).toBe(stdout)
  writeFileSync(`${told}/end`, '')
  await until(async () => `<${(await ok('ps', '-aq')).stdout}>`, /^<>$/)
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('down takes along what would go by itself', async () => {
  scene.write({ web: SLEEP })
  await ok('run', '-d', '--rm', 'web')
  expect((await ok('down', '-t', '0')).stderr).not.toContain('failed')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('publishes ports only when asked, and mounts what is named', async () => {
  scene.write({ web: [...SLEEP, 'ports: ["127.0.0.1:8097:80"]'] })
  scene.replace('network_mode: none', 'networks: [default]')
  const ports = async (...words: readonly string[]): Promise<unknown> => {
    await ok('run', '-d', '--name', 'p', ...words, 'web')
    const [only] = JSON.parse((await ok('ps', '-a', '--json')).stdout)
    await ok('down')
    return only.ports.map((port: { published: number }) => port.published)
  }
  expect(await ports()).toEqual([])
  expect(await ports('-p', '8098:80')).toEqual([8098])
  expect(await ports('-P')).toEqual([8097])
  writeFileSync(join(scene.folder, 'note'), 'from here')
  const words = ['run', '--rm', '-v', './note:/note:ro', 'web', 'cat', '/note']
  expect((await ok(...words)).stdout).toBe('from here')
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('gives the program a terminal when there is one', async () => {
  scene.write({ web: SLEEP })
  const command = `stty rows 33 cols 99; ${cli('run', '--rm', 'web', 'stty', 'size')}`
  expect(await scene.onTerminal(command)).toMatchObject({ code: 0, stdout: '33 99\r\n' })
  await ok('down')
})

test('a container whose caller or supervisor is killed goes with it', async () => {
  scene.write({ web: SLEEP })
  const calling = scene.sandbox.start(['run', '--rm', 'web', 'sleep', '1000'], {
    cwd: scene.folder,
  })
  const ended = finish(calling)
  await until(async () => (await ok('top')).stdout, /sleep 1000/)
  calling.kill('SIGKILL')
  await ended
  await until(async () => `<${(await ok('ps', '-aq')).stdout}>`, /^<>$/)
  const second = finish(
    scene.sandbox.start(['run', '--rm', 'web', 'sleep', '1000'], { cwd: scene.folder }),
  )
  await until(async () => (await ok('top')).stdout, /sleep 1000/)
  const { supervisor } = JSON.parse((await ok('info', '--json')).stdout)
  process.kill(supervisor.pid, 'SIGKILL')
  expect((await second).code).toBe(1)
  await until(async () => `<${(await ok('ps', '-aq')).stdout}>`, /^<>$/)
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test.each([
  [['run', 'wbe'], 1, 'Did you mean "web"?'],
  [['run', 'web', 'missing'], 127, '"missing": executable file not found'],
  [['run', '-v', 'nope:/x', 'web'], 2, 'Cannot mount volume "nope"'],
  [['run', '-v', 'a:b', 'web'], 2, 'is no absolute path'],
  [['run', '-p', 'http', 'web'], 2, 'Cannot read --publish "http"'],
  [['run', '--entrypoint', '"x', 'web'], 2, 'Cannot read --entrypoint'],
  [['run', '--env-from-file', 'gone', 'web'], 2, 'ENOENT'],
  [['run', '--name', '../x', 'web'], 2, 'name of letters'],
])('%j ends with %i: %s', async (words, code, text) => {
  scene.write({ web: SLEEP })
  const result = await run(...words)
  expect(result).toMatchObject({ code, stdout: '' })
  expect(result.stderr).toContain(text)
  await ok('-p', 'cli', 'down')
})
