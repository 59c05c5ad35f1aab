/** Binds, volumes and tmpfs of a container, and what may not be mounted. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PreflightError } from '../../src/errors.ts'
import type { MountSpec } from '../../src/planner/index.ts'
import { probeIn } from './probe.ts'
import { sh, useWorld, type World, type Service } from './support.ts'

let world: World
let host: string
useWorld((opened) => {
  world = opened
  host = join(world.root, 'host')
  mkdirSync(join(host, 'tree/below'), { recursive: true })
  writeFileSync(join(host, 'tree/file'), 'from the host\n')
})

const probe = (script: string, service?: Service): Promise<readonly string[]> =>
  probeIn(world, script, service)

const bind = (source: string, change: Partial<Extract<MountSpec, { kind: 'bind' }>> = {}) =>
  ({
    kind: 'bind',
    source,
    target: '/mnt/it',
    readOnly: false,
    createHostPath: true,
    ...change,
  }) as const

const volume = (name: string, change: Partial<Extract<MountSpec, { kind: 'volume' }>> = {}) =>
  ({
    kind: 'volume',
    volume: name,
    anonymous: false,
    target: '/data',
    readOnly: false,
    nocopy: false,
    ...change,
  }) as const

/** Applies one service with `mounts`, which are refused, if not before the start; the error. */
async function refusal(
  ...mounts: readonly MountSpec[]
): Promise<{ code: string; message: string }> {
  const applied = world.apply({ one: { command: ['true'], mounts } })
  const outcomes = await applied.catch((error: unknown) => {
    if (error instanceof PreflightError) return error
    throw error
  })
  if (outcomes instanceof PreflightError) return outcomes
  const last = outcomes.at(-1)
  if (last?.kind !== 'failed') throw new Error(`It was not refused: ${JSON.stringify(last)}`)
  return last.error
}

test('a bind shows a directory of the host, which is written through', async () => {
  const mounts = [bind(join(host, 'tree'))]
  expect(await probe('cat /mnt/it/file; echo new > /mnt/it/new', { mounts })).toEqual([
    'from the host',
  ])
  expect(readFileSync(join(host, 'tree/new'), 'utf8')).toBe('new\n')
})

test('a file is bound as a file', async () => {
  const mounts = [bind(join(host, 'tree/file'), { target: '/etc/some.conf', readOnly: true })]
  const lines = await probe('cat /etc/some.conf; echo > /etc/some.conf', { mounts })
  expect(lines[0]).toBe('from the host')
  expect(lines[1]).toMatch(/Read-only file system/)
})

test('a read-only bind is read-only in what is mounted below it as well', async () => {
  const below = join(host, 'tree/below')
  execFileSync('mount', ['-t', 'tmpfs', 'none', below])
  try {
    const mounts = [bind(join(host, 'tree'), { readOnly: true })]
    const script = 'touch /mnt/it/x; touch /mnt/it/below/x; stat -f -c %T /mnt/it/below'
    const lines = await probe(script, { mounts })
    expect(lines.map((line) => line.replace(/^.*: /, ''))).toEqual([
      'Read-only file system',
      'Read-only file system',
      'tmpfs',
    ])
  } finally {
    execFileSync('umount', [below])
  }
})

test('what the host mounts below a bind later on does not appear inside', async () => {
  const shared = join(host, 'shared')
  mkdirSync(join(shared, 'later'), { recursive: true })
  execFileSync('mount', ['--bind', shared, shared])
  execFileSync('mount', ['--make-shared', shared])
  try {
    await world.up({ one: { command: ['sleep', '1000'], mounts: [bind(shared)] } })
    execFileSync('mount', ['-t', 'tmpfs', 'none', join(shared, 'later')])
    try {
      const { stdout } = await world.exec('one', 'grep /mnt/it /proc/self/mountinfo')
      expect(stdout.trim().split('\n')).toHaveLength(1)
      expect(stdout).not.toMatch(/shared:|master:/)
    } finally {
      execFileSync('umount', [join(shared, 'later')])
    }
    await world.down()
  } finally {
    execFileSync('umount', [shared])
  }
})

