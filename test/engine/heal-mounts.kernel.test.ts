/** Mounts that somebody takes away inside a running container, and what becomes of them. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { MountSpec } from '../../src/planner/index.ts'
import { sh, useWorld, type World, type Service } from './support.ts'

let world: World
let host: string
useWorld((opened) => {
  world = opened
  host = join(world.root, 'host')
  mkdirSync(host)
  writeFileSync(join(host, 'file'), 'from the host\n')
})

const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

const bind = (target: string, readOnly = false): MountSpec => ({
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
  target: '/data',
  readOnly: false,
  nocopy: false,
}
const CACHE: MountSpec = { kind: 'tmpfs', target: '/cache', options: [], sizeBytes: 65_536 }
const secret = (): MountSpec => ({
  kind: 'file',
  object: 'secret',
  name: 'key',
  target: '/run/secrets/key',
  from: { kind: 'file', path: join(host, 'file') },
  uid: 7,
  gid: 8,
  mode: 0o440,
})

const startWith = async (mounts: readonly MountSpec[], change: Service = {}): Promise<void> => {
  await world.up({ one: { ...sh(WAIT), mounts, ...change } }, { volumes: ['tst_data'] })
  await world.line('one', /up/)
}

/** What was said about changes since the test began is cut off first. */
const forget = (): void => void world.events.splice(0)

/** Waits until what was said of changes matches. */
async function told(pattern: RegExp): Promise<void> {
  for (;;) {
    const next = world.nextEvent()
    if (world.events.some((one) => one.kind === 'drift' && pattern.test(one.message))) return
    await next
  }
}

/** As somebody of the host who has come into its mounts. */
async function unmount(...places: readonly string[]): Promise<void> {
  const { pid } = await world.observe('one')
  unmountIn(pid, ...places)
}

function unmountIn(pid: number | undefined, ...places: readonly string[]): void {
  if (pid === undefined) throw new Error('It does not run')
  execFileSync('nsenter', ['-t', `${pid}`, '-m', '/bin/umount', '-l', ...places])
}

const driftOf = async (): Promise<readonly string[]> =>
  (await world.engine.facts('tst'))
    .filter(({ desired, actual }) => desired !== actual)
    .map(({ field, desired, actual }) => `${field}: ${actual}, not ${desired}`)

/** It was not restarted, and nothing is amiss. */
async function expectWhole(pid: number | undefined): Promise<void> {
  expect(await driftOf()).toEqual([])
  expect((await world.observe('one')).pid).toBe(pid)
}

test('a volume, a bind, a tmpfs and a secret are attached again while the container runs', async () => {
  await startWith([DATA, bind('/data/below', true), CACHE, secret()])
  const { pid } = await world.observe('one')
  await world.exec('one', 'echo kept > /data/it; echo lost > /cache/it')
  const look =
    'cat /data/it /data/below/file; ls /cache; cat /run/secrets/key; ' +
    'stat -c "%u %g %a" /run/secrets/key; ' +
    'grep -c " /cache .*nosuid,nodev.*size=64k" /proc/1/mountinfo; ' +
    'touch /data/below/x /run/secrets/key 2>&1'
  const before = (await world.exec('one', look)).stdout
  expect(before).toMatch(/Read-only[^]*Read-only/)
  forget()
  await unmount('/data', '/cache', '/run/secrets/key')
  await told(/"tst-one-1": mount \/data was gone; it is volume "tst_data" again/)
  await told(/mount \/data\/below was gone; it is bind of "\S+" again/)
  await told(/mount \/cache was gone; it is tmpfs again/)
  await told(/mount \/run\/secrets\/key was gone; it is secret "key" again/)
  await expectWhole(pid)
  expect((await world.exec('one', look)).stdout).toBe(before.replace('\nit\n', '\n'))
  const lines = (await world.exec('one', 'grep -c " /data" /proc/1/mountinfo')).stdout
  expect(lines.trim()).toBe('2')
})

test('a container with users of its own gets them back as its users see them', async () => {
  await startWith([DATA, CACHE, secret()], { namespaces: { user: { kind: 'own' } } })
  const { pid } = await world.observe('one')
  const look = 'stat -c "%u %g %a %n" /data /cache /run/secrets/key; cat /run/secrets/key'
  await world.exec('one', 'chown 5 /data; chmod 1777 /cache')
  const before = (await world.exec('one', look)).stdout
  forget()
  await unmount('/data', '/cache', '/run/secrets/key')
  await told(/mount \/run\/secrets\/key was gone; it is/)
  await told(/mount \/cache was gone; it is/)
  await expectWhole(pid)
  expect((await world.exec('one', look)).stdout).toBe(before)
})

