/** More of Docker Compose's own scenarios, from the first up to the last down: docs/compose-scenarios.md. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { succeeded } from '../support/sandbox.ts'
import { type Scene, shell, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)
const needs = (service: string, condition = 'service_started', more = '') =>
  `depends_on: { ${service}: { condition: ${condition}${more} } }`
const connected = (): void => scene.replace('network_mode: none', 'networks: [default]')
const checked = (test: string) =>
  `healthcheck: { test: ["CMD-SHELL", "${test}"], interval: 50ms, retries: 2 }`

interface Shown {
  readonly name: string
  readonly state: string
  readonly pid: number | null
}

async function ps(): Promise<readonly Shown[]> {
  return JSON.parse((await ok('ps', '-a', '--json')).stdout) as Shown[]
}

/** `cli-web-1 running, cli-db-1 exited`, in the order of names. */
async function states(): Promise<string> {
  const all = (await ps()).map(({ name, state }) => `${name.replace(/^cli-/, '')} ${state}`)
  return all.toSorted().join(', ')
}

const pidOf = async (name: string): Promise<number | null | undefined> =>
  (await ps()).find((one) => one.name === name)?.pid

describe('one-off containers, and services that are chosen', () => {
  test('stop, start and restart leave a container of run alone that runs', async () => {
    scene.write({ web: SLEEP })
    await ok('up', '-d')
    await ok('run', '-d', '--name', 'once', 'web', 'sleep', '1000')
    const before = await pidOf('once')
    await ok('stop', '-t', '0')
    expect(await states()).toBe('once running, web-1 exited')
    await ok('start')
    await ok('restart', '-t', '0')
    expect(await states()).toBe('once running, web-1 running')
    expect(await pidOf('once')).toBe(before)
    await ok('down', '-t', '0')
  })

  test('create, start, pause and rm act on the services that are named and what they need', async () => {
    scene.write({ web: [...SLEEP, needs('db')], db: SLEEP, other: SLEEP })
    await ok('create')
    await ok('start', 'web')
    expect(await states()).toBe('db-1 running, other-1 created, web-1 running')
    await ok('rm', '-sf', 'other')
    succeeded(await run('pause', 'other'))
    expect(await states()).toBe('db-1 running, web-1 running')
    await ok('rm', '-sf', 'web')
    expect(await states()).toBe('db-1 running')
    const missing = await run('start', 'web')
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('up -d web') })
    await ok('down', '-t', '0')
  })

  test('scale changes every service that is named', async () => {
    scene.write({ web: SLEEP, db: SLEEP })
    await ok('scale', 'web=2', 'db=3')
    const both = 'db-1 running, db-2 running, db-3 running, web-1 running, web-2 running'
    expect(await states()).toBe(both)
    await ok('down', '-t', '0')
  })
})

describe('dependencies', () => {
  test('that never turn healthy, or end before, make up fail', async () => {
    scene.write({
      web: [...SLEEP, needs('db', 'service_healthy')],
      db: [...SLEEP, checked('false')],
    })
    const never = await run('up', '-d')
    expect(never).toMatchObject({ code: 1, stderr: expect.stringContaining('is unhealthy') })
    expect(await states()).toBe('db-1 running, web-1 created')
    const dies = [shell('exit 3'), checked('false').replace('retries: 2', 'start_period: 1h')]
    scene.write({ web: [...SLEEP, needs('db', 'service_healthy')], db: dies })
    const ended = await run('up', '-d', '-t', '0')
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('exited with 3') })
    await ok('down', '-t', '0')
  })

  test('that are optional and cannot be started keep nobody from starting', async () => {
    const optional = needs('db', 'service_healthy', ', required: false')
    scene.write({ web: [...SLEEP, optional], db: ['command: [/no/such/program]', checked('true')] })
    await run('up', '-d')
    expect(await states()).toContain('web-1 running')
    await ok('down', '-t', '0')
  })

  test('are left out by --no-deps, but for the one whose network is shared', async () => {
    scene.write({ web: [...SLEEP, needs('db')], db: SLEEP, net: SLEEP, user: SLEEP })
    await ok('up', '-d', '--no-deps', 'web')
    expect(await states()).toBe('web-1 running')
    writeFileSync(
      join(scene.folder, 'compose.yaml'),
      [
        'name: cli',
        'services:',
        "  web: { image: 'host:', command: [sleep, infinity], network_mode: 'service:net' }",
        "  net: { image: 'host:', command: [sleep, infinity], network_mode: none }",
      ].join('\n'),
    )
    const lost = await run('up', '-d', '--no-deps', '-t', '0', 'web')
    expect(lost.code).toBe(1)
    expect(lost.stderr).toContain('the container whose network it shares does not run')
    await ok('down', '-t', '0')
  })

  test('of a profile that is not active are not made; a profile makes them', async () => {
    scene.write({ web: SLEEP, debug: [...SLEEP, 'profiles: [debug]'] })
    await ok('up', '-d')
    expect(await states()).toBe('web-1 running')
    await ok('--profile', 'debug', 'up', '-d')
    expect(await states()).toBe('debug-1 running, web-1 running')
    await ok('--profile', 'debug', 'stop', '-t', '0', 'debug')
    expect(await states()).toBe('debug-1 exited, web-1 running')
    await ok('down', '-t', '0')
  })
})

