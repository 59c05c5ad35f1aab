/** Flags of up and down that no other test shows by what they do. */
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Finished } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { cli, type Scene, shell, SLEEP, useScene } from './cli-scene.ts'
import { Staying } from './staying.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)
/** A folder through which services tell each other, and the test tells them, how far things are. */
const SIGNS = "volumes: ['./signs:/signs']"
const awaiting = (sign: string): string => `until [ -e /signs/${sign} ]; do sleep 0.02; done`
const sign = (name: string): string => join(scene.folder, 'signs', name)
beforeEach(() => mkdirSync(join(scene.folder, 'signs')))
const after = (seconds: number, what: string) => shell(`sleep ${seconds}; ${what}`)
const needs = (service: string) => `depends_on: [${service}]`

const talk = (word: string) => [shell(`echo ${word}; ${awaiting('go')}`), SIGNS]
const withVolume = (label: string): void => {
  scene.write({ web: [...SLEEP, "volumes: ['data:/data', '/own']"] })
  scene.append(`volumes: { data: { labels: { version: '${label}' } } }`)
}
const content = async (): Promise<string> =>
  (await ok('exec', 'web', 'sh', '-c', 'ls /data /own')).stdout.replaceAll('\n', ' ')
/** `up -d` on a terminal, on which `word` is typed when it asks. */
async function answer(word: string, ...words: readonly string[]): Promise<Finished> {
  const command = ['--quiet', '--return', '--command', cli('up', '-d', ...words), '/dev/null']
  const terminal = scene.sandbox.startInNetns(['script', ...command], { cwd: scene.folder })
  let said = ''
  terminal.stdout.on('data', (text: Buffer) => (said += String(text)))
  await until(async () => said, /go on\?.*\[y\/N\] /)
  terminal.stdin.write(`${word}\n`)
  const [code] = (await once(terminal, 'close')) as [number | null]
  return { code: code ?? -1, stdout: said, stderr: '' }
}

/** It begins what colours are made of. */
const ESCAPE = '\u001b'

interface Shown {
  readonly service: string
  readonly state: string
  readonly pid: number
  readonly attempt: number
  readonly exitCode: number | null
}

async function ps(): Promise<Record<string, Shown>> {
  const list = JSON.parse((await ok('ps', '-a', '--json')).stdout) as Shown[]
  return Object.fromEntries(list.map((each) => [each.service, each]))
}

describe('up that stops by itself', () => {
  test('--abort-on-container-exit stops all at the first end, and ends with its status', async () => {
    const ready = 'touch /signs/ready; while :; do sleep 0.1; done'
    scene.write({
      web: [shell(`trap "echo last words; exit 5" TERM; ${ready}`), SIGNS],
      // A trap that is not set yet would not hear.
      job: [shell(`${awaiting('ready')}; exit 0`), SIGNS],
    })
    const done = await run('up', '--abort-on-container-exit')
    expect(done.code).toBe(0)
    expect(done.stderr).toContain('container cli-job-1: exited (0); stopping all')
    // What is said while all are stopped is shown as well.
    expect(done.stdout).toMatch(/web-1 +\| last words/)
    expect(await ps()).toMatchObject({ web: { state: 'exited', exitCode: 5 } })
    scene.replace('exit 0', 'exit 7')
    rmSync(sign('ready'))
    expect((await run('up', '--abort-on-container-exit')).code).toBe(7)
    await ok('down')
  })

  test('--abort-on-container-failure lets those end that end well', async () => {
    scene.write({
      web: SLEEP,
      job: [shell('exit 0')],
      bad: [after(0.6, 'exit 111')],
    })
    const done = await run('up', '--abort-on-container-failure')
    expect(done.code).toBe(111)
    expect(done.stderr).not.toContain('cli-job-1: exited (0); stopping')
    expect(done.stderr).toContain('container cli-bad-1: exited (111); stopping all')
    expect(await ps()).toMatchObject({ web: { state: 'exited' } })
    await ok('down')
  })

  test('--exit-code-from ends with the status of that service, also when it is stopped', async () => {
    // A program that does not hear the signal yet would be killed.
    const told = 'trap "exit 43" TERM; touch /signs/ready; while :; do sleep 0.1; done'
    scene.write({
      web: [shell(told), SIGNS],
      job: [shell(`${awaiting('ready')}; exit 3`), SIGNS],
    })
    expect((await run('up', '--exit-code-from', 'job')).code).toBe(3)
    rmSync(sign('ready'))
    expect((await run('up', '--exit-code-from', 'web')).code).toBe(43)
    const wrong = await run('up', '--exit-code-from', 'wbe')
    expect(wrong).toMatchObject({ code: 1 })
    expect(wrong.stderr).toContain('Did you mean "web"?')
    await ok('down')
  })

  test('a job that others wait for, a restart, and a container of run end nothing', async () => {
    scene.write({
      job: [shell('exit 0')],
      crash: [after(0.2, 'exit 1'), 'restart: always'],
      web: [
        shell(`${awaiting('go')}; exit 4`),
        SIGNS,
        'depends_on: { job: { condition: service_completed_successfully } }',
      ],
    })
    const up = run('up', '--abort-on-container-exit')
    await until(async () => (await run('ps')).stdout, /cli-web-1 .*running/)
    await until(async () => (await run('ps', '-a', '--json', 'crash')).stdout, /"attempt": (?!1\b)/)
    await ok('run', '--rm', '--no-deps', 'web', 'true')
    expect((await ok('ps')).stdout).toMatch(/cli-web-1 .*running/)
    writeFileSync(sign('go'), '')
    expect((await up).code).toBe(4)
    await ok('down')
  })
})

