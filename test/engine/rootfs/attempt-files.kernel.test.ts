/** What containers read in /etc, and which program they get, on the real kernel. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { MountSpec } from '../../../src/planner/index.ts'
import { attached, type Service, sh, useWorld, type World } from '../support.ts'

let world: World
useWorld((opened) => (world = opened))

const networks = [{ name: 'front', subnets: [{ subnet: '10.77.1.0/24' }] }]
const extraHosts = [
  { name: 'host', address: 'host-gateway' },
  { name: 'db', address: '192.0.2.7' },
]
const SHOW: Service = sh('tail -n +7 /etc/hosts; cat /etc/resolv.conf /etc/hostname; sleep 1000')
const lines = async (service: string, wanted: RegExp) => {
  await world.line(service, wanted)
  return (await world.exec(service, 'tail -n +7 /etc/hosts; cat /etc/resolv.conf')).stdout
}

test('a container on a network finds itself, the host and our resolver in /etc', async () => {
  await world.up({ one: { ...SHOW, ...attached('front'), extraHosts } }, { networks })
  const text = await lines('one', /^box$/)
  expect(text).toMatch(/^10\.77\.1\.1\thost\n192\.0\.2\.7\tdb\n10\.77\.1\.2\tbox tst-one-1\n/)
  expect(text).toContain('\nnameserver 127.0.0.11\n')
})

test('a container in another one’s network has its address and resolver', async () => {
  const sharer: Service = {
    ...SHOW,
    hostname: 'guest',
    extraHosts,
    network: { kind: 'service', service: 'one' },
    dependsOn: [{ service: 'one', condition: 'service_started', required: true, restart: false }],
  }
  await world.up({ one: { ...SHOW, ...attached('front') }, two: sharer }, { networks })
  const text = await lines('two', /^guest$/)
  expect(text).toMatch(/^10\.77\.1\.1\thost\n192\.0\.2\.7\tdb\n10\.77\.1\.2\tguest tst-two-1\n/)
  expect(text).toContain('\nnameserver 127.0.0.11\n')
})

test('a container without networks has the servers of the host', async () => {
  await world.up({ one: SHOW, two: { ...SHOW, network: { kind: 'host' } } })
  const servers = readFileSync('/etc/resolv.conf', 'utf8').match(/^nameserver.*$/gm) ?? []
  for (const service of ['one', 'two']) {
    const text = await lines(service, /^box$/)
    expect(text.match(/^nameserver.*$/gm) ?? []).toEqual(servers)
    expect(text).not.toContain('tst-')
  }
})

const FILES = ['hosts', 'hostname', 'resolv.conf']
const probe = async (script: string, service: Service = {}) =>
  (await world.run({ ...sh(`exec 2>&1\n${script}`), ...service })).output.split('\n').slice(0, -1)
/** Options and places in /etc of what is mounted there. */
const MOUNTS = "grep ' tmpfs ' /proc/self/mountinfo | grep '/etc/' | cut -d' ' -f4-6"
const bind = (
  source: string,
  target: string,
  change: Partial<Extract<MountSpec, { kind: 'bind' }>> = {},
): MountSpec => ({
  kind: 'bind',
  source,
  target,
  readOnly: true,
  createHostPath: false,
  ...change,
})

test('the files of /etc are the container’s own mounts, which it may write but not remove', async () => {
  const script = `${MOUNTS}; stat -c '%a %u:%g %F' /etc/hosts
    echo '192.0.2.9 later' >> /etc/hosts && tail -n 1 /etc/hosts; rm /etc/hosts`
  expect(await probe(script)).toEqual([
    ...FILES.map((name) => `/${name} /etc/${name} rw,nosuid,nodev,noexec,relatime`),
    '644 0:0 regular file',
    '192.0.2.9 later',
    expect.stringMatching(/^rm: .*busy$/),
  ])
})

test('what a container writes into them ends with the attempt', async () => {
  const script = 'cat /etc/hostname; ls /etc/kept; echo changed > /etc/hostname; touch /etc/kept'
  const restart = { condition: 'on-failure', attemptsMax: 1 } as const
  await world.up({ one: { ...sh(`exec 2>&1; ${script}; exit 1`), restart } })
  expect(await world.exited('one')).toMatchObject({ attempt: 2 })
  const text = (await world.log('one')).toString()
  expect(text.match(/^box$/gm)).toHaveLength(2)
  expect(text).not.toContain('changed')
  expect(text.match(/^\/etc\/kept$/gm)).toHaveLength(1)
})

test('read_only: makes the files of /etc read-only as well', async () => {
  const write = `for f in ${FILES.join(' ')}; do echo x >> /etc/$f; done`
  const script = `${MOUNTS}; cat /etc/hostname; ${write}`
  const lines = await probe(script, { readOnly: true })
  expect(lines.slice(0, 4)).toEqual([
    ...FILES.map((name) => `/${name} /etc/${name} ro,nosuid,nodev,noexec,relatime`),
    'box',
  ])
  expect(lines.slice(4)).toHaveLength(3)
  for (const line of lines.slice(4)) expect(line).toMatch(/Read-only file system/)
})

test('five thousand extra hosts have room', async () => {
  const many = Array.from({ length: 5000 }, (_, n) => ({
    name: `host-number-${n}.example.org`,
    address: `192.0.${n >> 8}.${n & 255}`,
  }))
  const lines = await probe(
    'grep -c example /etc/hosts; echo x >> /etc/hosts; tail -n 1 /etc/hosts',
    {
      extraHosts: many,
    },
  )
  expect(lines).toEqual(['5000', 'x'])
})

