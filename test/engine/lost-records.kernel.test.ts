/** Records that are damaged, lost or of another version: containers run on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { childrenOf, COUNTER, gone, helpersOf, upAndKill as leave } from './left-behind.ts'
import { attached, type Resources, type Service, sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const upAndKill = (
  services: Readonly<Record<string, Service>>,
  resources: Resources = {},
): Promise<void> => leave(world, services, resources)

const helpers = (): ReturnType<typeof helpersOf> => helpersOf(world)

const DAMAGE = [
  ['truncated', '{"half":'],
  ['empty', ''],
  ['zeroed', '\0'.repeat(600)],
  ['of the future', '{"version":999,"what":"ever"}'],
  ['something else', '[1,2,3]'],
] as const

test.each(DAMAGE)(
  'a container whose record is %s runs on by what the stack says',
  async (_, text) => {
    await upAndKill({ one: sh(COUNTER) })
    const [pid] = childrenOf(helpers().monitor.pid)
    const record = join(world.root, 'state/stacks/tst/containers/tst-one-1/container.json')
    writeFileSync(record, text)
    await world.start()
    expect(readFileSync(`${record}.broken`, 'utf8')).toBe(text)
    expect(await world.observe('one')).toMatchObject({ state: 'running', attempt: 1, pid })
    await world.up({ one: sh(COUNTER) })
    expect((await world.observe('one')).pid).toBe(pid)
  },
)

test.each(DAMAGE)(
  'a container whose attempt is %s runs on by what the kernel says',
  async (_, text) => {
    const service = { ...sh(COUNTER), ...attached('tst_net') }
    const resources = { networks: [{ name: 'tst_net' }] }
    await upAndKill({ one: service }, resources)
    const [pid] = childrenOf(helpers().monitor.pid)
    const record = join(world.root, 'run/containers/tst-one-1/attempt.json')
    writeFileSync(record, text)
    await world.start()
    expect(readFileSync(`${record}.broken`, 'utf8')).toBe(text)
    const one = await world.observe('one')
    expect(one).toMatchObject({ state: 'running', attempt: 1, pid })
    expect(one.addresses).toMatchObject([
      { network: 'tst_net', ipv4: expect.stringMatching(/^10\./) },
    ])
    expect((await world.exec('one', 'nslookup one')).stdout).toContain(one.addresses[0]?.ipv4)
    await world.up({ one: service }, resources)
    expect((await world.observe('one')).pid).toBe(pid)
  },
)

test('a stack whose own record is broken runs on, and is as the next up says', async () => {
  await upAndKill({ one: sh(COUNTER) })
  const [pid] = childrenOf(helpers().monitor.pid)
  const record = join(world.root, 'state/stacks/tst/stack.json')
  writeFileSync(record, '{"half":')
  await world.start()
  expect(await world.observe('one')).toMatchObject({ state: 'running', pid })
  await world.up({ one: sh(COUNTER) })
  expect((await world.observe('one')).pid).toBe(pid)
})

test('a stack of a newer tsstack is refused by name, and none of it is touched', async () => {
  await upAndKill({ one: sh(COUNTER) })
  const [pid] = childrenOf(helpers().monitor.pid)
  const record = join(world.root, 'state/stacks/tst/stack.json')
  const text = readFileSync(record, 'utf8')
  writeFileSync(record, text.replace('"version":1', '"version":2'))
  await expect(world.start()).rejects.toThrow(
    /stack\.json": it has version 2, this tsstack knows 1/,
  )
  expect(childrenOf(helpers().monitor.pid)[0]).toBe(pid)
  writeFileSync(record, text)
  await world.start()
  expect(await world.observe('one')).toMatchObject({ state: 'running', pid })
})

test('a container of an older tsstack is not replaced for what that one did not know', async () => {
  await world.up({ one: { ...sh(COUNTER), labels: { a: '1' } } })
  const { pid } = await world.observe('one')
  await world.engine.close()
  const file = join(world.root, 'state/stacks/tst/containers/tst-one-1/container.json')
  const record = JSON.parse(readFileSync(file, 'utf8')) as { spec: { labels?: unknown } }
  delete record.spec.labels
  writeFileSync(file, JSON.stringify({ ...record, specVersion: 0 }))
  await world.start()
  await world.up({ one: { ...sh(COUNTER), labels: { a: '1' } } })
  expect(await world.observe('one')).toMatchObject({ pid, specVersion: 1 })
  await world.up({ one: { ...sh(COUNTER), environment: { A: '2' }, labels: { a: '1' } } })
  expect((await world.observe('one')).pid).not.toBe(pid)
})

test('a pid that somebody else has by now is nobody to be signalled', async () => {
  await upAndKill({ one: sh('exec sleep 1000') })
  const { monitor } = helpers()
  const [pid = 0] = childrenOf(monitor.pid)
  const bystander = spawn('sleep', ['1000'])
  const file = join(world.root, 'run/containers/tst-one-1/attempt.json')
  const record = JSON.parse(readFileSync(file, 'utf8')) as object
  process.kill(monitor.pid, 'SIGKILL')
  await gone(pid)
  const status = join(world.root, 'run/containers/tst-one-1/status')
  const bytes = readFileSync(status)
  bytes.writeBigInt64LE(BigInt(bystander.pid ?? 0), 8)
  writeFileSync(status, bytes)
  // The pids are taken; the start time is not.
  writeFileSync(file, JSON.stringify({ ...record, monitor: { pid: bystander.pid, startTime: 1 } }))
  await world.start()
  expect(await world.observe('one')).toMatchObject({ state: 'exited', exitCode: 137 })
  await world.down()
  expect(bystander.exitCode).toBeNull()
  expect(bystander.signalCode).toBeNull()
  bystander.kill('SIGKILL')
  await once(bystander, 'exit')
})
