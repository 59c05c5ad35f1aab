/** `up --watch` and `watch` as a user has them: the file is edited, and the stack follows. */
import { rmSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { killSupervisor } from '../support/supervisor.ts'
import { until } from '../support/until.ts'
import { cli, type Scene, shell, SLEEP, useScene } from './cli-scene.ts'
import { Staying } from './staying.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const write = (name: string, text: string): void => scene.save(name, text)

/** Two services that say their MODE, and a third that an edit may leave out. */
function writeStack(mode: string, services: readonly string[] = ['web', 'db']): void {
  const say = [shell('echo "mode $MODE"; exec sleep infinity'), 'init: true']
  const lines = { web: [...say, `environment: { MODE: ${mode} }`], db: SLEEP }
  scene.write(Object.fromEntries(services.map((name) => [name, lines[name as 'web' | 'db']])))
}

async function pids(): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await scene.ok('ps', '--json')
  const containers = JSON.parse(stdout) as { name: string; pid: number }[]
  return Object.fromEntries(containers.map(({ name, pid }) => [name, pid]))
}

test('up --watch replaces what an edit changes, and nothing else', async () => {
  writeStack('one')
  const up = new Staying(scene, 'up', '--watch')
  await up.says(/watching: compose\.yaml\n/, /web-1 {2}\| mode one\n/)
  const before = await pids()
  writeStack('two')
  const seen = await up.says(/web-1 {2}\| mode two\n/, /^applied in \d+ ms\n/m)
  expect(seen.replace('web-1  | mode two\n', '')).toMatch(
    /^changed: compose\.yaml\n± container cli-web-1: environment changed\n {4}environment\.MODE: "one" → "two"\n\nPlan: 0 to add, 1 to replace, 0 to remove\.\n/,
  )
  const after = await pids()
  expect(after['cli-db-1']).toBe(before['cli-db-1'])
  expect(after['cli-web-1']).not.toBe(before['cli-web-1'])
  const { code } = await up.interrupt()
  expect(code).toBe(130)
  expect((await scene.ok('ps', '-a')).stdout).toMatch(/web +exited[^]*db|db +exited[^]*web/)
  await scene.ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('up --watch keeps the last good state while the file has mistakes, and says why', async () => {
  writeStack('one')
  const up = new Staying(scene, 'up', '--watch')
  await up.says(/watching: .*\n/, /mode one\n/)
  const before = await pids()
  write('compose.yaml', 'name: cli\nservices: { web: { image: "host:", inti: true } }\n')
  const bad = await up.says(
    /^not applied: the stack stays as it was until the files are in order\n/m,
  )
  expect(bad).toMatch(/^compose\.yaml:2:\d+: error: .*"inti"[^]*did you mean "init"\?/m)
  expect(await pids()).toEqual(before)
  rmSync(join(scene.folder, 'compose.yaml'))
  expect(await up.says(/not applied.*\n/)).toMatch(/Cannot find a stack file/)
  writeStack('one')
  await up.says(/nothing to change/, /^the files are in order again$/m)
  expect(await pids()).toEqual(before)
  await up.interrupt()
  await scene.ok('down')
})

test('watch begins with a file that has mistakes, and starts the stack when they are mended', async () => {
  write('compose.yaml', 'services: [')
  const watch = new Staying(scene, 'watch')
  await watch.says(/not applied: nothing is started until/)
  writeStack('one')
  await watch.says(/^watching: compose\.yaml$/m)
  expect(Object.keys(await pids())).toEqual(['cli-db-1', 'cli-web-1'])
  await watch.interrupt()
  await scene.ok('down', '-t', '0')
})

test('watch leaves the containers running when it ends, and shows no logs', async () => {
  writeStack('one')
  const watch = new Staying(scene, 'watch')
  const begun = await watch.says(/watching: .*\n/)
  const running = await pids()
  const { code, stdout } = await watch.interrupt()
  expect({ code, logs: begun.includes('mode one') || stdout !== '' }).toEqual({
    code: 130,
    logs: false,
  })
  expect(await pids()).toEqual(running)
  await scene.ok('down', '-t', '0')
})

test('watch --no-up changes nothing before the file does', async () => {
  writeStack('one')
  const watch = new Staying(scene, 'watch', '--no-up')
  await watch.says(/watching: .*\n/)
  expect((await scene.ok('ps', '-aq')).stdout).toBe('')
  writeStack('two')
  await watch.says(/applied in .*\n/)
  expect(Object.keys(await pids())).toHaveLength(2)
  await watch.interrupt()
  await scene.ok('down', '-t', '0')
})

test('watch follows the files of configs and secrets', async () => {
  write('app.conf', 'one\n')
  write('password', 'one\n')
  write(
    'compose.yaml',
    `name: cli
configs: { app: { file: app.conf } }
secrets: { password: { file: password } }
services:
  web: { image: 'host:', command: [sleep, infinity], init: true, configs: [app] }
  db: { image: 'host:', command: [sleep, infinity], init: true, secrets: [password] }
`,
  )
  const watch = new Staying(scene, 'watch')
  expect(await watch.says(/watching: .*\n/)).toMatch(/app\.conf[^]*password|password[^]*app\.conf/)
  write('app.conf', 'two\n')
  const config = await watch.says(/applied in .*\n/)
  expect(config).toMatch(/changed: app\.conf\n± container cli-web-1/)
  expect(config).not.toContain('cli-db-1')
  expect((await scene.ok('exec', 'web', 'cat', '/app')).stdout).toBe('two\n')
  write('password', 'two\n')
  const secret = await watch.says(/applied in .*\n/)
  expect(secret).toMatch(/changed: password\n± container cli-db-1/)
  expect(secret).not.toContain('cli-web-1')
  expect((await scene.ok('exec', 'db', 'cat', '/run/secrets/password')).stdout).toBe('two\n')
  await watch.interrupt()
  await scene.ok('down', '-t', '0')
})

test('watch follows .env, env files, included and extended files', async () => {
  write('.env', 'FLAVOUR=one\n')
  write('web.env', 'EXTRA=one\n')
  write('base.yaml', 'services: { base: { environment: { BASE: one } } }\n')
  write(
    'more.yaml',
    'services: { more: { image: "host:", command: [sleep, "100000"], init: true } }\n',
  )
  write(
    'compose.yaml',
    `name: cli
include: [more.yaml]
services:
  web:
    image: 'host:'
    command: [sleep, infinity]
    init: true
    extends: { file: base.yaml, service: base }
    env_file: web.env
    environment: { MODE: '\${FLAVOUR}' }
`,
  )
  const watch = new Staying(scene, 'watch')
  await watch.says(/watching: .*\n/)
  write('.env', 'FLAVOUR=two\n')
  expect(await watch.says(/applied in .*\n/)).toMatch(/changed: \.env\n[^]*MODE: "one" → "two"/)
  write('web.env', 'EXTRA=two\n')
  expect(await watch.says(/applied in .*\n/)).toMatch(/changed: web\.env\n[^]*EXTRA: "one" → "two"/)
  write('base.yaml', 'services: { base: { environment: { BASE: two } } }\n')
  expect(await watch.says(/applied in .*\n/)).toMatch(
    /changed: base\.yaml\n[^]*BASE: "one" → "two"/,
  )
  write(
    'more.yaml',
    'services: { more: { image: "host:", command: [sleep, "200000"], init: true } }\n',
  )
  const more = await watch.says(/applied in .*\n/)
  expect(more).toMatch(/changed: more\.yaml\n± container cli-more-1/)
  expect(more).not.toContain('web')
  await watch.interrupt()
  await scene.ok('down', '-t', '0')
})

test('a service that an edit takes out of the file goes; an older orphan stays', async () => {
  writeStack('one', ['web'])
  await scene.ok('up', '-d')
  writeStack('one', ['db'])
  const watch = new Staying(scene, 'watch')
  await watch.says(/watching: .*\n/)
  writeStack('one', ['db', 'web'])
  await watch.says(/nothing to change/)
  rmSync(join(scene.folder, 'compose.yaml'))
  await watch.says(/not applied/)
  writeStack('one', ['web'])
  expect(await watch.says(/applied in .*\n/)).toMatch(
    /- container cli-db-1: no longer in the stack file/,
  )
  expect(Object.keys(await pids())).toEqual(['cli-web-1'])
  await watch.interrupt()
  await scene.ok('down', '-t', '0')
})

test('watch goes on when its supervisor is killed, and applies what changed meanwhile', async () => {
  writeStack('one')
  const watch = new Staying(scene, 'watch')
  await watch.says(/watching: .*\n/)
  writeStack('two')
  killSupervisor(scene.sandbox.root)
  await watch.says(/the supervisor was replaced: watching again/)
  writeStack('three')
  await watch.says(/→ "three"/)
  await watch.interrupt()
  await scene.ok('down', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('two watch one stack: each edit is applied once', async () => {
  writeStack('one')
  const first = new Staying(scene, 'watch')
  await first.says(/watching: .*\n/)
  const second = new Staying(scene, 'watch')
  await second.says(/watching: .*\n/)
  writeStack('two')
  const said = await Promise.all([
    first.says(/applied in|nothing to change/),
    second.says(/applied in|nothing to change/),
  ])
  expect(said.filter((text) => text.includes('applied in'))).toHaveLength(1)
  const [web] = JSON.parse((await scene.ok('ps', '--json', 'web')).stdout) as { attempt: number }[]
  expect(web).toMatchObject({ attempt: 1 })
  await first.interrupt()
  await second.interrupt()
  await scene.ok('down', '-t', '0')
})

test('on a terminal the reason stays at the bottom until it is mended', async () => {
  writeStack('one', ['db'])
  await scene.ok('up', '-d')
  const words = ['script', '--quiet', '--command', cli('watch'), '/dev/null']
  const options = { cwd: scene.folder, env: { TERM: 'xterm' } }
  const terminal = scene.sandbox.startInNetns(words, options)
  let said = ''
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const closed = once(terminal, 'close')
  await until(async () => said, /watching: /)
  scene.append('oops: 1')
  await until(async () => said, /\nnot applied: compose\.yaml:\d+:\d+: error: /)
  writeStack('one', ['db'])
  await until(async () => said, /the files are in order again/)
  terminal.stdin.write('\u0003')
  await closed
  const [, footer = '', after = ''] =
    /\n(not applied: compose\.yaml:[^\r]*)(\r.{15})/.exec(said) ?? []
  expect(footer).toMatch(/^not applied: compose\.yaml:\d+:\d+: error: /)
  expect(after).toBe('\r\u001b[2Kchanged: co')
  await scene.ok('down', '-t', '0')
})

test('--watch with --detach is refused with the way to do it', async () => {
  writeStack('one')
  const { code, stderr } = await scene.run('up', '-d', '--watch')
  expect(code).toBe(2)
  expect(stderr).toMatch(/Cannot use --watch with --detach: .*\nhint: .*tsstack watch/)
})
