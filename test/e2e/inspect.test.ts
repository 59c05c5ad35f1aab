/** create, ps, port, top, stats, events, volumes, wait and ls as a user meets them. */
import { describe, expect, test } from 'vitest'
import { finish } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { type Scene, shell, SLEEP, useScene } from './cli-scene.ts'
import { Staying } from './staying.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)

test('create makes everything and starts nothing; the next up starts it', async () => {
  scene.write({ web: [...SLEEP, 'volumes: ["/anonymous"]'] })
  await ok('create')
  expect((await ok('ps', '-a')).stdout).toMatch(/cli-web-1 +web +created/)
  await ok('up', '-d')
  scene.write({ web: [...SLEEP, 'volumes: ["/anonymous"]', 'environment: { A: b }'] })
  const { stderr } = await ok('create')
  expect(stderr).toContain('container cli-web-1: created')
  expect(stderr).not.toContain('started')
  expect((await ok('ps', '-a')).stdout).toMatch(/cli-web-1 +web +created/)
  await ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})

describe('ps', () => {
  test('lists by state, by service, by orphans; names and services alone', async () => {
    scene.write({ web: SLEEP, job: [shell('exit 3')], old: SLEEP })
    await ok('up', '-d')
    scene.write({ web: SLEEP, job: [shell('exit 3')] })
    await until(async () => (await ok('ps', '-q', '--status', 'exited')).stdout, /cli-job-1/)
    expect((await ok('ps', '--services')).stdout).toBe('old\nweb\n')
    expect((await ok('ps', '--no-orphans', '-q')).stdout).toBe('cli-web-1\n')
    expect((await ok('ps', '--orphans=false', '-a', '-q')).stdout).toBe('cli-job-1\ncli-web-1\n')
    expect((await ok('ps', '-a', '-q', '--filter', 'service=job')).stdout).toBe('cli-job-1\n')
    expect((await ok('ps', '--filter', 'status=dead', '-q')).stdout).toBe('')
    const template = await run('ps', '--format', '{{.Name}}')
    expect(template).toMatchObject({ code: 2, stdout: '' })
    expect(template.stderr).toContain('take --json')
    await ok('down')
  })
})

test('port shows where a port is published, and what there is when it is not', async () => {
  scene.write({ web: [...SLEEP, 'ports: ["127.0.0.1:8099:80", "5353:53/udp"]'] })
  scene.replace('network_mode: none', 'networks: [default]')
  await ok('up', '-d')
  expect((await ok('port', 'web', '80')).stdout).toBe('127.0.0.1:8099\n')
  expect((await ok('port', '--protocol', 'udp', 'web', '53')).stdout).toBe('0.0.0.0:5353\n')
  const wrong = await run('port', 'web', '81')
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toContain('127.0.0.1:8099->80/tcp')
  expect((await run('port', 'web', 'http')).code).toBe(2)
  expect((await run('port', 'wbe', '80')).stderr).toContain('Did you mean "web"?')
  await ok('down')
})

test('top names the processes of each container, as the machine counts them', async () => {
  scene.write({ web: SLEEP, db: [shell('sleep 1000 & exec sleep 2000')] })
  await ok('up', '-d')
  const words = ['top', 'db', '--json']
  await until(async () => (await ok(...words)).stdout, /sleep 1000[^]*sleep 2000|2000[^]*1000/)
  const { stdout } = await ok('top')
  expect(stdout).toMatch(/^SERVICE +# +UID +PID +PPID +C +STIME +TTY +TIME +CMD\n/)
  // A machine whose time was given to others counts it to whoever it was taken from.
  const used = String.raw`\d+ +\d\d:\d\d +\? +00:00:\d\d`
  expect(stdout).toMatch(RegExp(String.raw`^web +1 +root +\d+ +\d+ +${used} +sleep infinity$`, 'm'))
  const listed = JSON.parse((await ok('top', 'web', '--json')).stdout)
  expect(listed).toMatchObject([{ command: 'tsstack-init' }, { command: 'sleep infinity', uid: 0 }])
  await ok('down', '-t', '0')
})

describe('stats', () => {
  test('shows share of processor, memory and its limit, traffic and processes', async () => {
    const busy = 'while :; do :; done'
    scene.write({ web: [...SLEEP, 'mem_limit: 32m'], busy: [shell(busy)], gone: [shell('true')] })
    await ok('up', '-d')
    await until(async () => (await ok('ps', '-a')).stdout, /cli-gone-1 .*exited/)
    const table = (await ok('stats', '--no-stream')).stdout
    expect(table).toMatch(/^NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS\n/)
    expect(table).toMatch(/^cli-web-1 +\d+\.\d\d% +[\d.]+[KM]iB \/ 32MiB +\d+\.\d\d% /m)
    expect(table).not.toContain('gone')
    const all = JSON.parse((await ok('stats', '--no-stream', '-a', '--json')).stdout)
    expect(all).toMatchObject([
      { container: 'cli-busy-1', running: true },
      { container: 'cli-gone-1', running: false, cpuPercent: null },
      { container: 'cli-web-1', memoryBytesMax: 32 * 1024 * 1024, pids: 2 },
    ])
    // A machine that is busy may have given it nothing between two looks.
    const one = async () => (await ok('stats', '--no-stream', '--json', 'busy')).stdout
    await until(one, /"cpuPercent": (?:0\.0*)?[1-9]/)
    await ok('down', '-t', '0')
  })

  test('streamed, prints a look after the other until it is interrupted', async () => {
    scene.write({ web: SLEEP })
    await ok('up', '-d')
    const stats = scene.sandbox.start(['stats', '--json'], { cwd: scene.folder })
    let text = ''
    stats.stdout.on('data', (chunk: Buffer) => (text += String(chunk)))
    await until(async () => text, /cli-web-1[^]*\n[^]*cli-web-1/)
    stats.kill('SIGINT')
    await finish(stats)
    await ok('down')
  })
})

/** Events without their times. */
const told = (text: string): readonly string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.replace(/^[\d-]+ [\d:.]+ /, ''))

