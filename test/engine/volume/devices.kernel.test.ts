/** Volumes with driver_opts, volumes that several stacks have, and volumes by name. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { MountSpec, VolumeSpec } from '../../../src/planner/index.ts'
import { desiredStack, sh, STACK, World, type Service } from '../support.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterEach(async () => {
  await world.engine.apply('other', undefined, { volumes: true })
  await world.down()
  expect(await world.leaks()).toBe('')
})
afterAll(() => world.close())

const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

const data: MountSpec = {
  kind: 'volume',
  volume: 'vol',
  anonymous: false,
  target: '/data',
  readOnly: false,
  nocopy: false,
}

const spec = (driverOptions: Readonly<Record<string, string>> = {}): VolumeSpec => ({
  key: 'vol',
  name: 'vol',
  external: false,
  driver: 'local',
  driverOptions,
  labels: {},
})

const stackWith = (services: Readonly<Record<string, Service>>, volume: VolumeSpec) => ({
  ...desiredStack(world.image, services),
  volumes: [volume],
})

async function up(services: Readonly<Record<string, Service>>, volume: VolumeSpec) {
  const { outcomes } = await world.engine.apply(STACK, stackWith(services, volume), {})
  return outcomes
}

test('a tmpfs volume is one memory for all containers, for as long as one has it', async () => {
  const volume = spec({ type: 'tmpfs', device: 'tmpfs', o: 'size=2m,mode=750,nosuid,noexec' })
  const one = { ...sh(`echo first > /data/file; ${WAIT}`), mounts: [data] }
  const two = { ...sh(WAIT), mounts: [data] }
  expect((await up({ one }, volume)).every(({ kind }) => kind === 'done')).toBe(true)
  await world.line('one', /up/)
  await world.restart()
  expect((await up({ one, two }, volume)).every(({ kind }) => kind === 'done')).toBe(true)
  const script = `cat /data/file; stat -f -c %T /data; stat -c %a /data
    df -k /data | tail -1 | tr -s ' ' | cut -d' ' -f2
    grep ' /data ' /proc/self/mountinfo | cut -d' ' -f6`
  expect((await world.exec('two', script)).stdout.split('\n')).toEqual([
    'first',
    'tmpfs',
    '750',
    '2048',
    'rw,nosuid,noexec,relatime',
    '',
  ])
  expect((await world.exec('two', 'echo second > /data/file')).exitCode).toBe(0)
  expect((await world.exec('one', 'cat /data/file')).stdout).toBe('second\n')
  const found = execFileSync('sh', ['-c', `grep -c ${world.root} /proc/self/mountinfo || true`])
  expect(found.toString().trim()).toBe('0')
})

test('a bind volume is the directory that it names, and one that is missing is refused', async () => {
  const path = join(world.root, 'bound')
  const volume = spec({ type: 'none', o: 'bind', device: path })
  const one = { ...sh('echo written > /data/file'), mounts: [data] }
  expect((await up({ one }, volume)).at(-1)).toMatchObject({
    kind: 'failed',
    error: {
      code: 'MOUNT_SOURCE',
      message: `Cannot mount volume "vol": its device "${path}" does not exist`,
    },
  })
  mkdirSync(path)
  expect((await up({ one }, volume)).at(-1)?.kind).toBe('done')
  await world.exited('one')
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('written\n')
  await world.down()
  expect(existsSync(join(path, 'file'))).toBe(true)
})

test('what mount(8) would refuse is refused in the kernel’s words', async () => {
  const one = { ...sh('true'), mounts: [data] }
  const wrong = spec({ type: 'nosuchfs', device: 'x', o: 'a=b' })
  expect((await up({ one }, wrong)).at(-1)).toMatchObject({
    kind: 'failed',
    error: { message: expect.stringMatching(/^Cannot mount volume "vol": fsopen\("nosuchfs"\)/) },
  })
  await world.down()
  const unknown = spec({ size: '1g' })
  await expect(up({ one }, unknown)).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    message: expect.stringContaining('no option "size"') as unknown,
  })
})

test('a volume of one name in two stacks is one volume, and goes with the last of them', async () => {
  const one = { ...sh(`echo kept > /data/file; ${WAIT}`), mounts: [data] }
  await up({ one }, spec())
  await world.line('one', /up/)
  const mine = stackWith({ two: { ...sh(WAIT), mounts: [data] } }, spec())
  const other = {
    ...mine,
    stack: 'other',
    containers: mine.containers.map((each) => ({ ...each, name: 'other-two-1' })),
  }
  await world.engine.apply('other', other, {})
  expect((await world.engine.plan('other', other, {})).actions).toEqual([])
  expect(await world.engine.volumes()).toMatchObject([
    { stacks: [STACK, 'other'], containers: ['other-two-1', 'tst-one-1'] },
  ])
  await world.down()
  expect(await world.engine.volumes()).toMatchObject([{ stacks: ['other'] }])
  expect((await world.engine.plan('other', other, {})).actions).toEqual([])
  const path = join(world.root, 'state/volumes/vol/data/file')
  expect(readFileSync(path, 'utf8')).toBe('kept\n')
  await world.engine.apply('other', undefined, { volumes: true })
  expect(existsSync(path)).toBe(false)
})

test('volumes are made, used as external, kept while they are mounted, and removed by name', async () => {
  const { engine } = world
  const external = { ...spec(), external: true }
  const one = { ...sh('echo x > /data/file'), mounts: [data] }
  await expect(up({ one }, external)).rejects.toThrow(
    'Cannot use volume "vol": it is declared external, and does not exist',
  )
  expect(await engine.volume({ do: 'create', spec: { ...spec(), labels: { a: 'b' } } })).toEqual([
    'vol',
  ])
  await expect(engine.volume({ do: 'create', spec: spec() })).rejects.toThrow(/there is one/)
  expect((await up({ one }, external)).at(-1)?.kind).toBe('done')
  await world.exited('one')
  await expect(engine.volume({ do: 'remove', volumes: ['vol'] })).rejects.toThrow(
    'Cannot remove volume "vol": "tst-one-1" mounts it',
  )
  expect(await engine.volume({ do: 'prune', all: true })).toEqual([])
  await world.down()
  expect(await engine.volumes()).toMatchObject([{ stacks: [], spec: { labels: { a: 'b' } } }])
  expect(await engine.volume({ do: 'prune', all: false })).toEqual([])
  await expect(engine.volume({ do: 'remove', volumes: ['none'] })).rejects.toThrow(/there is none/)
  expect(await engine.volume({ do: 'remove', volumes: ['vol'] })).toEqual(['vol'])
  expect(await engine.volumes()).toEqual([])
})

test('bind.recursive decides about what is mounted below', async () => {
  const source = join(world.root, 'tree')
  mkdirSync(join(source, 'below'), { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', 'none', join(source, 'below')])
  try {
    writeFileSync(join(source, 'below/file'), '')
    const bind = {
      kind: 'bind',
      source,
      target: '/t',
      readOnly: true,
      createHostPath: false,
    } as const
    const script = 'ls /t/below; touch /t/below/x 2>/dev/null && echo wrote; touch /t/y 2>&1'
    const look = async (mount: MountSpec) =>
      (await world.run({ ...sh(script), mounts: [mount] })).output
    expect(await look(bind)).toMatch(/^file\ntouch: \/t\/y: Read-only/)
    expect(await look({ ...bind, recursive: 'disabled' })).toMatch(/^touch: \/t\/y: Read-only/)
    expect(await look({ ...bind, recursive: 'writable' })).toMatch(
      /^file\nwrote\ntouch: \/t\/y: Read-only/,
    )
  } finally {
    execFileSync('umount', [join(source, 'below')])
  }
})