/** A directory of the host with the name `name`. */
function directory(name: string, files: Readonly<Record<string, string>> = {}): string {
  const path = join(world.root, name)
  mkdirSync(path, { recursive: true })
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content)
  return path
}

test('what the stack mounts at one of the files wins', async () => {
  const own = directory('own', { hosts: 'of the stack\n' })
  const lines = await probe('cat /etc/hosts /etc/hostname', {
    mounts: [bind(join(own, 'hosts'), '/etc/hosts')],
  })
  expect(lines).toEqual(['of the stack', 'box'])
})

test('a volume or bind at /etc has the files too, where there is a place for them', async () => {
  const script = 'cat /etc/hostname; ls /etc; cat /etc/resolv.conf'
  const etc: MountSpec = {
    kind: 'volume',
    volume: 'tst_etc',
    anonymous: false,
    target: '/etc',
    readOnly: false,
    nocopy: false,
  }
  await world.up({ one: { ...sh(script), mounts: [etc] } }, { volumes: ['tst_etc'] })
  const text = (await world.log('one')).toString()
  expect(text).toMatch(/^box\ngroup\nhostname\nhosts\npasswd\nresolv.conf\n/)
  expect(text.match(/^nameserver.*$/gm)).toEqual(
    readFileSync('/etc/resolv.conf', 'utf8').match(/^nameserver.*$/gm),
  )
  await world.down()
  const source = directory('bound', { hostname: 'of the host\n' })
  symlinkSync('hostname', join(source, 'hosts'))
  const lines = await probe('cat /etc/hostname; ls /etc; readlink /etc/hosts', {
    mounts: [bind(source, '/etc')],
  })
  expect(lines).toEqual(['box', 'hostname', 'hosts', 'hostname'])
  expect(readFileSync(join(source, 'hostname'), 'utf8')).toBe('of the host\n')
})

test('nothing is mounted in what the stack shares with the host', async () => {
  const source = directory('shared', { hostname: 'of the host\n' })
  execFileSync('mount', ['--bind', source, source])
  execFileSync('mount', ['--make-shared', source])
  try {
    const script = 'cat /etc/hostname; sleep 1000'
    const mounts = [bind(source, '/etc', { propagation: 'rshared' })]
    await world.up({ one: { ...sh(script), mounts } })
    expect(await world.line('one', /./)).toBe('of the host')
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(`${source}/`)
    await world.down()
  } finally {
    execFileSync('umount', ['-R', source])
  }
})

test('where /etc is a link of the image the files are where it leads', async () => {
  const rootfs = join(world.root, 'linked')
  cpSync(join(world.root, 'rootfs'), rootfs, { recursive: true })
  mkdirSync(join(rootfs, 'usr'))
  renameSync(join(rootfs, 'etc'), join(rootfs, 'usr/etc'))
  symlinkSync('/usr/etc', join(rootfs, 'etc'))
  mkdirSync(join(rootfs, 'proc/sys/kernel'), { recursive: true })
  writeFileSync(join(rootfs, 'proc/sys/kernel/hostname'), '')
  // The second attempt finds a link of the first one's own.
  const script = `cat /etc/hostname; ${MOUNTS}; rm /etc && ln -s /proc/sys/kernel /etc; exit 1`
  const restart = { condition: 'on-failure', attemptsMax: 1 } as const
  await world.up({ one: { ...sh(script), image: `dir:${rootfs}`, restart } })
  expect(await world.exited('one')).toMatchObject({ attempt: 2 })
  const mounted = FILES.map((name) => `/${name} /usr/etc/${name} rw,nosuid,nodev,noexec,relatime`)
  expect((await world.log('one')).toString().trim().split('\n')).toEqual([
    'box',
    ...mounted,
    'box',
    ...mounted,
  ])
})

test('a program that lies on a bind is found, by PATH and by its path', async () => {
  const source = join(world.root, 'tools')
  mkdirSync(source, { recursive: true })
  for (const [name, mode] of [
    ['greet', 0o755],
    ['text', 0o644],
  ] as const) {
    writeFileSync(join(source, name), '#!/bin/sh\necho "hello from $0"\n')
    chmodSync(join(source, name), mode)
  }
  const mounts = [bind(source, '/opt/tools'), bind(join(source, 'greet'), '/bin/single')]
  const run = async (name: string, workingDir = '/') =>
    (
      await world.run({
        command: [name],
        environment: { PATH: '/bin:/opt/tools' },
        mounts,
        workingDir,
      })
    ).output
  expect(await run('greet')).toBe('hello from /opt/tools/greet\n')
  expect(await run('single')).toBe('hello from /bin/single\n')
  expect(await run('./greet', '/opt/tools')).toContain('hello from ')
  const outcomes = await world.apply({ one: { command: ['/opt/tools/text'], mounts } })
  expect(outcomes.find(({ kind }) => kind === 'failed')).toMatchObject({
    error: { code: 'EXEC_NOT_EXECUTABLE', message: 'exec: "/opt/tools/text": permission denied' },
  })
})

test('read_only: is read-only in /usr as well, and host: has no shadow', async () => {
  const script =
    'touch /x /usr/x /usr/bin/x 2>&1; test -e /etc/shadow || echo none; test -e /work || echo none'
  const { output } = await world.run({
    ...sh(script),
    image: 'host:',
    readOnly: true,
  })
  expect(output.match(/Read-only file system/g)).toHaveLength(3)
  expect(output.match(/none/g)).toHaveLength(2)
})