test('a mount whose target is a link of the image is where it was', async () => {
  const [link, place] = [join(world.root, 'rootfs/lead'), join(world.root, 'rootfs/place')]
  mkdirSync(place)
  symlinkSync('/place', link)
  try {
    await startWith([bind('/lead/here')])
    const { pid } = await world.observe('one')
    await expectWhole(pid)
    forget()
    await unmount('/place/here')
    await told(/mount \/lead\/here was gone; it is bind/)
    await expectWhole(pid)
    expect((await world.exec('one', 'cat /place/here/file')).stdout).toBe('from the host\n')
  } finally {
    rmSync(link)
    rmSync(place, { recursive: true })
  }
})

test('the next supervisor finds what was unmounted while nobody looked, and watches on', async () => {
  await startWith([DATA])
  const { pid } = await world.observe('one')
  await world.engine.close()
  unmountIn(pid, '/data')
  forget()
  await world.start()
  await told(/mount \/data was gone; it is volume/)
  forget()
  await unmount('/data')
  await told(/mount \/data was gone; it is volume/)
  await expectWhole(pid)
})

test('what a privileged container unmounts itself comes back, also the second time', async () => {
  await startWith([CACHE], { privileged: true })
  const { pid } = await world.observe('one')
  for (let round = 0; round < 2; round += 1) {
    forget()
    const { exitCode, stderr } = await world.exec('one', 'umount -l /cache')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    await told(/mount \/cache was gone; it is tmpfs again/)
  }
  await expectWhole(pid)
})

test('what cannot be attached is said once, with the cure, and shown', async () => {
  const gone = join(world.root, 'gone')
  mkdirSync(gone)
  await startWith([
    { ...bind('/it'), kind: 'bind', source: gone, readOnly: false, createHostPath: false },
  ])
  rmSync(gone, { recursive: true })
  forget()
  await unmount('/it')
  await told(/mount \/it was gone, and cannot be made bind of [^]*"tsstack restart"/)
  expect(await driftOf()).toEqual([`mount /it: gone, not bind of "${gone}"`])
})

/** A directory of its own, bound at `/it`, beside something that shows when mounts were looked at. */
async function startBound(): Promise<string> {
  const source = mkdtempSync(join(world.root, 'source-'))
  await startWith([{ ...bind('/it'), source, createHostPath: true } as MountSpec, CACHE])
  expect(await driftOf()).toEqual([])
  return source
}

async function lookAgain(): Promise<void> {
  forget()
  await unmount('/cache')
  await told(/mount \/cache was gone; it is tmpfs again/)
}

test('a bind whose source is renamed works on, until there is a source again', async () => {
  const source = await startBound()
  const { pid } = await world.observe('one')
  renameSync(source, `${source}-old`)
  await lookAgain()
  expect(await driftOf()).toEqual([`mount /it: bind of what is gone, not bind of "${source}"`])
  await world.exec('one', 'echo kept > /it/kept')
  expect(readFileSync(`${source}-old/kept`, 'utf8')).toBe('kept\n')
  expect(existsSync(source)).toBe(false)
  mkdirSync(source)
  await lookAgain()
  await told(/mount \/it was replaced by a mount of \w+; it is bind of "\S+" again/)
  await expectWhole(pid)
  expect((await world.exec('one', 'ls /it')).stdout).toBe('')
})

test('so does one whose source is removed, also for the next supervisor, who says so', async () => {
  const source = await startBound()
  const { pid } = await world.observe('one')
  rmdirSync(source)
  await world.engine.close()
  forget()
  await world.start()
  await told(
    /\/it was bind of what is gone instead of bind of "\S+"; it is mounted again once that/,
  )
  expect((await world.exec('one', 'stat -c %h /it')).stdout).toBe('0\n')
  mkdirSync(source)
  await lookAgain()
  await told(/mount \/it was replaced by a mount of \w+; it is bind of "\S+" again/)
  await expectWhole(pid)
})

test('what has taken the place of a volume that cannot be mounted again stays', async () => {
  await startWith([DATA, CACHE])
  expect(await driftOf()).toEqual([])
  const { pid } = await world.observe('one')
  const [data] = (await world.exec('one', 'echo here > /data/it; cat /data/it')).stdout.split('\n')
  expect(data).toBe('here')
  const volume = join(world.root, 'state/volumes/tst_data/data')
  renameSync(volume, `${volume}-old`)
  forget()
  await unmount('/cache')
  await told(/mount \/data was replaced [^]*, and cannot be made volume "tst_data": [^]*not exist/)
  expect((await world.exec('one', 'cat /data/it')).stdout).toBe('here\n')
  renameSync(`${volume}-old`, volume)
  await expectWhole(pid)
})

test('nothing is held of a container that has ended, and nobody waits for its mounts', async () => {
  await startWith([DATA])
  const { pid } = await world.observe('one')
  forget()
  await unmount('/data')
  await told(/mount \/data was gone; it is/)
  expect(watched()).toEqual([`/proc/${pid}/mountinfo`])
  await world.down()
  expect(watched()).toEqual([])
})

/** Mountinfo that this process has open. */
function watched(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.endsWith('/mountinfo') ? [path] : []
    } catch {
      return [] // That of the directory itself.
    }
  })
}
