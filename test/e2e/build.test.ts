/** `tsstack build`, and `up` of what is built: as a user types it. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
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