describe('what an attached up shows', () => {
  test('is the output of what was named, --attach, --no-attach and attach: say otherwise', async () => {
    scene.write({
      web: [...talk('from web'), needs('db')],
      db: talk('from db'),
      quiet: [...talk('from quiet'), 'attach: false'],
    })
    /** All end when those that are to be heard have been. */
    const shows = async (services: string, ...words: readonly string[]): Promise<void> => {
      rmSync(sign('go'), { force: true })
      const up = new Staying(scene, 'up', ...words)
      await up.says(...services.split(' ').map((service) => RegExp(`from ${service}\\n`)))
      writeFileSync(sign('go'), '')
      const { code, stdout } = await up.end
      expect(code).toBe(0)
      const heard = [...stdout.matchAll(/from (\w+)/g)].map(([, service = '']) => service)
      expect(heard.toSorted().join(' ')).toBe(services)
      await ok('down')
    }
    await shows('db web')
    await shows('web', 'web')
    await shows('db web', '--attach-dependencies', 'web')
    await shows('db quiet', '--attach', 'quiet', '--attach', 'db')
    await shows('web', '--no-attach', 'db')
    expect((await run('up', '--no-attach', 'bd')).stderr).toContain('Did you mean "db"?')
    await ok('down')
  })

  test('ends with the service that was named, whatever its dependencies do', async () => {
    scene.write({ web: [...talk('from web'), needs('db')], db: SLEEP })
    writeFileSync(sign('go'), '')
    const done = await ok('up', '--attach-dependencies', '--menu=false', 'web')
    expect(done.stderr).toContain('container cli-web-1: exited (0)')
    expect(await ps()).toMatchObject({ db: { state: 'running' } })
    await ok('down')
  })

  test('has a prefix, colours and times as the flags say', async () => {
    scene.write({ web: [shell('echo hello')] })
    const colored = { FORCE_COLOR: '1', NO_COLOR: '' }
    const show = (...words: readonly string[]) =>
      scene.sandbox.ok(['up', '--force-recreate', ...words], { cwd: scene.folder, env: colored })
    expect((await show()).stdout).toMatch(RegExp(`^${ESCAPE}\\[\\d+m.*\\| .*hello`))
    expect((await show('--no-color')).stdout).toBe('web-1  | hello\n')
    expect((await show('--no-log-prefix')).stdout).toBe('hello\n')
    const times = (await show('--no-color', '--timestamps')).stdout
    expect(times).toMatch(/^web-1 +\| \d{4}-\d\d-\d\dT[\d:.]+Z hello\n$/)
    await ok('down')
  })
})

