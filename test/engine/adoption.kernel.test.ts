/** What outlives a supervisor, a monitor or a mover that is killed, and who takes it over. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { FD } from '../../src/engine/container/descriptors.ts'
import { startTime } from '../../src/linux/index.ts'
import {
  childrenOf,
  COUNTER,
  goAhead,
  gone,
  helpersOf,
  UNTIL_GO,
  upAndKill as leave,
} from './left-behind.ts'
import {
  attached,
  desiredStack,
  type Resources,
  type Service,
  sh,
  useWorld,
  type World,
} from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const upAndKill = (
  services: Readonly<Record<string, Service>>,
  resources: Resources = {},
): Promise<void> => leave(world, services, resources)

const helpers = (): ReturnType<typeof helpersOf> => helpersOf(world)

/** Lets the program of `one` go on, and waits until it and its monitor have ended. */
async function endAlone(): Promise<void> {
  const { monitor } = helpers()
  goAhead(childrenOf(monitor.pid)[0] ?? 0)
  await gone(monitor.pid)
}

test('containers run on when their supervisor is killed, and the next one adopts them', async () => {
  await upAndKill({ one: sh(COUNTER) })
  const { monitor } = helpers()
  const [pid] = childrenOf(monitor.pid)
  const since = startTime(pid ?? 0)
  expect(since).toBeGreaterThan(0)
  await world.start()
  const one = await world.observe('one')
  expect(one).toMatchObject({ state: 'running', attempt: 1, pid })
  expect(startTime(pid ?? 0)).toBe(since)
  await world.up({ one: sh(COUNTER) })
  expect((await world.observe('one')).pid).toBe(pid)
  expect((await world.exec('one', 'echo still here')).stdout).toBe('still here\n')
})

test('a monitor alone keeps the root of its container, as long as that runs', async () => {
  await upAndKill({ one: sh(UNTIL_GO) })
  const { monitor, mover } = helpers()
  const [pid] = childrenOf(monitor.pid)
  const root = statSync(`/proc/${pid}/root`)
  const kept = statSync(`/proc/${monitor.pid}/fd/${FD.root}`)
  expect([kept.dev, kept.ino]).toEqual([root.dev, root.ino])
  expect(existsSync(`/proc/${mover.pid}/fd/${FD.root}`)).toBe(false)
  await world.start()
})

test('nothing of a log is lost or doubled over the death of a supervisor', async () => {
  await upAndKill({ one: sh(COUNTER) })
  await sleep(300)
  await world.start()
  await world.line('one', /^60$/)
  await world.engine.kill('tst-one-1', 'SIGKILL')
  const numbers = (await world.log('one')).toString().trim().split('\n').map(Number)
  expect(numbers.length).toBeGreaterThan(60)
  expect(numbers).toEqual(numbers.map((_, at) => at))
})

test('an adopted container’s later end is seen with its true status', async () => {
  await upAndKill({ one: sh("trap 'exit 23' TERM; echo ready; while :; do sleep 0.05; done") })
  await world.start()
  await world.line('one', /ready/)
  await world.engine.kill('tst-one-1', 'SIGTERM')
  expect(await world.exited('one')).toMatchObject({ exitCode: 23, attempt: 1 })
})

test('an end while nobody lived is known afterwards, with its time', async () => {
  await upAndKill({ one: sh(`${UNTIL_GO}; exit 17`) })
  await endAlone()
  const before = Date.now()
  await world.start()
  const one = await world.observe('one')
  expect(one).toMatchObject({ state: 'exited', exitCode: 17, attempt: 1 })
  expect(one.finishedAt).toBeLessThanOrEqual(before)
  expect(one.finishedAt).toBeGreaterThan(one.startedAt ?? Infinity)
})

test('memory that ran out while nobody lived is known afterwards', async () => {
  const script = `${UNTIL_GO}; x=0123456789abcdef; while :; do x=$x$x; done`
  await upAndKill({ one: { ...sh(script), resources: { memoryBytesMax: 16 * 1024 * 1024 } } })
  await endAlone()
  await world.start()
  expect(await world.observe('one')).toMatchObject({ exitCode: 137, oomKilled: true })
})

test('a restart policy applies to an adopted container', async () => {
  const restart = { condition: 'always' } as const
  await upAndKill({ one: { ...sh('echo started; exec sleep 1000'), restart } })
  await world.start()
  await world.engine.kill('tst-one-1', 'SIGKILL')
  const one = await world.when('one', ({ attempt, state }) => attempt === 2 && state === 'running')
  expect(one.exitCode).toBeUndefined()
})

