/** Images in archives, and what is told of one: save, load, image inspect, image history. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { succeeded } from '../support/sandbox.ts'
import { CLI, type Scene, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)

const DOCKERFILE = 'FROM scratch\nCOPY a /first\nLABEL kind=test\nCOPY b /second\nCMD ["/first"]\n'

async function built(): Promise<void> {
  for (const [name, text] of [
    ['a', 'first\n'],
    ['b', 'second\n'],
    ['Dockerfile', DOCKERFILE],
  ]) {
    writeFileSync(join(scene.folder, name ?? ''), text ?? '')
  }
  const service = 'own: { build: ., image: "own:1" }'
  writeFileSync(join(scene.folder, 'compose.yaml'), `name: cli\nservices:\n  ${service}\n`)
  await ok('build')
}

const inspected = async (name: string) => JSON.parse((await ok('image', 'inspect', name)).stdout)[0]

test('what save has written, skopeo reads and load takes back as it was', async () => {
  await built()
  const before = await inspected('own:1')
  await ok('save', '-o', 'own.tar', 'own:1')
  const words = ['inspect', '--config', `docker-archive:${join(scene.folder, 'own.tar')}`]
  const seen = await scene.sandbox.inNetns(['skopeo', ...words])
  expect(JSON.parse(seen.stdout).config).toMatchObject({
    Cmd: ['/first'],
    Labels: { kind: 'test' },
  })
  await ok('rmi', 'own:1')
  expect((await run('image', 'inspect', 'own:1')).code).toBe(1)
  await ok('load', '-i', 'own.tar')
  expect(await inspected('own:1')).toEqual(before)
  const script = '"$0" "$1" save own:1 | cmp - own.tar'
  const piped = ['sh', '-c', script, process.execPath, CLI]
  succeeded(await scene.sandbox.inNetns(piped, { cwd: scene.folder }))
  expect(readFileSync(join(scene.folder, 'own.tar')).length).toBeGreaterThan(1024)
})

test('history tells each step of an image, the newest first, and load refuses what is no archive', async () => {
  await built()
  const { stdout } = await ok('image', 'history', 'own:1')
  const at = ['CMD', 'COPY b', 'LABEL', 'COPY a'].map((word) => stdout.indexOf(word))
  expect(at.every((each) => each > 0)).toBe(true)
  expect(at).toEqual(at.toSorted((a, b) => a - b))
  const refused = await run('load', '-i', 'Dockerfile')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/^error: Cannot .*Dockerfile/)
})
