/** Flags that scripts written for Docker Compose use, each by what it does. */
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finished } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { cli, type Scene, shell, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const run = (...words: readonly string[]): Promise<Finished> => scene.run(...words)
const ok = (...words: readonly string[]): Promise<Finished> => scene.ok(...words)

async function downClean(): Promise<void> {
  await ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
}

const check = (script: string): string =>
  `healthcheck: { test: ${JSON.stringify(['CMD-SHELL', script])}, interval: 200ms, retries: 3, start_period: 60s }`

test('start --wait comes back when what it has started is healthy, and says who is not', async () => {
  scene.write({ web: [...SLEEP, 'volumes: ["./told:/told"]', check('test -e /told/ready')] })
  await ok('create')
  const early = await run('start', '--wait', '--wait-timeout', '1')
  expect(early).toMatchObject({ code: 1 })
  expect(early.stderr).toMatch(/after 1 s "cli-web-1" is not healthy yet.*\[NOT_READY\]/)
  writeFileSync(join(scene.folder, 'told/ready'), '')
  await ok('start', '--wait')
  expect((await ok('ps')).stdout).toMatch(/cli-web-1 .* healthy/)
  // With a check that never passes it is not ready before it has ended.
  scene.write({ bad: [shell('exit 3'), check('false')] })
  await ok('create', '--remove-orphans', '-t', '0', '-y')
  const ended = await run('start', '--wait')
  expect(ended).toMatchObject({ code: 1 })
  expect(ended.stderr).toMatch(/"cli-bad-1" exited with 3.*\[NOT_READY\]/)
  await downClean()
})

test('kill --remove-orphans reaches what the file no longer has', async () => {
  scene.write({ web: SLEEP, old: SLEEP })
  await ok('up', '-d')
  scene.write({ web: SLEEP })
  await ok('kill', '--remove-orphans')
  const find = async (): Promise<string> => (await ok('ps', '-a', '--orphans', 'true')).stdout
  await until(find, /cli-old-1 .*exited \(137\)[^]*cli-web-1 .*exited \(137\)/)
  await downClean()
})

test('run --remove-orphans removes what the file no longer has, and plain run leaves it', async () => {
  scene.write({ web: SLEEP, old: SLEEP })
  await ok('up', '-d')
  scene.write({ web: SLEEP })
  await ok('run', '--rm', 'web', 'true')
  expect((await ok('ps', '-q')).stdout).toBe('cli-old-1\ncli-web-1\n')
  await ok('run', '--rm', '--remove-orphans', 'web', 'true')
  expect((await ok('ps', '-q')).stdout).toBe('cli-web-1\n')
  await downClean()
})

test('run builds what is missing, with --build what is there, and says nothing where it shall not', async () => {
  copyFileSync('/bin/busybox', join(scene.folder, 'busybox'))
  const dockerfile = (word: string): void =>
    writeFileSync(
      join(scene.folder, 'Dockerfile'),
      `FROM scratch\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox", "echo", "${word}"]\n`,
    )
  dockerfile('first')
  writeFileSync(
    join(scene.folder, 'compose.yaml'),
    'name: cli\nservices: { web: { build: ., network_mode: none } }\n',
  )
  const first = await ok('run', '--rm', 'web')
  expect(first.stdout).toBe('first\n')
  expect(first.stderr).toContain('COPY busybox /bin/busybox')
  dockerfile('second')
  expect((await ok('run', '--rm', 'web')).stdout).toBe('first\n')
  const words = ['run', '--rm', '--build', '--quiet-build', 'web']
  expect(await ok(...words)).toEqual({ code: 0, stdout: 'second\n', stderr: '' })
  dockerfile('third')
  const quiet = await ok('run', '--rm', '--build', '-q', 'web')
  expect(quiet).toEqual({ code: 0, stdout: 'third\n', stderr: '' })
  await downClean()
})

test('run -q shows nothing of what is made for it', async () => {
  scene.write({ web: [...SLEEP, 'depends_on: [db]'], db: SLEEP })
  const quiet = await ok('run', '--rm', '-q', 'web', 'echo', 'own')
  expect(quiet).toEqual({ code: 0, stdout: 'own\n', stderr: '' })
  expect((await ok('ps', '-q')).stdout).toBe('cli-db-1\n')
  await downClean()
})

test('exec -d comes back while the program runs on, with streams that go nowhere', async () => {
  const nobody = statSync('/dev/null').uid
  scene.write({ web: [...SLEEP, 'volumes: ["./told:/told"]'] })
  await ok('up', '-d')
  const script = 'readlink /proc/self/fd/0 /proc/self/fd/1 > /told/fds; echo lost; exec sleep 4321'
  const started = await ok('exec', '-d', '-u', 'root', 'web', 'sh', '-c', script)
  expect(started).toEqual({ code: 0, stdout: '', stderr: '' })
  await until(async () => (await ok('top')).stdout, /sleep 4321/)
  const fds = readFileSync(join(scene.folder, 'told/fds'), 'utf8')
  expect(fds).toMatch(/^\/dev\/null\n\/told\/fds\n$/)
  await ok('exec', '-d', '-u', 'nobody', 'web', 'true')
  expect(statSync('/dev/null').uid).toBe(nobody)
  const missing = await run('exec', '-d', 'web', 'nowhere')
  expect(missing).toMatchObject({ code: 127, stdout: '' })
  await downClean()
})

test('--all-resources makes networks and volumes that no service uses', async () => {
  scene.write({ web: SLEEP })
  scene.append('networks: { spare: {} }\nvolumes: { spare: {} }')
  await ok('up', '-d')
  expect((await ok('network', 'ls', '-q')).stdout).toBe('')
  expect((await ok('--all-resources', 'config')).stdout).toContain('spare')
  await ok('--all-resources', 'up', '-d')
  expect((await ok('network', 'ls', '-q')).stdout).toBe('cli_spare\n')
  expect((await ok('volume', 'ls', '-q')).stdout).toBe('cli_spare\n')
  await downClean()
})

test('--progress says what is done in lines of data, in plain words, or not at all', async () => {
  scene.write({ web: SLEEP })
  const json = await ok('--progress', 'json', 'up', '-d')
  expect(json.stdout).toBe('')
  expect(
    json.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { id: 'Container cli-web-1', status: 'Working', text: 'Creating' },
    { id: 'Container cli-web-1', status: 'Done', text: 'Created' },
    { id: 'Container cli-web-1', status: 'Working', text: 'Starting' },
    { id: 'Container cli-web-1', status: 'Done', text: 'Started' },
  ])
  const quiet = await ok('--progress', 'quiet', 'restart', '-t', '0')
  expect(quiet).toEqual({ code: 0, stdout: '', stderr: '' })
  const plain = await scene.onTerminal(cli('--progress', 'plain', 'down', '-t', '0'))
  expect(plain.stdout).toMatch(/^container cli-web-1: stopped\r?\ncontainer cli-web-1: removed/)
  expect(await scene.sandbox.leaks()).toBe('')
})