test('a restart policy applies to a container that ended while nobody lived', async () => {
  const restart = { condition: 'on-failure', attemptsMax: 1 } as const
  await upAndKill({ one: { ...sh(`${UNTIL_GO}; exit 3`), restart } })
  await endAlone()
  await world.start()
  expect(await world.exited('one')).toMatchObject({ attempt: 2, exitCode: 3 })
})

test('a back-off that a supervisor did not live to see through is taken up', async () => {
  const restart = { condition: 'always', delayMs: 700 } as const
  const supervisor = await world.superviseElsewhere({ one: { ...sh('exit 1'), restart } })
  const attempt = join(world.root, 'run/containers/tst-one-1/attempt.json')
  while (existsSync(attempt)) await sleep(5)
  supervisor.kill('SIGKILL')
  await once(supervisor, 'exit')
  await world.start()
  const { attempt: taken } = await world.observe('one')
  await world.when('one', (one) => one.attempt > taken && one.exitCode === 1)
})

test('an adopted container keeps its address, its names and its published port', async () => {
  const serve = 'mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www'
  const services = {
    web: {
      ...sh(serve),
      ...attached('tst_net'),
      ports: [{ target: 80, protocol: 'tcp', published: { first: 18_080, last: 18_080 } }],
    },
    box: { command: ['sleep', '1000'], ...attached('tst_net') },
  } as const
  const resources = { networks: [{ name: 'tst_net' }] }
  await upAndKill(services, resources)
  await world.start()
  await world.exec('web', 'until wget -q -O - http://127.0.0.1/; do :; done')
  const { addresses } = await world.observe('web')
  const fetched = await world.exec('box', 'wget -q -O - http://web/')
  expect(fetched).toMatchObject({ stdout: 'hello\n', exitCode: 0 })
  expect((await world.exec('box', 'nslookup web')).stdout).toContain(addresses[0]?.ipv4)
  const response = await fetch('http://127.0.0.1:18080/')
  expect(await response.text()).toBe('hello\n')
  await world.up(services, resources)
  expect((await world.observe('web')).attempt).toBe(1)
})

test('what a supervisor left half made is cleared away by the next', async () => {
  for (const delayMs of [30, 60, 90, 120, 150, 200]) {
    await world.engine.close()
    const [state, run] = [join(world.root, 'state'), join(world.root, 'run')]
    const services = { one: { ...sh(COUNTER), ...attached('tst_net') }, two: sh(COUNTER) }
    const resources = { networks: [{ name: 'tst_net' }] }
    const desired = JSON.stringify(desiredStack(world.image, services, resources))
    const script = fileURLToPath(new URL('./supervisor.ts', import.meta.url))
    const child = spawn(process.execPath, [script, state, run, desired], { env: {} })
    await stackRecorded(state)
    await sleep(delayMs - 30)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await world.start()
    await world.up(services, resources)
    expect(await world.observe('one')).toMatchObject({ state: 'running' })
    await world.down()
    expect(await world.leaks()).toBe('')
  }
})

test('a monitor that is killed takes its container with it, and the policy applies', async () => {
  const restart = { condition: 'on-failure' } as const
  await world.up({ one: { ...sh('sleep 1000 & echo up; wait'), restart } })
  await world.line('one', /up/)
  const { pid = 0 } = await world.observe('one')
  process.kill(helpers().monitor.pid, 'SIGKILL')
  const one = await world.when('one', ({ attempt, state }) => attempt === 2 && state === 'running')
  expect(one.pid).not.toBe(pid)
  await gone(pid)
})

test('a monitor that is killed is an exit with 137', async () => {
  await world.up({ one: { command: ['sleep', '1000'] } })
  process.kill(helpers().monitor.pid, 'SIGKILL')
  expect(await world.exited('one')).toMatchObject({ exitCode: 137, oomKilled: false })
})

test('a monitor that is killed while nobody lives is known to the next supervisor', async () => {
  await upAndKill({ one: { command: ['sleep', '1000'] } })
  const { monitor, mover } = helpers()
  process.kill(monitor.pid, 'SIGKILL')
  await gone(mover.pid)
  await world.start()
  expect(await world.exited('one')).toMatchObject({ exitCode: 137, attempt: 1 })
})