test('createHostPath makes a missing source, and without it the start is refused', async () => {
  const missing = join(host, 'missing/deep')
  expect(await refusal(bind(missing, { createHostPath: false }))).toMatchObject({
    code: 'MOUNT_SOURCE',
    message: `Cannot mount "${missing}" at "/mnt/it" of "tst-one-1": it does not exist`,
  })
  expect(existsSync(missing)).toBe(false)
  await probe('true', { mounts: [bind(missing)] })
  expect(statSync(missing).isDirectory()).toBe(true)
})

test('a socket that is not there is refused, and no directory takes its place', async () => {
  const missing = join(host, 'engine/docker.sock')
  expect(await refusal(bind(missing))).toMatchObject({
    code: 'MOUNT_SOURCE',
    message: `Cannot mount "${missing}" at "/mnt/it" of "tst-one-1": there is no such socket`,
  })
  expect(existsSync(missing)).toBe(false)
})

test('tsstack’s own directories are refused, also through a link', async () => {
  const link = join(host, 'link')
  symlinkSync(join(world.root, 'state'), link)
  for (const source of [join(world.root, 'state'), join(world.root, 'run/containers'), link]) {
    const { code, message } = await refusal(bind(source))
    expect(code).toBe('MOUNT_SOURCE')
    expect(message).toMatch(/belongs to tsstack itself/)
  }
})

test.for(['/', '/proc', '/proc/sys', '/proc/', '//proc/self', '/x/../proc', '/to-proc/sys'])(
  'nothing is mounted at "%s"',
  async (target) => {
    // The image has a directory of that name, which procfs will cover.
    mkdirSync(join(world.root, 'rootfs/proc'), { recursive: true })
    const link = join(world.root, 'rootfs/to-proc')
    if (!existsSync(link)) symlinkSync('proc', link)
    const { code, message } = await refusal(bind(join(host, 'tree'), { target }))
    expect(code).toBe('LAUNCH')
    expect(message).toMatch(/nothing may be mounted there$/)
  },
)

test('what is in the way of a target is named: a file, a file above it, a directory', async () => {
  const [tree, file] = [join(host, 'tree'), join(host, 'tree/file')]
  writeFileSync(join(world.root, 'rootfs/a-file'), '')
  mkdirSync(join(world.root, 'rootfs/a-directory'), { recursive: true })
  const below = bind(join(host, 'below'), { target: '/m' })
  mkdirSync(join(host, 'below/directory'), { recursive: true })
  writeFileSync(join(host, 'below/file'), '')
  symlinkSync('nowhere', join(host, 'below/link'))
  const cases = [
    [[bind(tree, { target: '/a-file' })], 'the image has a file there, and a directory is mounted'],
    [[bind(tree, { target: '/a-file/x' })], 'the image has a file above it'],
    [[bind(file, { target: '/a-file/x/y' })], 'the image has a file above it'],
    [[bind(file, { target: '/a-directory' })], 'the image has a directory there, and a file is'],
    [
      [bind(file, { target: '/f' }), bind(tree, { target: '/f/x' })],
      'Cannot mount at "/f/x" of "tst-one-1": "/f" above it is a file',
    ],
    [[below, bind(tree, { target: '/m/file' })], 'what is mounted at "/m" has a file there, and'],
    [[below, bind(tree, { target: '/m/file/x' })], 'what is mounted at "/m" has a file above it'],
    [[below, bind(file, { target: '/m/file/x' })], 'what is mounted at "/m" has a file above it'],
    [[below, bind(file, { target: '/m/directory' })], 'at "/m" has a directory there, and a file'],
    [[below, bind(file, { target: '/m/link' })], 'what is mounted at "/m" has a link there that'],
  ] as const
  for (const [mounts, wanted] of cases) {
    const { code, message } = await refusal(...mounts)
    expect({ code, message }).toEqual({ code: 'LAUNCH', message: expect.stringContaining(wanted) })
  }
})