describe('mounts, ports and networks', () => {
  test('of a file that changes is no change; run takes its anonymous volumes along', async () => {
    mkdirSync(join(scene.folder, 'out'))
    scene.write({ web: [...SLEEP, 'volumes: ["./out:/out", "/own"]'] })
    await ok('up', '-d')
    writeFileSync(join(scene.folder, 'out/file'), 'changed')
    expect((await ok('up', '-d')).stderr).toBe('')
    const volumes = async (): Promise<string> => (await ok('volume', 'ls', '-q')).stdout
    const before = await volumes()
    await ok('run', '--rm', 'web', 'touch', '/own/mine')
    expect(await volumes()).toBe(before)
    await ok('run', '--name', 'kept', 'web', 'true')
    expect(await volumes()).not.toBe(before)
    await ok('down', '-v', '-t', '0')
    expect(await scene.sandbox.leaks()).toBe('')
  })

  test('a range of ports serves replicas, and port --index says which is whose', async () => {
    const serve = 'mkdir /www; hostname > /www/name; exec busybox httpd -f -p 80 -h /www'
    scene.write({ web: [shell(serve), 'ports: ["8100-8101:80"]', 'scale: 2'] })
    connected()
    await ok('up', '-d')
    for (const index of ['1', '2']) {
      const place = (await ok('port', '--index', index, 'web', '80')).stdout.trim()
      const url = `http://${place.replace('0.0.0.0', '127.0.0.1')}/name`
      await until(() => scene.sandbox.curl(url), new RegExp(`cli-web-${index}`))
    }
    expect((await run('port', '--index', '3', 'web', '80')).code).toBe(1)
    await ok('down', '-t', '0')
  })

  test('a link resolves on the default network; another subnet gives other addresses', async () => {
    const write = (subnet: string): void => {
      scene.write({ web: [...SLEEP, 'links: ["db:database"]'], db: SLEEP })
      scene.replace('    network_mode: none\n', '')
      scene.append(`networks: { default: { ipam: { config: [{ subnet: ${subnet} }] } } }`)
    }
    const found = async (): Promise<string> =>
      (await ok('exec', 'web', 'getent', 'hosts', 'database')).stdout
    write('10.71.0.0/24')
    await ok('up', '-d')
    expect(await found()).toMatch(/^10\.71\.0\.\d+ +database/)
    write('10.72.0.0/24')
    await ok('up', '-d', '-t', '0')
    expect(await found()).toMatch(/^10\.72\.0\.\d+ +database/)
    await ok('down', '-t', '0')
    expect(await scene.sandbox.leaks()).toBe('')
  })
})

test('a secret of an included project has its value from the env_file of the include', async () => {
  mkdirSync(join(scene.folder, 'sub'))
  writeFileSync(join(scene.folder, 'sub/own.env'), 'TOKEN=of the include\n')
  writeFileSync(
    join(scene.folder, 'sub/compose.yaml'),
    [
      'services:',
      "  job: { image: 'host:', network_mode: none, secrets: [token],",
      '    command: [cat, /run/secrets/token] }',
      'secrets: { token: { environment: TOKEN } }',
    ].join('\n'),
  )
  scene.write({ web: SLEEP })
  scene.append('include: [{ path: sub/compose.yaml, env_file: sub/own.env }]')
  expect((await ok('run', '--rm', 'job')).stdout).toBe('of the include')
  await ok('down', '-t', '0')
})

test('configs come from a file, a variable and the file itself; ipc is shared with who is named', async () => {
  writeFileSync(join(scene.folder, 'note'), 'from a file\n')
  writeFileSync(join(scene.folder, '.env'), 'WORD=from a variable\n')
  scene.write({
    web: [shell('cat /a /b /c'), 'configs: [a, b, c]'],
    first: [shell('echo memory > /dev/shm/f; exec sleep 1000'), 'ipc: shareable', 'init: true'],
    second: [...SLEEP, 'ipc: service:first', needs('first')],
    third: [...SLEEP, 'ipc: container:cli-first-1', needs('first')],
  })
  scene.append('configs: { a: { file: ./note }, b: { environment: WORD }, c: { content: own } }')
  await ok('up', '-d')
  await until(async () => (await ok('logs', '--no-log-prefix', 'web')).stdout, /own/)
  const logs = (await ok('logs', '--no-log-prefix', 'web')).stdout
  expect(logs).toBe('from a file\nfrom a variableown\n')
  for (const service of ['second', 'third']) {
    const shared = async (): Promise<string> => (await ok('exec', service, 'ls', '/dev/shm')).stdout
    await until(shared, /f/)
  }
  await ok('down', '-t', '0')
})

test('logs --index shows one replica of each service alone', async () => {
  scene.write({ web: [shell('hostname'), 'scale: 2'], db: [shell('hostname')] })
  await ok('up', '-d')
  await until(async () => (await ok('ps', '-a')).stdout, /(exited[^]*){3}/)
  const shown = async (...words: readonly string[]): Promise<string> =>
    (await ok('logs', '--no-log-prefix', ...words)).stdout.trim().split('\n').toSorted().join(' ')
  expect(await shown('--index', '2')).toBe('cli-web-2')
  expect(await shown('--index', '1')).toBe('cli-db-1 cli-web-1')
  expect(await shown('--index', '1', 'web')).toBe('cli-web-1')
  await ok('down')
})

test('down --dry-run shows what would go, and what would be lost, and takes nothing', async () => {
  scene.write({ web: [...SLEEP, 'volumes: ["data:/data"]'] })
  scene.append('volumes: { data: {} }')
  await ok('up', '-d')
  const shown = await ok('down', '--dry-run', '-v')
  expect(shown.stdout).toContain('- container cli-web-1')
  expect(shown.stdout).toContain('- volume cli_data')
  expect(await states()).toBe('web-1 running')
  const wrong = await run('down', '--dry-run', 'wbe')
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('Did you mean "web"?') })
  await ok('down', '-v', '-t', '0')
})
