/** `tsstack build`, and `up` of what is built: as a user types it. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { succeeded } from '../support/sandbox.ts'
import { Scene } from './cli-scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.open()
  copyFileSync('/bin/busybox', join(scene.folder, 'busybox'))
})
afterEach(() => scene.close())

function file(path: string, ...lines: readonly string[]): void {
  const full = join(scene.folder, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, lines.map((line) => `${line}\n`).join(''))
}

const BUSYBOX = [
  'FROM scratch',
  'COPY busybox /bin/busybox',
  'RUN ["/bin/busybox", "--install", "-s", "/bin"]',
]

/** A stack of one service that is built from `Dockerfile`. */
function stack(...lines: readonly string[]): void {
  file('compose.yaml', 'name: cli', 'services:', '  web:', ...lines.map((line) => `    ${line}`))
}

describe('build', () => {
  test('builds, tells each step, and takes everything from the cache the second time', async () => {
    stack('build: { context: ., args: { WORD: given }, network: none }')
    file(
      'Dockerfile',
      ...BUSYBOX,
      'ARG WORD=default',
      'RUN echo the word is $WORD > /word',
      'CMD cat /word',
    )
    const first = await scene.ok('build')
    expect(first.stderr).toContain('web  [stage-0 4/4] RUN echo the word is $WORD > /word: done')
    expect(first.stdout).toMatch(/web +cli-web +[0-9a-f]{12}/)
    const second = await scene.ok('build')
    expect(second.stdout).toBe(first.stdout)
    expect(second.stderr).not.toContain('done')
    const quiet = await scene.ok('build', '-q', '--build-arg', 'WORD=other')
    expect(quiet.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/)
    expect(quiet.stderr).toBe('')
  })

  test('shows every mistake of a Dockerfile with its line and a caret', async () => {
    stack('build: .')
    file('Dockerfile', 'FROM scratch', 'RUNN x', 'COPY --form=a b c')
    const { code, stderr } = await scene.run('build')
    expect(code).toBe(1)
    expect(stderr).toContain('Dockerfile:2:1: error: Cannot build "RUNN"')
    expect(stderr).toContain('  2 | RUNN x\n    | ^^^^ did you mean RUN?')
    expect(stderr).toContain('Dockerfile:3:6: error: Cannot use the flag --form of COPY')
    expect(stderr).toContain('[INVALID_DOCKERFILE]')
  })

  test('a RUN that fails shows what it wrote, and its line; a missing file too', async () => {
    stack('build: { context: ., network: none }')
    file('Dockerfile', ...BUSYBOX, 'RUN echo the reason >&2; exit 7')
    const failed = await scene.run('build')
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('web  | the reason')
    expect(failed.stderr).toContain('Dockerfile:4:5: error: Cannot finish RUN: it ended with 7')
    file('Dockerfile', 'FROM scratch', 'COPY ../../etc/passwd /')
    const missing = await scene.run('build')
    expect(missing.stderr).toContain('Dockerfile:2:6: error: Cannot copy "../../etc/passwd"')
    stack('build: { context: ./nowhere }')
    expect((await scene.run('build')).stderr).toContain('there is no folder')
  })

  test('--check finds mistakes and builds nothing, --print says what would be built', async () => {
    stack('build: { context: ., args: { A: b } }')
    file('Dockerfile', 'FROM scratch', 'COPY nowhere /')
    expect((await scene.ok('build', '--check')).stdout).toBe('web: no mistake found\n')
    const printed = JSON.parse((await scene.ok('build', '--print')).stdout)
    expect(printed).toMatchObject({
      group: { default: { targets: ['web'] } },
      target: { web: { args: { A: 'b' }, tags: ['cli-web'] } },
    })
    file('Dockerfile', 'FROM scratch', 'COPYY a /')
    const { code, stderr } = await scene.run('build', '--check')
    expect([code, stderr.includes('did you mean COPY?')]).toEqual([1, true])
    expect((await scene.ok('images', '-q')).stdout).toBe('')
  })

  test('a platform of another machine is refused, one more is left out aloud', async () => {
    stack('build: { context: ., platforms: [linux/s390x] }')
    file('Dockerfile', 'FROM scratch', 'ENV a=b')
    expect((await scene.run('build')).stderr).toContain('Cannot build "web" for linux/s390x')
    stack('build: { context: ., platforms: [linux/s390x, linux/amd64, linux/arm64] }')
    expect((await scene.ok('build')).stderr).toContain('this machine runs nothing for linux/s390x')
    expect((await scene.run('build', '--push')).stderr).toContain('can be built here')
  })

  test('image prune keeps what builds have cached and says so; builder prune takes it', async () => {
    stack('build: { context: ., network: none }')
    file('Dockerfile', ...BUSYBOX)
    await scene.ok('build')
    const kept = await scene.ok('image', 'prune', '--all')
    expect(kept.stdout).toMatch(/^1 image removed, .* freed\nkept for builds: [\d.]+MB,/)
    expect((await scene.ok('system', 'df')).stdout).toMatch(/build cache +2 /)
    expect((await scene.ok('build')).stderr).not.toContain('done')
    await scene.ok('image', 'prune', '--all')
    expect((await scene.ok('builder', 'prune', '-f')).stdout).toContain('2 steps forgotten')
    expect((await scene.ok('build')).stderr).toContain('done')
  })

  test('plan says what would be built, and with --build what is built anew', async () => {
    stack('build: { context: ., network: none }', 'network_mode: none')
    file('Dockerfile', ...BUSYBOX, 'CMD sleep 1000')
    const before = await scene.run('plan')
    expect(before.code).toBe(2)
    expect(before.stdout).toContain('+ build image cli-web of web: there is no image yet')
    await scene.ok('build')
    expect((await scene.run('plan')).stdout).not.toContain('build image')
    expect((await scene.run('plan', '--build')).stdout).toContain('asked for by --build')
    const { builds } = JSON.parse((await scene.run('plan', '--build', '--json')).stdout)
    expect(builds).toEqual([{ service: 'web', image: 'cli-web', isMissing: false }])
    await scene.ok('up', '-d')
    succeeded(await scene.run('plan'))
    await scene.ok('down', '-v')
  })

  test("up --pull always asks nobody for what is built, the file's policy counts", async () => {
    stack('build: { context: ., network: none }', 'image: 127.0.0.1:1/mine', 'network_mode: none')
    file('Dockerfile', ...BUSYBOX, 'CMD sleep 1000')
    await scene.ok('up', '-d', '--pull', 'always')
    const pulled = await scene.run('pull')
    expect([pulled.code, pulled.stderr.includes('ECONNREFUSED')]).toEqual([1, true])
    expect((await scene.ok('pull', '--ignore-buildable')).stdout).toBe('')
    await scene.ok('down', '-v')
  })

  test('up builds what has no image yet; --build makes a new container for a new image', async () => {
    stack('build: { context: ., network: none }', 'network_mode: none', 'init: true')
    file('Dockerfile', ...BUSYBOX, 'COPY text /text', 'CMD cat /text; sleep 1000')
    file('text', 'first')
    const first = await scene.ok('up', '-d')
    expect(first.stderr).toContain('COPY text /text')
    expect((await scene.ok('exec', 'web', 'cat', '/text')).stdout).toBe('first\n')
    file('text', 'second')
    expect((await scene.ok('up', '-d')).stderr).not.toContain('COPY text')
    expect((await scene.ok('exec', 'web', 'cat', '/text')).stdout).toBe('first\n')
    await scene.ok('up', '-d', '--build')
    expect((await scene.ok('exec', 'web', 'cat', '/text')).stdout).toBe('second\n')
    await scene.ok('down', '-v')
  })
})
