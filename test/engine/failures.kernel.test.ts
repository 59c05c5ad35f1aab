/** Starts that fail: what the user is told, and that nothing of them is left. */
import { once } from 'node:events'
import { closeSync, openSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { OutcomeError } from '../../src/engine/index.ts'
import { descriptors, noMoreThan } from './descriptors.ts'
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

/** Applies one service that cannot start; nothing of the try may be left but its record. */
async function refusal(service: Service, resources: Resources = {}): Promise<OutcomeError> {
  const outcomes = await world.apply({ one: service }, resources)
  const last = outcomes.at(-1)
  if (last?.kind !== 'failed') throw new Error(`It was not refused: ${JSON.stringify(last)}`)
  expect(readdirSync(join(world.root, 'run/containers'))).toEqual([])
  return last.error
}

test('a missing program is 127, in the words that people look for', async () => {
  expect(await refusal({ command: ['foo'] })).toMatchObject({
    code: 'EXEC_NOT_FOUND',
    message: 'exec: "foo": executable file not found in $PATH',
    hint: expect.any(String),
  })
  expect(await world.observe('one')).toMatchObject({
    state: 'exited',
    exitCode: 127,
    attempt: 1,
    failure: 'exec: "foo": executable file not found in $PATH',
  })
})

test('a file that is no program is 126', async () => {
  expect(await refusal({ command: ['/bin/plain'] })).toMatchObject({
    code: 'EXEC_NOT_EXECUTABLE',
    message: 'exec: "/bin/plain": permission denied',
  })
  expect(await world.observe('one')).toMatchObject({ exitCode: 126 })
})

test('a script whose interpreter is missing is 127, as the kernel says it', async () => {
  expect(await refusal({ command: ['orphan', 'x'] })).toMatchObject({
    code: 'EXEC_NOT_FOUND',
    message: 'exec: "orphan": no such file or directory',
  })
  expect(await world.observe('one')).toMatchObject({ exitCode: 127 })
})

test('a failed start is no completion, and is tried again by the next up', async () => {
  await world.up({ one: sh('exit 0') })
  await world.exited('one')
  await refusal({ command: ['foo'] })
  await world.up({ one: sh('exit 0') })
  const one = await world.exited('one')
  expect(one).toMatchObject({ exitCode: 0, state: 'exited' })
  expect(one.failure).toBeUndefined()
})

test('a restart policy does not repeat what can never start', async () => {
  await refusal({ command: ['foo'], restart: { condition: 'always' } })
  expect(await world.observe('one')).toMatchObject({ state: 'exited', attempt: 1 })
})

test('a missing image is named', async () => {
  const error = await refusal({ image: 'dir:/no/such/rootfs', command: ['true'] })
  expect(error).toMatchObject({
    code: 'IMAGE',
    message: 'Cannot use image "dir:/no/such/rootfs": the directory does not exist',
  })
})

test('a failing operation of the child is named with its errno', async () => {
  expect(await refusal({ command: ['true'], sysctls: { 'net.core.none': '1' } })).toMatchObject({
    code: 'LAUNCH',
    message:
      'Cannot start "tst-one-1": open("/proc/sys/net/core/none") failed: ' +
      'ENOENT (No such file or directory)',
  })
  const value = { sysctls: { 'net.ipv4.ip_default_ttl': 'many' } }
  expect((await refusal({ command: ['true'], ...value })).message).toMatch(
    /write\("\/proc\/sys\/net\/ipv4\/ip_default_ttl", "many"\) failed: EINVAL/,
  )
})

test('a mount at /dev without devices is named as the cause', async () => {
  const dev = { kind: 'tmpfs', target: '/dev', options: [] } as const
  const { code, message, hint } = await refusal({ command: ['true'], mounts: [dev] })
  expect([code, message]).toEqual(['LAUNCH', expect.stringContaining('"/dev/null"')])
  expect(hint).toContain('what the stack mounts at /dev')
})

test('an environment that is too large is named with its errno', async () => {
  const environment = { BIG: 'x'.repeat(200_000) }
  const { code, message } = await refusal({ command: ['true'], environment })
  expect(code).toBe('EXEC_NOT_EXECUTABLE')
  expect(message).toMatch(/^exec: "true": .*E2BIG/)
})

test('a stop signal that nobody knows is refused before the start', async () => {
  const { message } = await refusal({ command: ['sleep', '1000'], stopSignal: 'SIGNOPE' })
  expect(message).toBe('Cannot send signal "SIGNOPE": there is none of that name')
})

test('a network that is not there is named', async () => {
  expect(await refusal({ command: ['true'], ...attached('absent') })).toMatchObject({
    code: 'ACTION_FAILED',
    message: 'Cannot connect "tst-one-1" to network "absent": it does not exist',
  })
})

test('a published port that is taken is found out before anything is done', async () => {
  const server = createServer().listen(18_081, '0.0.0.0')
  await once(server, 'listening')
  try {
    const ports = [
      { target: 80, protocol: 'tcp', published: { first: 18_081, last: 18_081 } },
    ] as const
    const service: Service = { command: ['true'], ports, ...attached('tst_net') }
    const refused = world.apply({ one: service }, { networks: [{ name: 'tst_net' }] })
    await expect(refused).rejects.toMatchObject({ code: 'PORT_IN_USE' })
    await expect(refused).rejects.toThrow(`port 18081 of "one": it is used by node`)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
})

test('what depends on a failed start is skipped, and the rest goes on', async () => {
  const dependsOn = [
    { service: 'bad', condition: 'service_started', required: true, restart: false },
  ] as const
  const outcomes = await world.apply({
    bad: { command: ['foo'] },
    after: { command: ['true'], dependsOn },
    other: { command: ['sleep', '1000'] },
  })
  const kinds = Object.fromEntries(outcomes.map(({ kind, action }) => [action.id, kind]))
  expect(kinds).toMatchObject({
    'start-container:tst-bad-1': 'failed',
    'start-container:tst-after-1': 'skipped',
    'start-container:tst-other-1': 'done',
  })
})

test('cancelled before it begins, nothing is done', async () => {
  const desired = desiredStack(world.image, { one: { command: ['sleep', '1000'] } })
  const options = { signal: AbortSignal.abort() }
  const { outcomes } = await world.engine.apply('tst', desired, options)
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['skipped']))
})

