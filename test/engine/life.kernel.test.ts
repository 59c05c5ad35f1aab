/** A container's life: how it starts, ends, is stopped and is started again. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

/** A program that says when it listens for TERM. */
const trapping = (action: string): string =>
  `trap '${action}' TERM; echo ready; while :; do sleep 0.05; done`

test('apply() starts a container, and its exit code and times are observed', async () => {
  const before = Date.now()
  await world.up({ one: sh('exit 7') })
  const one = await world.exited('one')
  expect(one).toMatchObject({ state: 'exited', exitCode: 7, attempt: 1, oomKilled: false })
  expect(one.startedAt).toBeGreaterThanOrEqual(before)
  expect(one.finishedAt).toBeGreaterThanOrEqual(one.startedAt ?? Infinity)
  expect(one.finishedAt).toBeLessThanOrEqual(Date.now())
})

test('observe() gives the pid of a running container, which is the program itself', async () => {
  await world.up({ one: { command: ['sleep', '1000'] } })
  const one = await world.observe('one')
  expect(one).toMatchObject({ state: 'running', stoppedByUser: false })
  expect(commandOf(one.pid ?? 0)).toBe('sleep 1000')
  expect(one.exitCode).toBeUndefined()
})

test('an exit by signal is 128 and the number of the signal', async () => {
  await world.up({ one: { command: ['sleep', '1000'] } })
  await world.engine.kill('tst-one-1', 'SIGKILL')
  expect(await world.exited('one')).toMatchObject({ exitCode: 137, stoppedByUser: false })
})

test('a program that takes more than its memory is killed, and that is recorded', async () => {
  const script = 'x=0123456789abcdef; while :; do x=$x$x; done'
  await world.up({ one: { ...sh(script), resources: { memoryBytesMax: 16 * 1024 * 1024 } } })
  expect(await world.exited('one')).toMatchObject({ exitCode: 137, oomKilled: true })
})

test('a stop sends the stop signal and waits for the program to end by itself', async () => {
  await world.up({ one: { ...sh(trapping('echo bye; exit 3')), stopGraceMs: 30_000 } })
  await world.line('one', /ready/)
  const log = world.log('one')
  await world.apply({})
  await world.apply({ one: sh('true') })
  expect((await log).toString()).toBe('ready\nbye\n')
})

test('a program that ignores its stop signal is killed after its grace', async () => {
  // Time enough for its word, even when it stands still for a while.
  const grace = 3000
  await world.up({ one: { ...sh(trapping('echo no')), stopGraceMs: grace } })
  await world.line('one', /ready/)
  const [log, begun] = [world.log('one'), performance.now()]
  await world.down()
  expect(performance.now() - begun).toBeGreaterThanOrEqual(grace)
  expect((await log).toString()).toBe('ready\nno\n')
})

test('a pid 1 that has no handler for its stop signal is killed without waiting', async () => {
  await world.up({ one: { command: ['sleep', '1000'], stopGraceMs: 50_000 } })
  // With a wait the test would be over its time.
  await world.down()
})

test('stopSignal is the signal that is sent', async () => {
  const script = "trap 'echo usr1; exit 0' USR1; echo ready; while :; do sleep 0.05; done"
  await world.up({ one: { ...sh(script), stopSignal: 'SIGUSR1', stopGraceMs: 30_000 } })
  await world.line('one', /ready/)
  const log = world.log('one')
  await world.down()
  expect((await log).toString()).toBe('ready\nusr1\n')
})

test('a stopped (SIGSTOP) program is stopped all the same', async () => {
  await world.up({ one: { ...sh(trapping('exit 0')), stopGraceMs: 200 } })
  await world.line('one', /ready/)
  await world.engine.kill('tst-one-1', 'SIGSTOP')
  await world.down()
})