test('a log mover that is killed is replaced, and the container does not notice', async () => {
  await world.up({ one: sh(COUNTER) })
  const movers = new Set<number>()
  for (let round = 1; round <= 5; round += 1) {
    await world.line('one', new RegExp(`^${round * 20}$`))
    const { mover } = helpers()
    movers.add(mover.pid)
    process.kill(mover.pid, 'SIGKILL')
    await gone(mover.pid)
  }
  await world.line('one', /^120$/)
  expect(movers.size).toBe(5)
  await world.engine.kill('tst-one-1', 'SIGTERM')
  await world.engine.kill('tst-one-1', 'SIGKILL')
  expect(await world.exited('one')).toMatchObject({ attempt: 1, exitCode: 137 })
  const numbers = (await world.log('one')).toString().trim().split('\n').map(Number)
  // What a mover had read and not written dies with it: what it was given at once, and mostly that
  // is a line.
  const gaps = numbers.filter((number, at) => at > 0 && number !== (numbers[at - 1] ?? 0) + 1)
  expect(gaps.length).toBeLessThanOrEqual(5)
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
})

test('a log mover that is killed while no supervisor lives is replaced as well', async () => {
  await upAndKill({ one: sh(COUNTER) })
  const { mover } = helpers()
  process.kill(mover.pid, 'SIGKILL')
  await gone(mover.pid)
  await world.start()
  await world.line('one', /^100$/)
  expect(helpers().mover.pid).not.toBe(mover.pid)
  expect(await world.observe('one')).toMatchObject({ attempt: 1, state: 'running' })
})

test('what a container wrote last is in its log, although the mover died after it', async () => {
  const script = "head -c 30000 /dev/zero | tr '\\0' x; echo; echo last"
  await world.up({ one: sh(`echo up; while [ ! -e /tmp/go ]; do sleep 0.01; done; ${script}`) })
  await world.line('one', /up/)
  const { pid } = helpers().mover
  process.kill(pid, 'SIGSTOP')
  const exited = world.when('one', ({ exitCode }) => exitCode === 0)
  await world.exec('one', 'touch /tmp/go')
  await exited
  process.kill(pid, 'SIGKILL')
  await world.exited('one')
  expect((await world.log('one')).toString()).toMatch(/^up\nx{30000}\nlast\n$/)
})

test('a start that comes before the last attempt is cleaned up waits until it is', async () => {
  const service = { ...sh('echo up; exec sleep 1000'), ...attached('tst_net') }
  const again = (): Promise<void> => world.up({ one: service }, { networks: [{ name: 'tst_net' }] })
  await again()
  await world.line('one', /up/)
  const { mover } = helpers()
  const { pid = 0 } = await world.observe('one')
  // Its end is known, but its log is not written to the end.
  process.kill(mover.pid, 'SIGSTOP')
  const exited = world.when('one', ({ state }) => state === 'exited')
  process.kill(pid, 'SIGKILL')
  await exited
  const started = again()
  // A start that does not wait is through by then, and what it made has the names that go now.
  await Promise.race([started, sleep(1000)])
  process.kill(mover.pid, 'SIGCONT')
  await started
  const one = await world.observe('one')
  expect(one).toMatchObject({ state: 'running', attempt: 2 })
  expect((await world.exec('one', 'ip addr show eth0 && nslookup one')).exitCode).toBe(0)
})

test('a container that has executed a setuid program does not outlive its monitor', async () => {
  // Such an exec clears PR_SET_PDEATHSIG (prctl(2)).
  const directory = join(world.root, 'rootfs/setuid')
  mkdirSync(directory)
  copyFileSync('/bin/busybox', join(directory, 'sleep'))
  chmodSync(join(directory, 'sleep'), 0o4755)
  await world.up({ one: { command: ['/setuid/sleep', '1000'], user: 'jane' } })
  const { pid = 0 } = await world.observe('one')
  process.kill(helpers().monitor.pid, 'SIGKILL')
  expect(await world.exited('one')).toMatchObject({ exitCode: 137 })
  await gone(pid)
  rmSync(directory, { recursive: true })
})

test('an engine that is closed and another in the same process adopt as well', async () => {
  await world.up({ one: { command: ['sleep', '1000'] } })
  const { pid } = await world.observe('one')
  for (let round = 0; round < 10; round += 1) await world.restart()
  expect(await world.observe('one')).toMatchObject({ state: 'running', attempt: 1, pid })
})

async function stackRecorded(state: string): Promise<void> {
  while (!existsSync(join(state, 'stacks/tst/stack.json'))) await sleep(2)
}