test('a bind on /dev is taken as it is: nothing is made in it', async () => {
  const own = join(host, 'dev')
  mkdirSync(own, { recursive: true })
  const outcomes = await world.apply({
    one: { command: ['true'], mounts: [bind(own, { target: '/dev' })] },
  })
  expect(outcomes.at(-1)?.kind).toBe('failed')
  expect(execFileSync('ls', ['-A', own], { encoding: 'utf8' })).toBe('')
})

test('a target behind a link of the image is where the link leads, inside', async () => {
  mkdirSync(join(world.root, 'rootfs', host), { recursive: true })
  symlinkSync(host, join(world.root, 'rootfs/to-host'))
  const mounts = [bind(join(host, 'tree'), { target: '/to-host/place' })]
  const lines = await probe(`cat ${host}/place/file; ls ${host}`, { mounts })
  expect(lines).toEqual(['from the host', 'place'])
  expect(existsSync(join(host, 'place'))).toBe(false)
})

test('mounts lie on one another in the order of their depth', async () => {
  const mounts: readonly MountSpec[] = [
    bind(join(host, 'tree/file'), { target: '/a/b/file' }),
    { kind: 'tmpfs', target: '/a/b', options: [] },
    { kind: 'tmpfs', target: '/a', options: [] },
  ]
  // Field 1 is a mount, field 2 the one it lies on.
  const lines = await probe("cat /a/b/file; grep ' /a' /proc/self/mountinfo | cut -d' ' -f1,2,5", {
    mounts,
  })
  expect(lines[0]).toBe('from the host')
  const mounted = lines.slice(1).map((line) => line.split(' '))
  const at = (target: string) => mounted.find(([, , place]) => place === target) ?? []
  expect(mounted).toHaveLength(3)
  expect(at('/a/b')[1]).toBe(at('/a')[0])
  expect(at('/a/b/file')[1]).toBe(at('/a/b')[0])
})

test('a tmpfs has its size, mode and options, and is nosuid, nodev and noexec', async () => {
  const mounts: readonly MountSpec[] = [
    { kind: 'tmpfs', target: '/t', sizeBytes: 1024 * 1024, mode: 0o750, options: ['uid=1000'] },
    { kind: 'tmpfs', target: '/x', options: ['exec'] },
  ]
  const lines = await probe(
    `stat -c '%a %u' /t; df -k /t | tail -1 | tr -s ' ' | cut -d' ' -f2
     grep -E ' /(t|x) ' /proc/self/mountinfo | cut -d' ' -f6
     stat -c %a /x; cp /bin/busybox /x/true && /x/true && echo ran`,
    { mounts },
  )
  expect(lines).toEqual([
    '750 1000',
    '1024',
    'rw,nosuid,nodev,noexec,relatime',
    'rw,nosuid,nodev,relatime',
    '1777',
    'ran',
  ])
})

test('a read-only tmpfs is read-only', async () => {
  const mounts: readonly MountSpec[] = [{ kind: 'tmpfs', target: '/t', options: ['ro'] }]
  const [line] = await probe('touch /t/x', { mounts })
  expect(line).toMatch(/Read-only file system/)
})

test('/dev/shm has the size that the stack says', async () => {
  const script = "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2"
  expect(await probe(script, {})).toEqual(['65536'])
  expect(await probe(script, { shmBytes: 3 * 1024 * 1024 })).toEqual(['3072'])
})

test('an empty volume gets what the image has at its place, with owners and modes', async () => {
  const data = join(world.root, 'rootfs/data')
  mkdirSync(join(data, 'inner'), { recursive: true })
  writeFileSync(join(data, 'inner/file'), 'from the image\n', { mode: 0o640 })
  execFileSync('chown', ['-R', '1000:1000', data])
  const mounts = [volume('tst_data')]
  const script = "cat /data/inner/file; stat -c '%a %u:%g' /data /data/inner/file"
  await world.up({ one: { ...sh(script), mounts } }, { volumes: ['tst_data'] })
  expect((await world.log('one')).toString().split('\n')).toEqual([
    'from the image',
    '755 1000:1000',
    '640 1000:1000',
    '',
  ])
})

test('nocopy leaves a new volume empty', async () => {
  const mounts = [volume('tst_data', { nocopy: true })]
  await world.up({ one: { ...sh('ls -A /data | wc -l'), mounts } }, { volumes: ['tst_data'] })
  expect((await world.log('one')).toString()).toBe('0\n')
})

