/** Mounts of a running container that somebody covers, replaces or mounts in another way. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { MountSpec } from '../../src/planner/index.ts'
import { sh, useWorld, type Service, type World } from './support.ts'

let world: World
let host: string
useWorld((opened) => {
  world = opened
  host = join(world.root, 'host')
  mkdirSync(host)
  writeFileSync(join(host, 'file'), 'from the host\n')
})

const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

const bind = (target: string, readOnly: boolean): MountSpec => ({
  kind: 'bind',
  source: host,
  target,
  readOnly,
  createHostPath: false,
})
const DATA: MountSpec = {
  kind: 'volume',
  volume: 'tst_data',
  anonymous: false,
  target: '/srv/data',
  readOnly: false,
  nocopy: false,
}

/** It has been looked at once: what is there now is as it should be. */
async function startWith(mounts: readonly MountSpec[], change: Service = {}): Promise<number> {
  await world.up({ one: { ...sh(WAIT), mounts, ...change } }, { volumes: ['tst_data'] })
  await world.line('one', /up/)
  expect(await drifts()).toEqual([])
  await world.exec('one', 'test ! -d /srv/data || echo kept > /srv/data/it')
  world.events.splice(0)
  const { pid } = await world.observe('one')
  if (pid === undefined) throw new Error('It does not run')
  return pid
}

const inside = (pid: number, ...words: readonly string[]): void =>
  void execFileSync('nsenter', ['-t', `${pid}`, '-m', '-p', ...words])

async function told(pattern: RegExp): Promise<void> {
  for (;;) {
    const next = world.nextEvent()
    if (world.events.some((one) => one.kind === 'drift' && pattern.test(one.message))) return
    await next
  }
}

const drifts = async (): Promise<readonly string[]> =>
  (await world.engine.facts('tst'))
    .filter(({ desired, actual }) => desired !== actual)
    .map(({ field, desired, actual }) => `${field}: ${actual}, not ${desired}`)

async function expectWhole(pid: number): Promise<void> {
  expect(await drifts()).toEqual([])
  expect((await world.observe('one')).pid).toBe(pid)
  const { stdout } = await world.exec('one', 'grep -c " /srv/data " /proc/1/mountinfo')
  expect(stdout.trim()).toBe('1')
  expect((await world.exec('one', 'cat /srv/data/it')).stdout).toBe('kept\n')
}

test('what is mounted over a volume is taken away, be it a bind or an empty tmpfs', async () => {
  const pid = await startWith([DATA])
  inside(pid, '/bin/mount', '--bind', '/etc', '/srv/data')
  await told(
    /"tst-one-1": mount \/srv\/data was covered by a mount of \w+; it is volume "tst_data"/,
  )
  await expectWhole(pid)
  world.events.splice(0)
  inside(pid, '/bin/mount', '-t', 'tmpfs', 'none', '/srv/data')
  await told(/\/srv\/data was covered by a mount of tmpfs; it is volume "tst_data" again/)
  await expectWhole(pid)
})

test('so is what lies on a directory above it', async () => {
  const pid = await startWith([DATA])
  inside(pid, '/bin/mount', '-t', 'tmpfs', 'none', '/srv')
  await told(/\/srv\/data was covered by a mount of tmpfs at \/srv; it is volume "tst_data" again/)
  await expectWhole(pid)
})

test('a tmpfs with files in it is left, said once with the cure, and shown', async () => {
  const pid = await startWith([DATA])
  const fill = 'mount -t tmpfs none /srv/data && echo mine > /srv/data/file'
  inside(pid, '/bin/unshare', '--uts', 'sh', '-c', `echo -n > /srv/data/held; ${fill}`)
  await told(
    /\/srv\/data was covered [^]*, and cannot be made volume "tst_data": [^]*there are files in the tmpfs; unmount it: nsenter -t \d+ -m umount \/srv\/data; or run "tsstack restart"/,
  )
  expect(await drifts()).toEqual([
    'mount /srv/data: covered by a mount of tmpfs, not volume "tst_data"',
  ])
  expect((await world.exec('one', 'cat /srv/data/file')).stdout).toBe('mine\n')
  inside(pid, '/bin/umount', '/srv/data')
  await expectWhole(pid)
})

test('what has taken the place of a volume goes, and the volume comes back', async () => {
  const pid = await startWith([DATA])
  inside(pid, '/bin/sh', '-c', 'umount -l /srv/data && mount --bind /etc /srv/data')
  await told(/\/srv\/data was (?:gone|replaced by a mount of \w+|covered by a mount of \w+); it is/)
  for (;;) {
    // Listened for before the look: one that comes during it is not missed.
    const event = world.nextEvent()
    if ((await drifts()).length === 0) break
    await event
  }
  await expectWhole(pid)
})

test('a mount that is made writable is read-only again, and the other way round', async () => {
  const pid = await startWith([DATA, bind('/host', true)])
  inside(pid, '/bin/mount', '-o', 'remount,bind,rw', '/host')
  await told(/mount \/host was bind of "\S+", writable; it is bind of "\S+", read-only again/)
  expect((await world.exec('one', 'touch /host/x')).stderr).toContain('Read-only')
  world.events.splice(0)
  inside(pid, '/bin/mount', '-o', 'remount,bind,ro', '/srv/data')
  await told(
    /mount \/srv\/data was volume "tst_data", read-only; it is volume "tst_data", writable/,
  )
  await world.exec('one', 'touch /srv/data/x')
  await expectWhole(pid)
})

test('a container with users of its own is mended as well', async () => {
  const pid = await startWith([DATA], { namespaces: { user: { kind: 'own' } } })
  inside(pid, '/bin/mount', '-t', 'tmpfs', 'none', '/srv/data')
  await told(/covered by a mount of tmpfs; it is volume "tst_data" again/)
  await expectWhole(pid)
})

test('what a container with the privilege mounts itself is its own affair', async () => {
  await startWith([DATA], { privileged: true })
  const mount = 'mount -t tmpfs none /srv/data && mount -o remount,bind,ro /srv/data'
  expect((await world.exec('one', mount)).exitCode).toBe(0)
  expect(await drifts()).toEqual([])
  expect((await world.exec('one', 'touch /srv/data/x')).stderr).toContain('Read-only')
})
