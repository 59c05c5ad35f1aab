/** Secrets and configs: where they are found, and where they are not. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { FileMountSpec } from '../../src/planner/index.ts'
import { desiredStack, sh, STACK, World, type Service } from './support.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
  // The key of the hashes stays with the state root.
  await world.up({ one: { ...sh('true'), mounts: [secret('first', { path: '/etc/hostname' })] } })
  await world.down()
})
afterEach(async () => {
  await world.down()
})
afterAll(() => world.close())

test('a secret below a file is refused, whether the image or the stack has that file', async () => {
  const cases = [
    ['/bin/sh', 'the image has a file above it'],
    ['/s/one', '"/s/one" above it is a file'],
  ] as const
  for (const [above, why] of cases) {
    const one = secret('one', { path: '/etc/hostname' }, { target: '/s/one' })
    const two = secret('two', { path: '/etc/hostname' }, { target: `${above}/two` })
    const outcomes = await world.apply({ one: { ...sh('true'), mounts: [one, two] } })
    const message = `Cannot mount at "${above}/two" of "tst-one-1": ${why}`
    expect(outcomes.at(-1)).toMatchObject({ error: { code: 'LAUNCH', message } })
  }
})

const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

/** Occurs nowhere but in the secret. */
const SECRET = `correct-horse-${process.pid}-battery`

function secret(
  name: string,
  from: { readonly path: string } | 'value' | { readonly external: string },
  change: Partial<FileMountSpec> = {},
): FileMountSpec {
  const origin =
    from === 'value'
      ? ({ kind: 'value' } as const)
      : 'path' in from
        ? ({ kind: 'file', path: from.path } as const)
        : ({ kind: 'external', name: from.external } as const)
  const root = { uid: 0, gid: 0, mode: 0o444 }
  return {
    kind: 'file',
    object: 'secret',
    name,
    target: `/run/secrets/${name}`,
    from: origin,
    ...root,
    ...change,
  }
}

async function apply(service: Service, values: Readonly<Record<string, string>>) {
  const desired = { ...desiredStack(world.image, { one: service }), values }
  const { outcomes } = await world.engine.apply(STACK, desired, {})
  return outcomes.map(({ kind, action }) => `${kind} ${action.kind}`)
}

test('secrets of every origin are there, with exactly the owner and mode that is asked for', async () => {
  const file = join(world.root, 'secret.txt')
  writeFileSync(file, 'from a file')
  mkdirSync(join(world.root, 'state/external'), { recursive: true })
  writeFileSync(join(world.root, 'state/external/shared'), 'from outside')
  const mounts = [
    secret('a', { path: file }, { uid: 1000, gid: 29, mode: 0o400 }),
    secret('b', 'value', { mode: 0o4750 }),
    secret('c', { external: 'shared' }, { target: '/etc/deep/er/c', object: 'config' }),
    secret('d', 'value', { target: '/empty' }),
  ]
  const script = `cd /run/secrets; stat -c '%n %a %u:%g %s' a b /etc/deep/er/c /empty
    cat a b /etc/deep/er/c
    echo; touch a; rm b; grep -c ' / /run/secrets\\| /run/secrets/' /proc/self/mountinfo
    grep /run/secrets/a /proc/self/mountinfo | sed 's/.* - //' | cut -d' ' -f1
    grep /run/secrets/a /proc/self/mountinfo | cut -d' ' -f6`
  await apply({ ...sh(`exec 2>&1; ${script}`), mounts }, { 'secret:b': SECRET, 'secret:d': '' })
  await world.exited('one')
  const lines = (await world.log('one')).toString().split('\n')
  expect(lines).toEqual([
    'a 400 1000:29 11',
    `b 4750 0:0 ${SECRET.length}`,
    '/etc/deep/er/c 444 0:0 12',
    '/empty 444 0:0 0',
    `from a file${SECRET}from outside`,
    'touch: a: Read-only file system',
    expect.stringMatching(/^rm: .*busy$/),
    '2',
    'tmpfs',
    'ro,nosuid,nodev,noexec,relatime',
    '',
  ])
})

test('a secret is in no record, log, event, plan, command line or environment', async () => {
  const mounts = [secret('b', 'value')]
  const desired = {
    ...desiredStack(world.image, { one: { ...sh(WAIT), mounts } }),
    values: { 'secret:b': SECRET },
  }
  const plan = await world.engine.plan(STACK, desired, {})
  const { outcomes, observed } = await world.engine.apply(STACK, desired, {})
  await world.line('one', /up/)
  expect(JSON.stringify([plan, outcomes, observed, world.events])).not.toContain(SECRET)
  const found = execFileSync('sh', ['-c', `grep -rl ${SECRET} ${world.root} || true`])
  expect(found.toString()).toBe('')
  // Of the whole machine, which may have many and much in them.
  const processes = execFileSync(
    'sh',
    ['-c', 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"'],
    { maxBuffer: 1 << 28 },
  )
  expect(processes.toString()).not.toContain(SECRET)
})

test('a change of the content alone replaces the container, and none changes nothing', async () => {
  const file = join(world.root, 'config.txt')
  writeFileSync(file, 'old')
  const one = { ...sh(WAIT), mounts: [secret('f', { path: file }), secret('v', 'value')] }
  await apply(one, { 'secret:v': 'x' })
  expect(await apply(one, { 'secret:v': 'x' })).toEqual([])
  writeFileSync(file, 'new')
  expect(await apply(one, { 'secret:v': 'x' })).toContain('done create-container')
  expect((await world.exec('one', 'cat /run/secrets/f')).stdout).toBe('new')
  expect(await apply(one, { 'secret:v': 'y' })).toContain('done create-container')
  expect((await world.exec('one', 'cat /run/secrets/v')).stdout).toBe('y')
})

test('a value outlives the supervisor as long as a container runs with it', async () => {
  const restart = { condition: 'always' } as const
  const one = { ...sh(WAIT), mounts: [secret('v', 'value')], restart }
  await apply(one, { 'secret:v': SECRET })
  await world.line('one', /up/)
  await world.restart()
  const { attempt } = await world.observe('one')
  await world.engine.kill(`${STACK}-one-1`, 'SIGKILL')
  await world.when('one', (now) => now.state === 'running' && now.attempt > attempt)
  expect((await world.exec('one', 'cat /run/secrets/v')).stdout).toBe(SECRET)
})

test('a secret without a value says what is needed', async () => {
  const mounts = [secret('v', 'value', { name: 'never' })]
  const outcomes = await world.apply({ one: { ...sh('true'), mounts } })
  expect(outcomes.at(-1)).toMatchObject({
    kind: 'failed',
    error: {
      code: 'MOUNT_SOURCE',
      message: 'Cannot start "tst-one-1": the secret "never" is not known',
    },
  })
})

test('files of secrets that are missing are all named, and nothing is touched', async () => {
  await world.up({ one: sh(WAIT) })
  const { pid } = await world.observe('one')
  const mounts = [secret('f', { path: '/no/such' }), secret('e', { external: '../x' })]
  await expect(world.apply({ one: { ...sh(WAIT), mounts } })).rejects.toMatchObject({
    code: 'MOUNT_SOURCE',
    message: expect.stringMatching(
      /^Cannot read the secret "f" of "tst-one-1": there is no "\/no\/such"\nCannot read the secret "e"/,
    ) as unknown,
  })
  expect(await world.observe('one')).toMatchObject({ state: 'running', pid, attempt: 1 })
})
