/** `develop.watch` as a user has it: a file is saved, and the containers follow. */
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { type Scene, useScene } from './cli-scene.ts'
import { Staying } from './staying.ts'

let scene: Scene
useScene((opened) => (scene = opened))

function file(path: string, text: string): void {
  const full = join(scene.folder, path)
  mkdirSync(dirname(full), { recursive: true })
  scene.save(path, text)
}

/** A stack of two replicas with these rules. */
function write(...rules: readonly string[]): void {
  scene.write({
    web: [
      'command: [sleep, infinity]',
      'init: true',
      'deploy: { replicas: 2 }',
      'develop:',
      '  watch:',
      ...rules.map((rule) => `    - ${rule}`),
    ],
  })
}

const inside = async (...command: readonly string[]): Promise<string> =>
  (await scene.ok('exec', '--index', '2', 'web', ...command)).stdout

/** What the eye meets in passing: something may be gone before it is looked into. */
const seen = async (...command: readonly string[]): Promise<string> =>
  (await scene.run('exec', '--index', '2', 'web', ...command)).stdout

const found = (...what: readonly string[]) => seen('find', '/opt/app', ...what)

test('sync brings what is saved, made, moved and removed, but for what is ignored', async () => {
  write('{ action: sync, path: ./src, target: /opt/app, ignore: [node_modules/, "*.log"] }')
  file('src/old/kept', 'old\n')
  const watching = new Staying(scene, 'watch')
  await watching.says(/following: web .*src → \/opt\/app \(sync\)/)
  file('src/deep/er/a.txt', 'one\n')
  file('src/node_modules/x', 'no\n')
  file('src/some.log', 'no\n')
  file('src/.a.txt.swp', 'no\n')
  await watching.says(/synchronised to cli-web-1, cli-web-2/)
  // What is changed in several steps may be brought in several.
  await until(() => found('-type', 'f'), /^\/opt\/app\/deep\/er\/a\.txt\n$/)
  // In place, as some editors do: it is empty for a moment.
  writeFileSync(join(scene.folder, 'src/deep/er/a.txt'), 'two\n')
  await watching.says(/1 file synchronised/)
  await until(() => seen('cat', '/opt/app/deep/er/a.txt'), /^two\n$/)
  renameSync(join(scene.folder, 'src/deep'), join(scene.folder, 'src/moved'))
  await until(() => found('-type', 'f'), /^\/opt\/app\/moved\/er\/a\.txt\n$/)
  rmSync(join(scene.folder, 'src/moved'), { recursive: true })
  await until(async () => `<${await found('-mindepth', '1')}>`, /^<>$/)
  expect((await watching.interrupt()).code).toBe(130)
})

test('initial_sync brings everything at the beginning, and include only what it names', async () => {
  write(
    '{ action: sync, path: ./src, target: /opt/app, include: ["*.txt"], initial_sync: true }',
    '{ action: sync, path: ./one.conf, target: /etc/one.conf, initial_sync: true }',
  )
  file('src/a.txt', 'a\n')
  file('src/b.png', 'b\n')
  file('one.conf', 'conf\n')
  const watching = new Staying(scene, 'watch')
  await watching.says(/2 files synchronised/)
  expect(await inside('ls', '/opt/app')).toBe('a.txt\n')
  expect(await inside('cat', '/etc/one.conf')).toBe('conf\n')
  await watching.interrupt()
})

test('sync+restart, restart and sync+exec do what comes after', async () => {
  write(
    '{ action: sync+restart, path: ./conf, target: /opt/conf }',
    '{ action: restart, path: ./flag }',
    '{ action: sync+exec, path: ./gen, target: /opt/gen, exec: { command: [cat, /opt/gen/in] } }',
  )
  file('flag', '')
  file('gen/out', '')
  file('conf/other', '')
  const watching = new Staying(scene, 'watch')
  await watching.says(/following: [^]*sync\+exec/)
  const started = async (): Promise<readonly number[]> =>
    (JSON.parse((await scene.ok('ps', '--json')).stdout) as { pid: number }[]).map(({ pid }) => pid)
  const before = await started()
  file('gen/in', 'generated\n')
  await watching.says(/(?:web: generated[^]*){2}/, /1 file synchronised/)
  expect(await started()).toEqual(before)
  file('conf/a', 'x')
  await watching.says(/restarting\n[^]*^done$/m)
  expect(await inside('cat', '/opt/conf/a')).toBe('x')
  const after = await started()
  expect(after).not.toEqual(before)
  file('flag', 'now')
  await watching.says(/restarting\n[^]*^done$/m)
  expect(await started()).not.toEqual(after)
  await watching.interrupt()
})

test('rebuild builds the image and replaces the container; .dockerignore is respected', async () => {
  copyFileSync('/bin/busybox', join(scene.folder, 'busybox'))
  file('Dockerfile', 'FROM scratch\nCOPY busybox /bin/busybox\nCOPY word /word\n')
  file('word', 'one\n')
  file('.dockerignore', '*.tmp\n')
  scene.write({
    web: [
      'build: .',
      'command: [/bin/busybox, sleep, infinity]',
      'init: true',
      'develop: { watch: [{ action: rebuild, path: . }] }',
    ],
  })
  scene.replace("    image: 'host:'\n", '')
  const watching = new Staying(scene, 'watch')
  await watching.says(/following: web .* \(rebuild\)/)
  const word = async (): Promise<string> =>
    (await scene.ok('exec', 'web', '/bin/busybox', 'cat', '/word')).stdout
  expect(await word()).toBe('one\n')
  file('a.tmp', 'ignored')
  file('word', 'two\n')
  const said = await watching.says(/building again[^]*^done$/m)
  expect(said.match(/building again/g)).toHaveLength(1)
  expect(await word()).toBe('two\n')
  file('Dockerfile', 'FROM nothing at all\n')
  await watching.says(/error: Cannot/)
  file('Dockerfile', 'FROM scratch\nCOPY busybox /bin/busybox\nCOPY word /word\nENV A=b\n')
  await watching.says(/building again[^]*^done$/m)
  await watching.interrupt()
})

test('rules that cannot be followed are refused with their reason, and followed once mended', async () => {
  write('{ action: sync, path: ./src, target: opt }')
  file('src/a', '')
  const watching = new Staying(scene, 'watch')
  await watching.says(/for "web": the action "sync" needs a "target" that begins with "\/"/)
  write('{ action: rebuild, path: ./src }')
  await watching.says(/the action is "rebuild", and the service has no "build"/)
  write('{ action: sync, path: ./src, target: /opt }')
  await watching.says(/following: web/)
  await watching.interrupt()
})
