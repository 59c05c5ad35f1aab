/** Namespaces that a container shares, devices it is given, and profiles that confine it. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fields, probeIn } from './probe.ts'
import { sh, useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const probe = (script: string, service?: Service): Promise<readonly string[]> =>
  probeIn(world, script, service)

const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

const inode = (path: string): string => readlinkSync(path)

test('pid, ipc, uts and cgroup of the host are those of the host, and no others', async () => {
  const host = { kind: 'host' } as const
  const kinds = ['pid', 'ipc', 'uts', 'cgroup', 'mnt', 'net'] as const
  const script = `for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done`
  for (const kind of ['pid', 'ipc', 'uts', 'cgroup'] as const) {
    const lines = await probe(script, { namespaces: { [kind]: host } })
    const own = kinds.map((name) => inode(`/proc/self/ns/${name}`))
    expect(lines.map((line, at) => line === own[at])).toEqual(kinds.map((name) => name === kind))
  }
})

test('with pid: host processes of the host are seen, and none of the container stays behind', async () => {
  const namespaces = { pid: { kind: 'host' } } as const
  // Nobody else on the machine sleeps so long.
  const seconds = 1_000_000 + process.pid
  const look = `[ -d /proc/${process.pid} ] && echo seen`
  const script = `(sleep ${seconds} &) ; sleep ${seconds} & ${look}; echo $$`
  const [seen] = await probe(script, { namespaces })
  expect(seen).toBe('seen')
  const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  expect(left).not.toContain(`sleep ${seconds}`)
})

test('with uts: host the name is the host’s, and stays it', async () => {
  const namespaces = { uts: { kind: 'host' } } as const
  const lines = await probe('hostname; echo $HOSTNAME', { namespaces, hostname: 'other' })
  expect(lines).toEqual([hostname(), hostname()])
  expect(hostname()).not.toBe('other')
})

test('with ipc: host the memory is the host’s; ipc: none has no /dev/shm', async () => {
  const file = `/dev/shm/tsstack-test-${process.pid}`
  const host = { ipc: { kind: 'host' } } as const
  await probe(`echo shared > ${file}`, { namespaces: host })
  expect(readFileSync(file, 'utf8')).toBe('shared\n')
  execFileSync('rm', [file])
  const none = { ipc: { kind: 'none' } } as const
  expect(
    await probe("grep -c ' /dev/shm ' /proc/self/mountinfo; ls -A /dev/shm", { namespaces: none }),
  ).toEqual(['0'])
})

test('pid and ipc of a service: its processes are seen and signalled, its memory is shared', async () => {
  const service = { kind: 'service', service: 'one' } as const
  const joining = { namespaces: { pid: service, ipc: service, uts: service } }
  await world.up({ one: { ...sh(`echo memory > /dev/shm/file; ${WAIT}`), hostname: 'first' } })
  await world.line('one', /up/)
  const one = { ...sh(`echo memory > /dev/shm/file; ${WAIT}`), hostname: 'first' }
  const script = `cat /dev/shm/file; tr '\\0' ' ' < /proc/1/cmdline | head -c 12; echo; hostname
    (sleep 1000 &); kill -TERM 1; sleep 0.1`
  const dependsOn = [
    { service: 'one', condition: 'service_started', required: true, restart: true },
  ] as const
  await world.up({ one, two: { ...sh(script), ...joining, dependsOn } })
  await world.exited('two')
  const [memory, first, name] = (await world.log('two')).toString().split('\n')
  expect([memory, first, name]).toEqual(
    ['memory', '/bin/sh -c ec', 'first'].map((text) => text.slice(0, 12)),
  )
  expect((await world.exited('one')).exitCode).toBe(0)
})

test('a container whose namespace is to be shared has to run', async () => {
  const namespaces = { pid: { kind: 'container', container: 'nobody' } } as const
  const outcomes = await world.apply({ one: { command: ['true'], namespaces } })
  expect(outcomes.at(-1)).toMatchObject({
    kind: 'failed',
    error: {
      code: 'DEPENDENCY',
      message: 'Cannot start "tst-one-1": "nobody", whose pid namespace it shares, does not run',
    },
  })
})

/** A device that root may open without any capability, wherever it is. */
const DEVICE =
  ['/dev/loop-control', '/dev/fuse', '/dev/rtc0'].find(existsSync) ?? '/dev/btrfs-control'
const NUMBERS = execFileSync('stat', ['-c', '%Hr:%Lr', DEVICE], { encoding: 'utf8' }).trim()
const [MAJOR, MINOR] = NUMBERS.split(':')

test('a device has its numbers, owner and mode, and may be used as its access says', async () => {
  const devices = [{ source: DEVICE, target: '/dev/of/mine', access: 'r' }]
  const script = `cd /dev/of; stat -c '%F %a %u:%g %Hr:%Lr' mine
    : < mine && echo read; : <> mine && echo both`
  const lines = await probe(script.replace('%Hr:%Lr', '%t:%T'), { devices })
  const own = execFileSync('stat', ['-c', '%F %a %u:%g %t:%T', DEVICE], { encoding: 'utf8' })
  expect(lines[0]).toBe(own.trim())
  expect(lines[1]).toBe('read')
  expect(lines[2]).toMatch(/Operation not permitted$/)
})