async function fail(): Promise<void> {
  await refusal({ command: ['foo'] })
  await refusal({ command: ['orphan'] })
  await refusal({ command: ['true'], sysctls: { 'net.core.none': '1' } })
}

test('100 failing starts in a row leave no descriptor behind', async () => {
  await fail()
  const before = descriptors()
  for (let round = 0; round < 33; round += 1) await fail()
  await noMoreThan(before)
})

async function launch(round: number): Promise<void> {
  await world.up({ one: { command: ['true'], environment: { ROUND: String(round) } } })
  expect((await world.exited('one')).exitCode).toBe(0)
}

test('300 launches in a row all end well and leave nothing', async () => {
  // What is opened once for all containers is.
  await launch(0)
  const before = descriptors()
  for (let round = 1; round <= 300; round += 1) await launch(round)
  await noMoreThan(before)
})

test('descriptors that the supervisor inherited do not get inside', async () => {
  const inherited = [openSync('/etc/passwd', 'r'), openSync('/', 'r')]
  try {
    const service = { command: ['/bin/sh', '-c', 'ls /proc/1/fd; ls /proc/self/fd'] }
    const child = await world.superviseElsewhere({ one: service }, { inherited })
    child.kill('SIGKILL')
    await once(child, 'exit')
  } finally {
    for (const fd of inherited) closeSync(fd)
    await world.start()
  }
  const lines = (await world.log('one')).toString().trim().split('\n')
  // pid 1 is the shell or, as its last command, ls, which opens the directory as number 3.
  expect(lines).toEqual(['0', '1', '2', '0', '1', '2', '3'])
})
