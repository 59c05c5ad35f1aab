/** `stop()`: what runs is stopped in its order and kept, and the next `apply()` starts it again. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { sh, STACK, useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const graceful = {
  ...sh('trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.05; done'),
  stopGraceMs: 60_000,
}
const after = (service: string): Pick<Service, 'dependsOn'> => ({
  dependsOn: [{ service, condition: 'service_started', required: true, restart: false }],
})
const PAIR = { db: graceful, web: { ...graceful, ...after('db') } }

test('stop() stops dependents first and removes nothing; apply() starts it again', async () => {
  await world.up(PAIR)
  await Promise.all([world.line('db', /ready/), world.line('web', /ready/)])
  const before = world.events.length
  const { outcomes, observed } = await world.engine.stop(STACK, {})
  expect(outcomes.map(({ kind, action }) => `${action.id} ${kind}`)).toEqual([
    'stop-container:tst-web-1 done',
    'stop-container:tst-db-1 done',
  ])
  const ends = world.events
    .slice(before)
    .flatMap((event) => (event.kind === 'container' ? [`${event.service} ${event.state}`] : []))
  expect(ends).toEqual(['web exited', 'db exited'])
  const stopped = { state: 'exited', exitCode: 3, stoppedByUser: true }
  expect(observed.containers).toMatchObject([stopped, stopped])
  await world.up(PAIR)
  expect(await world.observe('web')).toMatchObject({ state: 'running', stoppedByUser: false })
  // The same container, with its log.
  expect((await world.observe('web')).attempt).toBe(2)
})

test('stop() of a service leaves alone what needs it, and what it needs', async () => {
  await world.up(PAIR)
  await world.engine.stop(STACK, { services: ['db'], graceMs: 0 })
  expect(await world.observe('db')).toMatchObject({ state: 'exited', exitCode: 137 })
  expect(await world.observe('web')).toMatchObject({ state: 'running' })
})

test('stop() holds off a restart policy, also in the middle of its back-off', async () => {
  await world.up({
    one: { command: ['sleep', '1000'], restart: { condition: 'always' } },
    two: { ...sh('exit 1'), restart: { condition: 'always' } },
  })
  await world.when('two', ({ state, attempt }) => state === 'restarting' && attempt > 2)
  await world.engine.stop(STACK, { graceMs: 0 })
  for (const service of ['one', 'two']) {
    expect(await world.observe(service)).toMatchObject({ state: 'exited', stoppedByUser: true })
  }
})

test('stop() of what has ended does nothing; of an unknown service it says so', async () => {
  await world.up({ one: sh('true') })
  await world.exited('one')
  expect((await world.engine.stop(STACK, {})).outcomes).toEqual([])
  await expect(world.engine.stop(STACK, { services: ['two'] })).rejects.toThrow('"two"')
})

test('stop() signals a pid 1 that waits for signals without a handler, as our init does', async () => {
  await world.up({ web: { init: true, command: ['/bin/sleep', '1000'], stopGraceMs: 60_000 } })
  const { pid } = await world.observe('web')
  // The number of rt_sigtimedwait(2): it waits.
  const waits = new RegExp(`^${process.arch === 'x64' ? 128 : 137} `)
  await until(async () => readFile(`/proc/${pid}/syscall`, 'utf8'), waits)
  await world.engine.stop(STACK, {})
  // 128 + SIGTERM of the program, and not SIGKILL of its init.
  expect(await world.observe('web')).toMatchObject({ state: 'exited', exitCode: 143 })
})