describe('up and what is there', () => {
  test('says in short what it does to it, and in no word when there is nothing to do', async () => {
    scene.write({ web: SLEEP, db: SLEEP })
    expect((await ok('up', '-d')).stderr).toMatch(/^Plan: 2 to add, 0 to replace, 0 to remove\.\n/)
    expect((await ok('up', '-d')).stderr).toBe('')
    scene.write({ web: [...SLEEP, 'environment: { A: b }'] })
    const changed = await ok('up', '-d', '--remove-orphans')
    expect(changed.stderr).toMatch(
      /^- container cli-db-1: no longer in the stack file\n± container cli-web-1: environment changed\nPlan: 0 to add, 1 to replace, 1 to remove\./,
    )
    await ok('down')
  })

  test('--dry-run shows the plan, and does nothing; --no-start creates alone', async () => {
    scene.write({ web: SLEEP })
    const shown = await ok('up', '-d', '--dry-run')
    expect(shown.stdout).toContain('+ container cli-web-1: not created yet')
    expect((await ok('ls', '-a')).stdout).not.toContain('cli')
    await ok('up', '--no-start')
    expect(await ps()).toMatchObject({ web: { state: 'created' } })
    await ok('up', '-d')
    const { web } = await ps()
    expect((await ok('up', '-d', '--dry-run', '--force-recreate')).stdout).toContain('± container')
    expect((await ps())['web']).toMatchObject({ pid: web?.pid ?? 0 })
    await ok('down')
  })

  test('--force-recreate, --always-recreate-deps, --no-recreate and --no-deps', async () => {
    scene.write({ web: [...SLEEP, needs('db')], db: SLEEP })
    await ok('up', '-d')
    const before = await ps()
    const replaced = async (...words: readonly string[]): Promise<string> => {
      const old = await ps()
      await ok('up', '-d', ...words)
      const now = await ps()
      return Object.keys(old)
        .filter((service) => old[service]?.pid !== now[service]?.pid)
        .toSorted()
        .join(' ')
    }
    expect(before['web']?.pid).toBeGreaterThan(0)
    expect(await replaced('--force-recreate', 'web')).toBe('web')
    expect(await replaced('--force-recreate', '--always-recreate-deps', 'web')).toBe('db web')
    scene.write({ web: [...SLEEP, needs('db'), 'hostname: new'], db: [...SLEEP, 'hostname: new'] })
    expect(await replaced('--no-recreate')).toBe('')
    expect(await replaced('--no-deps', 'web')).toBe('web')
    expect(await replaced()).toBe('db')
    await ok('down')
  })

  test('COMPOSE_REMOVE_ORPHANS of the .env removes orphans, COMPOSE_IGNORE_ORPHANS is silent', async () => {
    scene.write({ web: SLEEP, old: SLEEP })
    await ok('up', '-d')
    scene.write({ web: SLEEP })
    expect((await ok('up', '-d')).stderr).toContain('"old", which the stack file no longer has')
    writeFileSync(join(scene.folder, '.env'), 'COMPOSE_IGNORE_ORPHANS=1\n')
    expect((await ok('up', '-d')).stderr).toBe('')
    writeFileSync(join(scene.folder, '.env'), 'COMPOSE_REMOVE_ORPHANS=true\n')
    expect((await ok('up', '-d')).stderr).toContain('container cli-old-1: removed')
    expect(Object.keys(await ps())).toEqual(['web'])
    await ok('down')
  })

  test('flags that contradict one another are refused, and nothing is done', async () => {
    scene.write({ web: SLEEP })
    const pairs = [
      ['-d', '--abort-on-container-exit'],
      ['-d', '--attach', 'web'],
      ['--wait', '--exit-code-from', 'web'],
      ['--abort-on-container-exit', '--abort-on-container-failure'],
      ['--force-recreate', '--no-recreate'],
      ['-V', '--no-recreate'],
      ['--always-recreate-deps', '--no-recreate'],
      ['--watch', '--exit-code-from', 'web'],
    ]
    for (const words of pairs) {
      const { code, stderr } = await run('up', ...words)
      expect(code, words.join(' ')).toBe(2)
      expect(stderr).toMatch(/Cannot use --\S+ with --\S+: .*\[USAGE\]\nhint: leave one/)
    }
    expect((await ok('ls', '-a')).stdout).not.toContain('cli')
  })
})

describe('data', () => {
  test('of a volume that changed is kept, or lost when that is agreed to by --yes', async () => {
    withVolume('1')
    await ok('up', '-d')
    await ok('exec', 'web', 'touch', '/data/kept')
    withVolume('2')
    const kept = await ok('up', '-d')
    expect(kept.stderr).toContain('Volume "cli_data" differs from the stack file in labels.version')
    expect(await content()).toContain('kept')
    const made = await ok('up', '-d', '--yes')
    expect(made.stderr).toMatch(/± volume cli_data: labels.version changed\n[^]*cli_data: created/)
    expect(await content()).not.toContain('kept')
    expect((await ok('up', '-d', '-y')).stderr).toBe('')
    await ok('down', '-v')
    expect(await scene.sandbox.leaks()).toBe('')
  })

  test('is asked about on a terminal alone; no keeps it, and yes loses it', async () => {
    withVolume('1')
    await ok('up', '-d')
    await ok('exec', 'web', 'touch', '/data/kept', '/own/mine')
    withVolume('2')
    const no = await answer('n', '--force-recreate', '-V')
    expect(no.stdout).toMatch(/the data of cli-web-1@own, cli_data will be lost: go on\?/)
    expect(await content()).toBe('/data: kept  /own: mine ')
    const yes = await answer('y')
    expect(yes.stdout).toContain('the data of cli_data will be lost')
    expect(await content()).toBe('/data:  /own: mine ')
    // Nobody to ask: the command means what it says.
    await ok('up', '-d', '--force-recreate', '-V')
    expect(await content()).toBe('/data:  /own: ')
    await ok('down', '-v')
  })
})