test('--ansi never leaves colours out, always paints a pipe; others are refused', async () => {
  const wrong = ['-f', '/nowhere.yaml', 'ps']
  const colour = '\u001b['
  expect((await run('--ansi', 'always', ...wrong)).stderr).toContain(colour)
  expect((await run(...wrong)).stderr).not.toContain(colour)
  const env = { NO_COLOR: '', FORCE_COLOR: '1' }
  const painted = (...words: readonly string[]): Promise<Finished> =>
    scene.sandbox.tsstack([...words, ...wrong], { cwd: scene.folder, env })
  expect((await painted()).stderr).toContain(colour)
  for (const words of [['--ansi', 'never'], ['--no-ansi']]) {
    expect((await painted(...words)).stderr).not.toContain(colour)
  }
  expect(await run('--ansi', 'some', 'version')).toMatchObject({ code: 2, stdout: '' })
  const both = await run('--ansi', 'never', '--progress', 'tty', 'version')
  expect(both).toMatchObject({ code: 2, stdout: '' })
  expect(both.stderr).toContain('--progress tty with --ansi never')
  expect((await ok('--parallel', '3', '--compatibility', 'version', '--short')).stdout).toMatch(
    /^\d/,
  )
})

test('version has the formats of Compose', async () => {
  const short = (await ok('version', '--short')).stdout.trim()
  expect(JSON.parse((await ok('version', '-f', 'json')).stdout)).toMatchObject({ version: short })
  expect((await ok('version', '--format', 'pretty')).stdout).toContain(`tsstack ${short} `)
})

