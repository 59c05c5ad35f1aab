/** start, stop, restart, kill, pause, unpause and rm as a user meets them. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { type Scene, shell, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

interface Shown {
  readonly name: string
  readonly service: string
  readonly state: string
  readonly pid: number | null
  readonly attempt: number
  readonly exitCode: number | null
}

async function ps(...words: readonly string[]): Promise<Record<string, Shown>> {
  const { stdout } = await scene.ok('ps', '-a', '--json', ...words)
  const list = JSON.parse(stdout) as Shown[]
  return Object.fromEntries(list.map((each) => [each.service, each]))
}

const restarting = ['depends_on: { db: { condition: service_started, restart: true } }']

describe('stop, start and restart', () => {
  test('halt containers in place and bring the same ones back with what they need', async () => {
    scene.write({ web: [...SLEEP, ...restarting], db: SLEEP, job: [shell('exit 3')] })
    await ok('up', '-d')
    expect((await ok('stop', 'db')).stderr).toBe('container cli-db-1: stopped\n')
    expect(await ps()).toMatchObject({ web: { state: 'running' }, db: { state: 'exited' } })
    await ok('stop')
    expect((await ok('start', 'web')).stderr).toBe(
      'container cli-db-1: started\ncontainer cli-web-1: started\n',
    )
    expect(await ps()).toMatchObject({
      web: { attempt: 2 },
      db: { attempt: 2 },
      job: { attempt: 1 },
    })
    const restarted = (await ok('restart', '-t', '1', 'db')).stderr
    expect(restarted.split('\n').filter((line) => line.endsWith(': started'))).toEqual([
      'container cli-db-1: started',
      'container cli-web-1: started',
    ])
    await ok('restart', '--no-deps', 'db')
    await ok('restart', 'job')
    expect(await ps()).toMatchObject({
      web: { attempt: 3 },
      db: { attempt: 4 },
      job: { attempt: 2 },
    })
    await ok('down')
    expect(await scene.sandbox.leaks()).toBe('')
  })

  test('leave stopped what the user stopped, whatever the restart policy', async () => {
    scene.write({ web: [...SLEEP, 'restart: always'] })
    await ok('up', '-d')
    await ok('stop')
    expect(await ps()).toMatchObject({ web: { state: 'exited', attempt: 1 } })
    await ok('start')
    expect(await ps()).toMatchObject({ web: { state: 'running', attempt: 2 } })
    await ok('kill')
    expect(await ps()).toMatchObject({ web: { state: 'exited', attempt: 2, exitCode: 137 } })
    await ok('down')
  })
})

describe('pause', () => {
  test('freezes only the service that is named, and unpause lets it go on in place', async () => {
    scene.write({ web: SLEEP, db: SLEEP })
    await ok('up', '-d')
    const before = await ps()
    expect((await ok('pause', 'web')).stderr).toBe('container cli-web-1: paused\n')
    expect(await ps()).toMatchObject({ web: { state: 'paused' }, db: { state: 'running' } })
    const again = await scene.run('pause', 'web')
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('"cli-web-1": it is paused already')
    const exec = await scene.run('exec', 'web', 'true')
    expect(exec.stderr).toMatch(/cli-web-1 is paused.*\n.*tsstack unpause web/)
    // An up leaves it paused, and says so.
    expect((await ok('up', '-d')).stderr).toContain('"unpause web" lets it go on')
    await ok('unpause')
    expect((await ps())['web']).toEqual(before['web'])
    await ok('pause')
    await ok('down')
    expect(await scene.sandbox.leaks()).toBe('')
  })

  test('is seen by a later supervisor, and a stop ends what is paused', async () => {
    const script = 'trap "echo asked; exit 7" TERM; echo ready; while :; do sleep 0.1; done'
    scene.write({ web: [shell(script)] })
    await ok('up', '-d')
    await until(async () => (await ok('logs')).stdout, /ready/)
    await ok('pause')
    const { supervisor } = JSON.parse((await ok('info', '--json')).stdout)
    process.kill(supervisor.pid, 'SIGKILL')
    await until(async () => (await ok('ps')).stdout, /paused/)
    await ok('stop')
    expect(await ps()).toMatchObject({ web: { state: 'exited', exitCode: 7 } })
    await ok('down')
    expect(await scene.sandbox.leaks()).toBe('')
  })
})

describe('kill', () => {
  test('sends the signal that is named, and says when there is none of that name', async () => {
    scene.write({ web: [shell('trap "exit 5" USR1; echo ready; while :; do sleep 0.1; done')] })
    await ok('up', '-d')
    await until(async () => (await ok('logs')).stdout, /ready/)
    const wrong = await scene.run('kill', '-s', 'SIGUSR9')
    expect(wrong).toMatchObject({ code: 2 })
    expect(wrong.stderr).toContain('signal "SIGUSR9"')
    await ok('kill', '-s', 'USR1')
    await until(async () => (await ok('ps', '-a')).stdout, /exited \(5\)/)
    await ok('down')
  })
})

describe('rm', () => {
  test('removes what has ended, asks first, and takes running ones with -s', async () => {
    scene.write({ web: [...SLEEP, 'volumes: ["/anonymous"]'], job: [shell('true')] })
    await ok('up', '-d')
    await until(async () => (await ok('ps', '-a')).stdout, /cli-job-1 .*exited/)
    const asked = await scene.sandbox.tsstack(['rm'], { cwd: scene.folder, input: 'n\n' })
    expect(asked).toMatchObject({ code: 0, stderr: 'remove cli-job-1? [y/N] \n' })
    expect(Object.keys(await ps())).toEqual(['job', 'web'])
    await scene.sandbox.ok(['rm'], { cwd: scene.folder, input: 'y\n' })
    expect(Object.keys(await ps())).toEqual(['web'])
    expect((await ok('rm', '-f')).stderr).toBe('no stopped containers\n')
    await ok('rm', '-fsv')
    expect(await ps()).toEqual({})
    await ok('down')
    expect(await scene.sandbox.leaks()).toBe('')
  })
})

test('a service without containers is known once it was applied, and nothing is there before', async () => {
  scene.write({ web: SLEEP, db: SLEEP })
  const early = await scene.run('exec', 'db', 'true')
  expect(early).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/nothing of stack "cli" is there[^]*up -d/) as string,
  })
  await scene.ok('up', '-d')
  await scene.ok('down', '-t', '0', 'db')
  for (const words of [['logs'], ['ps', '-q'], ['top'], ['stop'], ['kill'], ['rm', '-sf']]) {
    await scene.ok(...words, 'db')
  }
  for (const [verb = '', ...rest] of [
    ['exec', 'db', 'true'],
    ['wait', 'db'],
    ['start', 'db'],
  ]) {
    const { code, stderr } = await scene.run(verb, ...rest)
    expect({ verb, code }).toEqual({ verb, code: 1 })
    expect(stderr).toMatch(/"db": it has no (running )?container.*NOT_RUNNING[^]*up -d db/)
  }
  expect((await scene.run('logs', 'dbb')).stderr).toMatch(/it has db, web.*[^]*mean "db"/)
  await scene.ok('down', '-t', '0')
})

test('wrong names of services, networks and volumes are answered with the ones that were meant', async () => {
  scene.write({ web: [...SLEEP, 'volumes: ["data:/data"]'] })
  scene.replace('network_mode: none', 'networks: [default]')
  scene.append('volumes: { data: {} }')
  await ok('up', '-d')
  const wrong: readonly (readonly [readonly string[], string])[] = [
    ...['pull', 'build', 'up', 'down', 'create', 'top', 'wait'].map(
      (verb) => [[verb, 'wbe'], 'web'] as const,
    ),
    [['network', 'inspect', 'cli_defualt'], 'cli_default'],
    [['network', 'rm', 'cli_defualt'], 'cli_default'],
    [['volume', 'inspect', 'cli_dta'], 'cli_data'],
    [['volume', 'rm', 'cli_dta'], 'cli_data'],
  ]
  for (const [words, meant] of wrong) {
    const { code, stderr } = await scene.run(...words)
    expect(code, words.join(' ')).toBeGreaterThan(0)
    expect(stderr, words.join(' ')).toContain(`Did you mean "${meant}"?`)
  }
  await ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('a wrong name is answered with the one that was meant, and nothing is changed', async () => {
  scene.write({ web: SLEEP })
  await ok('up', '-d')
  const before = await ps()
  for (const verb of ['start', 'stop', 'restart', 'kill', 'pause', 'unpause', 'rm']) {
    const result = await scene.run(verb, 'wbe')
    expect(result.code, verb).toBe(1)
    expect(result.stderr).toMatch(/Cannot find "wbe".*\n.*Did you mean "web"/)
  }
  expect(await ps()).toEqual(before)
  expect(readFileSync(`/proc/${before['web']?.pid}/comm`, 'utf8')).not.toBe('')
  await ok('down')
})

const ok = (...words: readonly string[]) => scene.ok(...words)