describe('down', () => {
  test('of a service leaves the others alone, with --remove-orphans as well', async () => {
    scene.write({ web: [...SLEEP, needs('words')], words: [...SLEEP, needs('db')], db: SLEEP })
    await ok('up', '-d')
    await ok('down', '--remove-orphans', 'web')
    expect(await ps()).toMatchObject({ words: { state: 'running' }, db: { state: 'running' } })
    expect(Object.keys(await ps())).toEqual(['db', 'words'])
    expect((await run('down', 'wrods')).stderr).toContain('Did you mean "words"?')
    await ok('down')
    expect(await scene.sandbox.leaks()).toBe('')
  })

  test('gives its grace by -t, and takes -v of named and anonymous volumes alone', async () => {
    const outside = join(scene.folder, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'file'), 'x')
    scene.write({
      web: [
        shell(
          'trap "sleep 0.3; echo late > /outside/late; exit" TERM; echo ready; while :; do sleep 0.1; done',
        ),
        "volumes: ['data:/data', '/own', './outside:/outside']",
      ],
    })
    scene.append('volumes: { data: {} }')
    const upReady = async (): Promise<void> => {
      await ok('up', '-d')
      await until(async () => (await ok('logs')).stdout, /ready/)
    }
    await upReady()
    await ok('down', '-t', '0')
    expect(existsSync(join(outside, 'late'))).toBe(false)
    await upReady()
    const done = await ok('down', '-t', '60', '-v')
    expect(existsSync(join(outside, 'late'))).toBe(true)
    expect(done.stderr).toContain('volume cli_data: removed')
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('x')
    expect(await scene.sandbox.leaks()).toBe('')
  })
})

test('down --rmi takes the images that were built, or all that the stack names', async () => {
  const stack =
    'name: cli\nservices:\n  own: { build: . }\n  named: { build: ., image: "named:1" }\n'
  writeFileSync(join(scene.folder, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n')
  writeFileSync(join(scene.folder, 'compose.yaml'), stack)
  await ok('build')
  const names = async (): Promise<readonly string[]> =>
    (await ok('images')).stdout.match(/^\S+:\S+/gm) ?? []
  expect(await names()).toEqual(['cli-own:latest', 'named:1'])
  const wrong = await run('down', '--rmi', 'some')
  expect(wrong.stderr).toContain('Allowed choices are local, all')
  expect(wrong.code).toBe(2)
  expect((await ok('down', '--rmi', 'local')).stdout).toContain('untagged cli-own:latest\n')
  expect(await names()).toEqual(['named:1'])
  await ok('down', '--rmi', 'all')
  expect(await names()).toEqual([])
  await ok('down', '--rmi', 'all')
})

test('a service whose profile is not active is neither an orphan nor touched', async () => {
  scene.write({ web: SLEEP, debug: [...SLEEP, 'profiles: [debug]'] })
  await ok('--profile', 'debug', 'up', '-d')
  const { stdout } = await ok('plan', '--remove-orphans')
  expect(stdout).toBe('Plan: nothing to change.\n')
  await ok('up', '-d', '--remove-orphans')
  expect((await ok('ps', '--services', '--orphans=false')).stdout).toBe('debug\nweb\n')
  await ok('down', '-t', '0')
})

test('exec and run take -it, and what is unknown is told with where to look', async () => {
  scene.write({ web: SLEEP })
  await ok('up', '-d')
  expect((await ok('exec', '-it', 'web', 'echo', 'in')).stdout).toBe('in\n')
  expect((await ok('run', '--rm', '-it', 'web', 'echo', 'beside')).stdout).toBe('beside\n')
  expect((await run('exec', '--fast', 'web', 'true')).stderr).toBe(
    "error: unknown option '--fast'\n(tsstack exec --help lists its options)\n",
  )
  await ok('down', '-t', '0')
})
