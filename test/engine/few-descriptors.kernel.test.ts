/** An engine without descriptors fails what it is at, ends what it has begun, and goes on later. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { bundle } from '../support/bundle.ts'
import type { Round } from './few-descriptors-run.ts'
import { attached, desiredStack, sh, textOf, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

test('however few descriptors are left, up and down end, say why, and work when there are more', async () => {
  await world.engine.close()
  const runner = join(world.root, 'few-descriptors-run.js')
  await bundle(fileURLToPath(new URL('./few-descriptors-run.ts', import.meta.url)), runner)
  const services = {
    web: { ...sh('exec sleep 1000'), ...attached('tst_net') },
    box: sh('exec sleep 1000'),
  }
  const resources = { networks: [{ name: 'tst_net' }] }
  const desired = JSON.stringify(desiredStack(world.image, services, resources))
  const words = [runner, join(world.root, 'state'), join(world.root, 'run'), desired]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said, [code]] = await Promise.all([textOf(child.stdout), once(child, 'exit')])
  await world.start()
  expect(code).toBe(0)
  const rounds = JSON.parse(said) as readonly Round[]
  const failed = rounds.flatMap((round) => round.said)
  expect(failed.filter((text) => !/EMFILE|too many open files/i.test(text))).toEqual([])
  expect(failed.length).toBeGreaterThanOrEqual(rounds.length)
  expect(rounds.filter(({ saidAfter }) => saidAfter.length > 0)).toEqual([])
  // A namespace is kept for the next one, or is about to be.
  const [first, last] = [rounds[0], rounds.at(-1)].map((round) => round?.open ?? 0)
  expect((last ?? 0) - (first ?? 0), 'descriptors left open').toBeLessThan(4)
})
