/** What becomes of containers whose check fails: `x-tsstack: { on-unhealthy: … }`. */
import { expect, test } from 'vitest'
import { restartAfter } from '../../src/engine/restart.ts'
import type { ContainerRecord } from '../../src/engine/records/container.ts'
import { FIRST_RUN, type Healthcheck } from '../../src/planner/index.ts'
import { containerSpec, sh, useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const healthcheck: Healthcheck = {
  test: ['test', '-e', '/well'],
  intervalMs: 50,
  timeoutMs: 60_000,
  retries: 2,
  startPeriodMs: 60_000,
  startIntervalMs: 20,
}

const ILL: Service = { ...sh('touch /well; exec sleep 1000'), healthcheck }

test('a container that is not healthy any more is restarted, and gets well again', async () => {
  await world.up({ one: { ...ILL, onUnhealthy: 'restart' } })
  await world.when('one', ({ health }) => health === 'healthy')
  const warned = new Promise<string>((resolve) => {
    world.engine.subscribe((event) => event.kind === 'warning' && resolve(event.message))
  })
  await world.exec('one', 'rm /well')
  const one = await world.when(
    'one',
    ({ attempt, health }) => attempt === 2 && health === 'healthy',
  )
  expect(await warned).toBe('"tst-one-1" is unhealthy: it is restarted, as "on-unhealthy" says')
  // Its restart policy is "no": nothing else would have started it.
  expect(one).toMatchObject({ state: 'running', stoppedByUser: false, restarts: 1 })
})

test('a container that is not healthy any more is stopped, whatever its policy', async () => {
  await world.up({ one: { ...ILL, onUnhealthy: 'stop', restart: { condition: 'always' } } })
  await world.when('one', ({ health }) => health === 'healthy')
  await world.exec('one', 'rm /well')
  const one = await world.when('one', ({ state }) => state === 'exited')
  expect(one).toMatchObject({ attempt: 1, stoppedByUser: true })
})

test('a container that nobody asked anything for stays as it is', async () => {
  await world.up({ one: ILL })
  await world.when('one', ({ health }) => health === 'healthy')
  await world.exec('one', 'rm /well')
  const one = await world.when('one', ({ health }) => health === 'unhealthy')
  expect(one).toMatchObject({ attempt: 1, state: 'running' })
})

test('the next supervisor ends what it finds unhealthy', async () => {
  await world.up({ one: ILL })
  await world.when('one', ({ health }) => health === 'healthy')
  await world.exec('one', 'rm /well')
  await world.when('one', ({ health }) => health === 'unhealthy')
  await world.up({ one: { ...ILL, onUnhealthy: 'restart' } })
  await world.restart()
  await world.when('one', ({ attempt, health }) => attempt === 2 && health === 'healthy')
})

test('restartAfter() waits longer each time until the container has been healthy', () => {
  const life = { startedAt: 0, finishedAt: 60_000, exitCode: 143 }
  const spec = containerSpec('host:')
  const delays = ['never healthy', 'never healthy', 'never healthy', 'was healthy'] as const
  let restarts = FIRST_RUN
  const waited = delays.map((ill) => {
    const record = { spec, ill, restarts, stoppedByUser: false } as unknown as ContainerRecord
    const decision = restartAfter(record, life)
    if (decision.kind === 'stay') throw new Error(decision.reason)
    restarts = decision.memory
    return restarts.delayMs
  })
  expect(waited).toEqual([100, 200, 400, 100])
})
