/** Scenarios of Docker Compose's own tests that no other file shows: docs/compose-scenarios.md. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { type Scene, shell, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)
const needs = (service: string) => `depends_on: [${service}]`
const put = (name: string, text: string) => writeFileSync(join(scene.folder, name), text)

const counting = (name: string): readonly string[] => [
  'volumes: ["./out:/out"]',
  `pre_start: [{ command: [sh, -c, "echo ${name} >> /out/hooks"] }]`,
]
const hooks = (): string => readFileSync(join(scene.folder, 'out/hooks'), 'utf8')

interface Shown {
  readonly name: string
  readonly service: string
  readonly state: string
  readonly pid: number | null
}

async function ps(): Promise<readonly Shown[]> {
  return JSON.parse((await ok('ps', '-a', '--json')).stdout) as Shown[]
}

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries((await ps()).map(({ name, state }) => [name, state]))
}

describe('hooks', () => {
  beforeEach(() => mkdirSync(join(scene.folder, 'out')))

  test('of a stop run in the service that is stopped, and it alone halts', async () => {
    const hook = 'pre_stop: [{ command: [sh, -c, "echo stopped >> /out/hooks"] }]'
    scene.write({ web: [...SLEEP, 'volumes: ["./out:/out"]', hook], other: SLEEP })
    await ok('up', '-d')
    await ok('stop', '-t', '1', 'web')
    expect(hooks()).toBe('stopped\n')
    expect(await states()).toEqual({ 'cli-web-1': 'exited', 'cli-other-1': 'running' })
    await ok('down', '-t', '0')
  })

  test('before the start run again for a changed or forced service, once for all replicas', async () => {
    scene.write({ web: [...SLEEP, 'scale: 2', ...counting('a')] })
    await ok('up', '-d')
    expect(hooks()).toBe('a\n')
    await ok('up', '-d', '-t', '0', '--scale', 'web=1')
    expect(hooks()).toBe('a\n')
    await ok('up', '-d', '-t', '0', '--scale', 'web=1', '--force-recreate')
    expect(hooks()).toBe('a\na\n')
    scene.write({ web: [...SLEEP, ...counting('b')] })
    await ok('up', '-d', '-t', '0')
    expect(hooks()).toBe('a\na\nb\n')
    await ok('down', '-t', '0')
  })
})

describe('scale', () => {
  test('with --no-deps leaves dependencies alone, and numbers are used again', async () => {
    scene.write({ web: [...SLEEP, needs('db')], db: [...SLEEP, 'scale: 1'] })
    await ok('up', '-d', '--scale', 'db=2')
    await ok('scale', '--no-deps', 'web=3')
    expect(Object.keys(await states()).toSorted()).toEqual([
      'cli-db-1',
      'cli-db-2',
      'cli-web-1',
      'cli-web-2',
      'cli-web-3',
    ])
    await ok('scale', 'web=1')
    expect(Object.keys(await states()).toSorted()).toEqual(['cli-db-1', 'cli-web-1'])
    await ok('scale', 'web=2')
    expect(Object.keys(await states())).toContain('cli-web-2')
    await ok('down', '-t', '0')
  })
})

describe('run and exec', () => {
  test('run leaves out an optional dependency of an inactive profile, and joins a network', async () => {
    scene.write({
      web: [...SLEEP, 'depends_on: { debug: { condition: service_started, required: false } }'],
      debug: [...SLEEP, 'profiles: [debug]'],
      net: SLEEP,
      user: [...SLEEP],
    })
    scene.append('')
    const file = join(scene.folder, 'compose.yaml')
    const text = readFileSync(file, 'utf8')
    const at = text.lastIndexOf('network_mode: none')
    writeFileSync(file, `${text.slice(0, at)}network_mode: service:net${text.slice(at + 18)}`)
    expect((await ok('run', '--rm', 'web', 'echo', 'ran')).stdout).toBe('ran\n')
    expect(await states()).toEqual({})
    const own = (await ok('run', '--rm', 'user', 'readlink', '/proc/self/ns/net')).stdout
    expect(own).toBe((await ok('exec', 'net', 'readlink', '/proc/self/ns/net')).stdout)
    await ok('down', '-t', '0')
  })

  test('run -e takes its value from the .env, although the service has an env_file of its own', async () => {
    put('.env', 'FROM_ENV=dotenv\n')
    put('own.env', 'FROM_FILE=file\n')
    scene.write({ web: [...SLEEP, 'env_file: own.env'] })
    const nested = join(scene.folder, 'deeper')
    mkdirSync(nested)
    const printed = await scene.sandbox.ok(
      ['run', '--rm', '-e', 'FROM_ENV', 'web', 'sh', '-c', 'echo $FROM_ENV $FROM_FILE'],
      { cwd: nested },
    )
    // The file is found from the project's directory, wherever the command is run.
    expect(printed.stdout).toBe('dotenv file\n')
    await ok('down', '-t', '0')
  })

  test('exec reaches a container of run when there is no replica, but not by --index', async () => {
    scene.write({ web: SLEEP })
    const name = (await ok('run', '-d', 'web', 'sleep', 'infinity')).stdout.trim()
    expect((await ok('exec', 'web', 'hostname')).stdout.trim()).toBe(name)
    expect((await run('exec', '--index', '1', 'web', 'true')).code).toBe(1)
    await ok('up', '-d')
    expect((await ok('exec', 'web', 'hostname')).stdout).toBe('cli-web-1\n')
    await ok('down', '-t', '0')
  })
})

test('wait blocks until the service ends that is named, although others ended before', async () => {
  scene.write({
    early: [shell('exit 1')],
    late: [shell('while [ ! -e /out/go ]; do sleep 0.05; done; exit 6'), 'volumes: ["./out:/out"]'],
  })
  mkdirSync(join(scene.folder, 'out'))
  await ok('up', '-d')
  await until(async () => (await ok('ps', '-a')).stdout, /exited \(1\)/)
  const waiting = run('wait', 'late')
  put('out/go', '')
  expect(await waiting).toMatchObject({ code: 6 })
  await ok('down', '-t', '0')
})

test('up of a service with a profile starts what it needs, and no sibling of its profile', async () => {
  scene.write({
    web: [...SLEEP, 'profiles: [extra]', needs('db')],
    sibling: [...SLEEP, 'profiles: [extra]'],
    db: SLEEP,
    other: SLEEP,
  })
  await ok('up', '-d', 'web')
  expect(await states()).toEqual({ 'cli-web-1': 'running', 'cli-db-1': 'running' })
  await ok('down', '-t', '0')
})

describe('configuration', () => {
  test('an unset variable falls back to the .env, one without a value is passed through', async () => {
    put('.env', 'WORD=dotenv\n')
    scene.write({
      web: [
        shell('echo "<$PASSED> <${GONE-unset}>"'),
        'environment: [PASSED, GONE]',
        'expose: ["3000-3005"]',
        'hostname: "${WORD}"',
      ],
    })
    const env = { PASSED: 'mine' }
    const { stdout } = await scene.sandbox.ok(['up'], { cwd: scene.folder, env })
    expect(stdout).toBe('web-1  | <mine> <unset>\n')
    expect((await ok('config')).stdout).toContain('hostname: dotenv')
    await ok('down', '-t', '0')
  })

  test('config --no-consistency lists what would fail the checks', async () => {
    put('compose.yaml', 'name: cli\nservices: { web: { depends_on: [gone] } }\n')
    expect((await run('config', '--services')).code).toBe(1)
    expect((await ok('config', '--no-consistency', '--services')).stdout).toBe('web\n')
  })
})

describe('what a change reconnects', () => {
  test('another external volume comes in place of the one before, and logging options count', async () => {
    const service = (volume: string, size: string): void => {
      scene.write({
        web: [
          ...SLEEP,
          'volumes: ["data:/data"]',
          `logging: { driver: local, options: { max-size: ${size} } }`,
        ],
      })
      scene.append(`volumes: { data: { name: ${volume}, external: true } }`)
    }
    await ok('volume', 'create', 'one')
    await ok('volume', 'create', 'two')
    service('one', '1m')
    await ok('up', '-d')
    await ok('exec', 'web', 'touch', '/data/in-one')
    service('two', '1m')
    await ok('up', '-d', '-t', '0')
    expect((await ok('exec', 'web', 'ls', '/data')).stdout).toBe('')
    service('one', '1m')
    await ok('up', '-d', '-t', '0')
    expect((await ok('exec', 'web', 'ls', '/data')).stdout).toBe('in-one\n')
    const [before] = await ps()
    service('one', '2m')
    expect((await ok('up', '-d', '-t', '0')).stderr).toContain('logging changed')
    expect((await ps())[0]?.pid).not.toBe(before?.pid)
    await ok('down', '-v', '-t', '0')
    await ok('volume', 'rm', 'one', 'two')
    expect(await scene.sandbox.leaks()).toBe('')
  })
})