test('a volume outlives its container, and is no longer filled from the image', async () => {
  const resources = { volumes: ['tst_data'] }
  const mounts = [volume('tst_data')]
  const first = { ...sh('rm -r /data/*; echo mine > /data/own'), mounts }
  await world.up({ one: first }, resources)
  await world.exited('one')
  await world.up({ one: { ...sh('ls /data; cat /data/own'), mounts } }, resources)
  expect((await world.log('one')).toString()).toBe('own\nmine\n')
  await world.engine.apply('tst', undefined, {})
  await world.up({ one: { ...sh('cat /data/own'), mounts } }, resources)
  expect((await world.log('one')).toString()).toBe('mine\n')
})

test('two containers see the same volume, one of them read-only', async () => {
  const wait = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
  await world.up(
    {
      writer: { ...sh(`echo shared > /data/note; ${wait}`), mounts: [volume('tst_data')] },
      reader: { ...sh(wait), mounts: [volume('tst_data', { readOnly: true })] },
    },
    { volumes: ['tst_data'] },
  )
  await world.line('writer', /up/)
  const { stdout, stderr } = await world.exec('reader', 'cat /data/note; touch /data/x')
  expect(stdout).toBe('shared\n')
  expect(stderr).toMatch(/Read-only file system/)
})

test('a subpath is a directory inside the volume, which links do not lead out of', async () => {
  const resources = { volumes: ['tst_data'] }
  const fill = 'mkdir -p /data/in && echo inner > /data/in/f && ln -s / /data/out'
  await world.up(
    { one: { ...sh(fill), mounts: [volume('tst_data', { nocopy: true })] } },
    resources,
  )
  await world.exited('one')
  const sub = (subpath: string): Service => ({
    ...sh('ls /sub'),
    mounts: [volume('tst_data', { nocopy: true, target: '/sub', subpath })],
  })
  await world.up({ one: sub('in') }, resources)
  expect((await world.log('one')).toString()).toBe('f\n')
  await world.up({ one: sub('out') }, resources)
  // The root of the volume, to which an absolute link leads in it.
  expect((await world.log('one')).toString()).toBe('in\nout\n')
  const missing = volume('tst_data', { nocopy: true, subpath: 'in/none' })
  const outcomes = await world.apply({ one: { ...sh('true'), mounts: [missing] } }, resources)
  const message = 'Cannot mount "in/none" of volume "tst_data": it has no such directory or file'
  expect(outcomes.at(-1)).toMatchObject({ error: { code: 'MOUNT_SOURCE', message } })
})

test('an anonymous volume goes with its container', async () => {
  const anonymous = volume('tst-one-1-data', { anonymous: true, nocopy: true })
  const lines = await probe('touch /data/x; ls /data', { mounts: [anonymous] })
  expect(lines).toEqual(['x'])
  expect(existsSync(join(world.root, 'state/volumes/tst-one-1-data'))).toBe(false)
})

test('a volume that nobody made is refused by name', async () => {
  expect(await refusal(volume('absent'))).toMatchObject({
    code: 'MOUNT_SOURCE',
    message: 'Cannot mount volume "absent" in "tst-one-1": it does not exist',
  })
})

test('whatever lies on /sys is taken as it is: the groups have no place in it', async () => {
  mkdirSync(join(host, 'system'))
  writeFileSync(join(host, 'system/file'), 'mine\n')
  const script = 'ls /sys; grep -c " /sys/fs/cgroup" /proc/mounts'
  const mounts = [bind(join(host, 'system'), { target: '/sys' })]
  expect(await probe(script, { mounts })).toEqual(['file', '0'])
  const memory = [{ kind: 'tmpfs', target: '/sys', options: [] }] as const
  expect(await probe(script, { mounts: memory })).toEqual(['0'])
  const shown = await probe(script, { mounts: [bind('/sys', { target: '/sys', readOnly: true })] })
  expect(shown).toContain('kernel')
  expect(Number(shown.at(-1))).toBeGreaterThan(0)
})