describe('events', () => {
  test('tell what is remembered, and what happens until the time that is given', async () => {
    scene.write({ web: SLEEP, db: SLEEP })
    await ok('up', '-d')
    const words = ['events', '--since', '1h', 'web']
    const listening = new Staying(scene, ...words)
    const remembered = await listening.says(/start cli-web-1 .*\n/)
    await ok('kill', 'web')
    const now = await listening.says(/die cli-web-1 .*\n/)
    const events = [
      'container create cli-web-1 (service=web)',
      'container start cli-web-1 (service=web)',
      'container die cli-web-1 (service=web, exitCode=137)',
    ]
    expect(told(remembered + now)).toEqual(events)
    await listening.interrupt()
    const soon = Date.now() + 1000
    expect(told((await ok(...words, '--until', `${soon / 1000}`)).stdout)).toEqual(events)
    expect(Date.now()).toBeGreaterThanOrEqual(soon)
    const json = await ok('events', '--json', '--since', '1h', '--until', `${Date.now() / 1000}`)
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toContainEqual(
      expect.objectContaining({ type: 'container', action: 'die', service: 'web', exitCode: 137 }),
    )
    expect((await run('events', '--since', 'soon')).code).toBe(2)
    await ok('down')
  })
})

test('volumes lists what the stack has, and who mounts it', async () => {
  scene.write({ web: [...SLEEP, 'volumes: ["data:/d"]'], db: SLEEP })
  scene.append('volumes: { data: {} }')
  await ok('up', '-d')
  expect((await ok('volumes', '-q')).stdout).toBe('cli_data\n')
  expect((await ok('volumes', '-q', 'db')).stdout).toBe('')
  expect((await ok('volumes')).stdout).toMatch(/^DRIVER +VOLUME NAME +PATH\nlocal +cli_data +\//)
  const [volume] = JSON.parse((await ok('volumes', '--json')).stdout)
  expect(volume).toMatchObject({ name: 'cli_data', containers: ['cli-web-1'] })
  await ok('down', '-v')
})

describe('wait', () => {
  test('returns when the service has ended, whatever the others do, with its status', async () => {
    scene.write({ web: SLEEP, job: [shell('sleep 0.5; exit 4')] })
    await ok('up', '-d')
    const result = await run('wait', 'job')
    expect(result).toEqual({ code: 4, stdout: 'container cli-job-1: exited (4)\n', stderr: '' })
    expect((await run('wait', 'job')).code).toBe(4)
    expect((await run('wait', 'jbo')).stderr).toContain('Did you mean "job"?')
    const down = await run('wait', '--down-project', 'job')
    expect(down.code).toBe(4)
    expect(down.stderr).toContain('container cli-web-1: removed')
    expect(await scene.sandbox.leaks()).toBe('')
  })
})

test('ls filters by name', async () => {
  scene.write({ web: SLEEP })
  await ok('up', '-d')
  expect((await ok('ls', '-q', '--filter', 'name=cl')).stdout).toBe('cli\n')
  expect((await ok('ls', '-q', '--filter', 'name=other')).stdout).toBe('')
  expect((await run('ls', '--filter', 'label=x')).code).toBe(2)
  await ok('down')
})
