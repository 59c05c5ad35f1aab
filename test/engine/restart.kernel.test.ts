/** What stays the same from one attempt to the next, what is new, and what is remembered. */
import { closeSync, fstatSync, openSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { attached, sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const restart = { condition: 'always' } as const

test('each attempt has a fresh network namespace with the same address and MAC', async () => {
  const service = { ...sh('exec sleep 1000'), ...attached('tst_net'), restart }
  await world.up({ one: service }, { networks: [{ name: 'tst_net' }] })
  const places = new Set<string>()
  // Held, so that no later one gets the same number.
  const namespaces = new Map<number, number>()
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const one = await world.when('one', (it) => it.attempt === attempt && it.state === 'running')
    const fd = openSync(`/proc/${one.pid}/ns/net`, 'r')
    namespaces.set(fstatSync(fd).ino, fd)
    const look = 'ip -o addr show eth0 | grep -o "inet [0-9./]*"; cat /sys/class/net/eth0/address'
    places.add((await world.exec('one', look)).stdout)
    await world.engine.kill('tst-one-1', 'SIGKILL')
  }
  for (const fd of namespaces.values()) closeSync(fd)
  expect(namespaces.size).toBe(3)
  expect([...places]).toEqual([expect.stringMatching(/^inet 10\.[\d./]+\n02:42:/)])
})

test('how the last attempts ended is remembered, also by the next supervisor', async () => {
  const count = 'n=$(cat /n 2>/dev/null || echo 0); echo $((n + 1)) > /n; exit $((n + 10))'
  await world.up({ one: { ...sh(count), restart } })
  const one = await world.when('one', ({ attempt }) => attempt >= 4)
  expect(one.history?.slice(0, 3)).toMatchObject([
    { attempt: 1, exitCode: 10 },
    { attempt: 2, exitCode: 11 },
    { attempt: 3, exitCode: 12 },
  ])
  expect(one.restarts).toBe(one.attempt - 1)
  await world.restart()
  const { history = [] } = await world.observe('one')
  expect(history.slice(0, 3).map(({ exitCode }) => exitCode)).toEqual([10, 11, 12])
})

test('when the next start is due is known from the end on', async () => {
  await world.up({ one: { ...sh('exit 1'), restart: { ...restart, delayMs: 60_000 } } })
  const one = await world.when('one', ({ state }) => state === 'restarting')
  // Two clocks, which are not read at the same moment.
  const offBy = (at = 0): number => Math.abs(at - (one.finishedAt ?? 0) - 60_000)
  expect(offBy(one.nextStartAt)).toBeLessThan(20_000)
  const next = await world.observe('one')
  expect(offBy(next.nextStartAt)).toBeLessThan(20_000)
})

test('no more than ten ends are remembered', async () => {
  await world.up({ one: { ...sh('exit 3'), restart: { ...restart, delayMs: 1 } } })
  const one = await world.when('one', ({ attempt }) => attempt >= 13)
  expect(one.history).toHaveLength(10)
})

test('a restart that the machine does not allow is tried again until it does', async () => {
  await world.up({ one: { ...sh('echo run; exec sleep 1000'), restart } })
  const rootfs = join(world.root, 'rootfs')
  renameSync(rootfs, `${rootfs}.gone`)
  const refused = world.nextWarning()
  await world.engine.kill('tst-one-1', 'SIGKILL')
  expect((await refused).message).toContain(rootfs)
  const failed = await world.observe('one')
  expect(failed).toMatchObject({ state: 'restarting', failure: expect.stringContaining(rootfs) })
  renameSync(`${rootfs}.gone`, rootfs)
  const one = await world.when('one', ({ state }) => state === 'running')
  expect(one.failure).toBeUndefined()
  expect(one.attempt).toBeGreaterThan(2)
})

test('a restart that failed is taken up by the next supervisor', async () => {
  await world.up({ one: { ...sh('exec sleep 1000'), restart } })
  const rootfs = join(world.root, 'rootfs')
  renameSync(rootfs, `${rootfs}.gone`)
  const refused = world.nextWarning()
  await world.engine.kill('tst-one-1', 'SIGKILL')
  await refused
  await world.engine.close()
  renameSync(`${rootfs}.gone`, rootfs)
  await world.start()
  await world.when('one', ({ state }) => state === 'running')
})

test('a first start that fails is told, and not tried again', async () => {
  const outcomes = await world.apply({ one: { command: ['/no/such/program'], restart } })
  expect(outcomes.at(-1)).toMatchObject({ kind: 'failed' })
  await world.restart()
  expect(await world.observe('one')).toMatchObject({ state: 'exited', attempt: 1, exitCode: 127 })
})

const check = (test: readonly string[]) => ({
  healthcheck: {
    test,
    intervalMs: 3_600_000,
    timeoutMs: 60_000,
    retries: 1,
    startPeriodMs: 0,
    startIntervalMs: 5000,
  },
})

test('the next supervisor knows that a container was healthy', async () => {
  await world.up({ one: { ...sh('exec sleep 1000'), ...check(['true']) } })
  await world.when('one', ({ health }) => health === 'healthy')
  await world.restart()
  expect((await world.observe('one')).health).toBe('healthy')
})

test('the next supervisor knows that a container was unhealthy, until it is not', async () => {
  const { healthcheck } = check(['test', '-e', '/well'])
  const service = { ...sh('exec sleep 1000'), healthcheck: { ...healthcheck, intervalMs: 100 } }
  await world.up({ one: service })
  await world.when('one', ({ health }) => health === 'unhealthy')
  await world.restart()
  expect((await world.observe('one')).health).toBe('unhealthy')
  await world.exec('one', 'touch /well')
  await world.when('one', ({ health }) => health === 'healthy')
})
