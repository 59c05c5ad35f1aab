/** Several commands at once on one stack: one works, the others wait, and the end is right. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Sandbox } from '../support/sandbox.ts'
import { Scene, SLEEP } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox } = scene)
})
afterEach(() => scene.close())

const at = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)))

test('eight times up at once, with no supervisor yet, is up once', async () => {
  scene.write({ web: SLEEP, db: SLEEP })
  const results = await at(8, () => scene.run('up', '-d'))
  expect(results.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(Array(8).fill(0))
  const list = JSON.parse((await scene.ok('ps', '-a', '--json')).stdout) as { attempt: number }[]
  expect(list.map(({ attempt }) => attempt)).toEqual([1, 1])
  await scene.ok('down', '-t', '0')
  expect(await sandbox.leaks()).toBe('')
})

test('ups and downs at once all succeed, one after the other', async () => {
  scene.write({ web: SLEEP, db: SLEEP })
  const results = await at(8, (index) =>
    index % 2 === 0 ? scene.run('up', '-d') : scene.run('down', '-t', '0'),
  )
  expect(results.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(Array(8).fill(0))
  await scene.ok('up', '-d')
  expect((await scene.ok('ps', '-q')).stdout).toBe('cli-db-1\ncli-web-1\n')
  await scene.ok('down', '-t', '0')
  expect(await sandbox.leaks()).toBe('')
})