test('--dry-run before a command shows what it would do, and does nothing', async () => {
  scene.write({ web: SLEEP, db: SLEEP })
  const dry = (...words: readonly string[]): Promise<Finished> => ok('--dry-run', ...words)
  for (const words of [['up', '-d'], ['create'], ['scale', 'web=1']]) {
    expect((await dry(...words)).stdout).toContain('+ container cli-web-1: not created yet')
  }
  expect((await ok('ls', '-a')).stdout).not.toContain('cli')
  await ok('up', '-d')
  const before = (await ok('ps', '--json')).stdout
  expect((await dry('scale', 'web=2')).stdout).toContain('+ container cli-web-2')
  for (const verb of ['stop', 'restart', 'kill', 'pause']) {
    const { stdout } = await dry(verb, 'web')
    expect(stdout, verb).toContain('cli-web-1')
    expect(stdout, verb).not.toContain('cli-db-1')
  }
  for (const [words, told] of [
    [['kill', 'web'], '~ kill container cli-web-1: '],
    [['kill', '-s', 'hup', 'web'], '~ send SIGHUP to container cli-web-1: '],
    [['kill', '-s', '10', 'web'], '~ send signal 10 to container cli-web-1: '],
    [['pause', 'web'], '~ pause container cli-web-1: '],
  ] as const) {
    expect((await dry(...words)).stdout).toContain(told)
  }
  expect((await run('--dry-run', 'kill', '-s', 'nope', 'web')).stderr).toContain('"nope"')
  expect((await dry('rm', '-s', 'web')).stdout).toContain('- container cli-web-1')
  expect((await dry('down')).stdout).toContain('- container cli-web-1')
  expect((await dry('ps', '--json')).stdout).toBe(before)
  const refused = await run('--dry-run', 'exec', 'web', 'touch', '/it')
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).toMatch(
    /Cannot show what "exec" would do.*\n.*--dry-run goes with up, down/,
  )
  expect((await run('--dry-run', 'stop', 'wbe')).stderr).toContain('Did you mean "web"?')
  expect((await ok('ps', '--json')).stdout).toBe(before)
  await downClean()
})

test('words of older Compose are taken: convert, --no-TTY, --verbose, rm -a', async () => {
  scene.write({ web: SLEEP })
  expect((await ok('convert', '--services')).stdout).toBe('web\n')
  const ran = await ok('--verbose', 'run', '--rm', '--no-TTY', 'web', 'echo', 'here')
  expect(ran.stdout).toBe('here\n')
  await ok('create')
  await ok('rm', '-a', '-f')
  expect((await ok('ps', '-a', '--json')).stdout.trim()).toBe('[]')
  await downClean()
})

test('commands of Compose that there are not say why, and what to use', async () => {
  for (const [words, why] of [
    [['publish', 'me/app:1', '--app', '-y'], /Cannot "publish": .*\n.*--resolve-image-digests/],
    [['bridge', 'convert', '-o', 'out'], /Cannot "bridge": .*\n.*config --format json/],
    [['alpha', 'viz', '--networks'], /Cannot "alpha": .*\n.*use: tsstack graph/],
    [['alpha'], /Cannot "alpha": .*\n.*tsstack --help/],
    [['-f', 'oci://me/app', 'config'], /"oci:\/\/me\/app": remote files are not supported yet/],
  ] as const) {
    const { code, stdout, stderr } = await run(...words)
    expect([code, stdout], words.join(' ')).toEqual([1, ''])
    expect(stderr).toMatch(why)
  }
  expect((await ok('--help')).stdout).not.toMatch(/\b(?:publish|bridge|alpha) /)
})

test('build takes attestations with a value and without one', async () => {
  scene.write({ web: SLEEP })
  for (const words of [['--sbom'], ['--sbom', 'web'], ['--provenance=mode=max', 'web']]) {
    expect((await ok('build', ...words)).stderr).toContain('no service to build')
  }
  expect((await run('build', '--sbom', 'wbe')).stderr).toContain('Did you mean "web"?')
})