test('restart: always starts it again, later each time, and counts attempts', async () => {
  await world.up({ one: { ...sh('date +%s%N | cut -c1-13'), restart: { condition: 'always' } } })
  await world.when('one', ({ attempt }) => attempt >= 4)
  await world.apply({ one: sh('true') })
  // The container was replaced, so nothing of the old one starts any more.
  await world.exited('one')
  expect((await world.observe('one')).attempt).toBe(1)
})

test('a back-off doubles from 100 ms', async () => {
  await world.up({ one: { ...sh('exit 1'), restart: { condition: 'always' } } })
  // As it is remembered: on a busy machine an end may be seen when the next start has been.
  const { history = [] } = await world.when('one', (one) => (one.history ?? []).length >= 4)
  const pauses = history
    .slice(1)
    .map(({ startedAt }, index) => startedAt - (history[index]?.finishedAt ?? Infinity))
  // A timer may be early by the millisecond that the two clocks differ by.
  expect(pauses[0]).toBeGreaterThanOrEqual(98)
  expect(pauses[1]).toBeGreaterThanOrEqual(198)
  expect(pauses[2]).toBeGreaterThanOrEqual(398)
})

test('restart: on-failure with a bound gives up after it, and leaves a success alone', async () => {
  const restart = { condition: 'on-failure', attemptsMax: 2 } as const
  await world.up({ bad: { ...sh('exit 9'), restart }, good: { ...sh('exit 0'), restart } })
  expect(await world.exited('bad')).toMatchObject({ attempt: 3, exitCode: 9, state: 'exited' })
  expect(await world.exited('good')).toMatchObject({ attempt: 1, exitCode: 0, state: 'exited' })
})

test('a back-off is seen as "restarting", and a stop ends it', async () => {
  const restart = { condition: 'always', delayMs: 60_000 } as const
  await world.up({ one: { ...sh('exit 1'), restart } })
  const one = await world.when('one', ({ state }) => state === 'restarting')
  expect(one).toMatchObject({ exitCode: 1, attempt: 1 })
})

test('a service that others wait for to complete may fail first, when it is started again', async () => {
  const job = 'test -f /tmp/again && exit 0; touch /tmp/again; exit 1'
  const condition = 'service_completed_successfully'
  await world.up({
    job: { ...sh(job), restart: { condition: 'on-failure' } },
    after: {
      ...sh('echo after'),
      dependsOn: [{ service: 'job', condition, required: true, restart: false }],
    },
  })
  expect((await world.log('after')).toString()).toBe('after\n')
  expect(await world.observe('job')).toMatchObject({ attempt: 2, exitCode: 0 })
})

test('down while a container is started again and again leaves nothing', async () => {
  const services = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e'].map((name) => [
      name,
      { ...sh('exit 1'), restart: { condition: 'always' } as const },
    ]),
  )
  for (let round = 0; round < 5; round += 1) {
    await world.up(services)
    await world.when('c', ({ attempt }) => attempt >= 2)
    await world.down()
  }
})

test('init: true ends as its child does, forwards signals and reaps what is left to it', async () => {
  const zombies = 'i=0; while [ $i -lt 300 ]; do (true & true) & i=$((i+1)); done; wait'
  const count = "$(grep -l '^State:.Z' /proc/[0-9]*/status | wc -l)"
  const script = `${zombies}; until [ ${count} = 0 ]; do sleep 0.05; done; echo zombies 0`
  const wait = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"
  await world.up({ one: { ...sh(`${script}; ${wait}`), init: true, stopGraceMs: 30_000 } })
  await world.line('one', /^zombies 0$/)
  await world.line('one', /^ready$/)
  await world.engine.kill('tst-one-1', 'SIGTERM')
  expect(await world.exited('one')).toMatchObject({ exitCode: 5 })
})

test('init: true ends with 128 and the number of the signal that killed its child', async () => {
  await world.up({ one: { ...sh('kill -9 $$'), init: true } })
  expect(await world.exited('one')).toMatchObject({ exitCode: 137 })
})

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean).join(' ')
}