test('a directory of devices comes as a whole, and what is no device is refused', async () => {
  const devices = [{ source: '/dev/net', target: '/dev/net', access: 'rwm' }]
  if (existsSync('/dev/net/tun')) {
    expect(await probe('stat -c %t:%T /dev/net/tun', { devices })).toEqual(['a:c8'])
  }
  for (const source of ['/dev/absent', '/etc/passwd']) {
    const wrong = [{ source, target: '/dev/x', access: 'rwm' }]
    const outcomes = await world.apply({ one: { command: ['true'], devices: wrong } })
    expect(outcomes.at(-1)).toMatchObject({
      kind: 'failed',
      error: { code: 'LAUNCH', message: expect.stringContaining(source) },
    })
    await world.down()
  }
})

test('a device that is wanted outside of /dev is bound there', async () => {
  const devices = [{ source: DEVICE, target: '/opt/mine', access: 'rw' }]
  expect(await probe('stat -c %F /opt/mine; : < /opt/mine && echo read', { devices })).toEqual([
    'character special file',
    'read',
  ])
})

test('device_cgroup_rules open what they name', async () => {
  const script = `mknod /mine c ${MAJOR} ${MINOR}; : < /mine && echo read; : <> /mine && echo both`
  const [denied] = await probe(script)
  expect(denied).toMatch(/Operation not permitted/)
  const lines = await probe(script, { deviceRules: [`c ${NUMBERS} r`] })
  expect(lines[0]).toBe('read')
  expect(lines[1]).toMatch(/Operation not permitted/)
  expect(await probe(script, { deviceRules: [`a ${MAJOR}:* rw`] })).toEqual(['read', 'both'])
})

test('a device rule that nobody can read is refused', async () => {
  const outcomes = await world.apply({ one: { command: ['true'], deviceRules: ['c 1:11'] } })
  expect(outcomes.at(-1)).toMatchObject({
    kind: 'failed',
    error: { code: 'LAUNCH', message: 'Cannot read the device rule "c 1:11"' },
  })
})

test('privileged has the host’s devices, and can write to sysfs and its cgroups', async () => {
  const script = `[ -c /dev/kmsg ] && echo kmsg
    for p in /sys /sys/fs/cgroup /proc/sys; do
      grep " $p " /proc/self/mountinfo | cut -d' ' -f6 | cut -c1-2; done
    ls /dev/pts; stat -c %t:%T /dev/null`
  expect(await probe(script, { privileged: true })).toEqual(['kmsg', 'rw', 'rw', 'ptmx', '1:3'])
})

test('systempaths=unconfined shows what is hidden, without further rights', async () => {
  const script = `stat -c %F /proc/keys; grep -c ' /proc/' /proc/self/mountinfo
    grep CapEff /proc/self/status`
  const [keys, mounts, caps] = await probe(script, { systemPathsUnconfined: true })
  expect([keys, mounts]).toEqual(['regular empty file', '0'])
  expect(caps).toMatch(/00000000a80425fb$/)
})

test('a seccomp profile of the user’s is what confines it', async () => {
  const file = join(world.root, 'profile.json')
  const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }
  writeFileSync(file, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }))
  const lines = await probe('mkdir /x; grep Seccomp: /proc/self/status; touch /y && echo made', {
    seccomp: { file },
  })
  expect(lines[0]).toMatch(/No space left on device/)
  expect(fields(lines.slice(1, 2))).toEqual({ Seccomp: '2' })
  expect(lines[2]).toBe('made')
})

test.for([
  '',
  '{',
  '[]',
  '{"defaultAction":"SCMP_ACT_NOTIFY"}',
  '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{}]}',
])('a seccomp profile of "%s" is refused', async (content) => {
  const file = join(world.root, 'wrong.json')
  writeFileSync(file, content)
  const outcomes = await world.apply({ one: { command: ['true'], seccomp: { file } } })
  expect(outcomes.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH' } })
})

test('an AppArmor profile is refused on a host that has none', async () => {
  if (existsSync('/sys/kernel/security/apparmor/profiles')) return
  const outcomes = await world.apply({ one: { command: ['true'], apparmor: 'mine' } })
  expect(outcomes.at(-1)).toMatchObject({
    kind: 'failed',
    error: { code: 'LAUNCH', message: expect.stringContaining('this host has no AppArmor') },
  })
})

test('the node that a device makes is not the host’s own', async () => {
  const { mode } = statSync('/dev/kmsg')
  const devices = [{ source: '/dev/kmsg', target: '/dev/kmsg', access: 'rwm' }]
  await probe('chmod 0777 /dev/kmsg', { devices })
  expect(statSync('/dev/kmsg').mode).toBe(mode)
})
