/** Limits of a container, each seen by what it does, and changed while the container runs. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { detectCgroups } from '../../src/linux/index.ts'
import { FS_MAGIC } from '../../src/linux/stat.ts'
import type { ContainerSpec } from '../../src/planner/index.ts'
import { until } from '../support/until.ts'
import { sh, STACK, useWorld, type World } from './support.ts'

const MIB = 1024 * 1024
const isV2 = detectCgroups().mode === 'v2'

let world: World
useWorld((opened) => (world = opened))

/** Applies the same service with other limits, which must neither restart nor replace it. */
async function change(script: string, resources: ContainerSpec['resources']): Promise<void> {
  const { pid } = await world.observe('one')
  const outcomes = await world.apply({ one: { ...sh(script), resources } })
  expect(outcomes.map(({ kind, action }) => `${kind} ${action.kind}`)).toEqual([
    'done update-container',
  ])
  expect((await world.observe('one')).pid).toBe(pid)
  expect(await world.apply({ one: { ...sh(script), resources } })).toEqual([])
}

/** Its directory in the hierarchy of `controller`, as the host sees it. */
async function groupOf(controller: string): Promise<string> {
  const { pid } = await world.observe('one')
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  const line = lines.find((one) =>
    isV2 ? one.startsWith('0::') : one.split(':')[1]?.split(',').includes(controller),
  )
  const path = line?.split(':').slice(2).join(':') ?? ''
  const { hierarchies } = detectCgroups()
  const home = hierarchies.find((one) =>
    isV2 ? one.version === 2 : one.controllers.includes(controller),
  )
  return join(home?.mountPoint ?? '', path)
}

const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

test('pids_limit: what could not fork can, once the limit is raised', async () => {
  // One that forks itself would be the one that cannot.
  const still = "trap 'exit 0' TERM; echo up; sleep 1000 & wait"
  await world.up({ one: { ...sh(still), resources: { pidsMax: 8 } } })
  await world.line('one', /up/)
  const fork = 'i=0; while [ $i -lt 12 ]; do sleep 5 & i=$((i+1)); done; echo all; kill $(jobs -p)'
  const before = await world.exec('one', fork)
  expect(before.stdout + before.stderr).toMatch(/can't fork/)
  await change(still, { pidsMax: 64 })
  expect((await world.exec('one', fork)).stdout).toBe('all\n')
})

test('cpus: a program that wants a whole processor is held back, and let go again', async () => {
  const busy = 'echo up; while :; do :; done'
  await world.up({ one: { ...sh(busy), resources: { cpus: 0.1 } } })
  await world.line('one', /up/)
  const file = join(await groupOf('cpu'), 'cpu.stat')
  const throttled = (): number =>
    Number(/^nr_throttled (?<count>\d+)$/m.exec(readFileSync(file, 'utf8'))?.groups?.['count'])
  await until(async () => String(throttled()), /^([3-9]|\d\d+)$/)
  await change(busy, {})
  const after = throttled()
  // Ten periods of the scheduler and more: nothing holds it back any longer.
  const usage = (): number =>
    Number(
      execFileSync('cat', [`/proc/${pid}/stat`])
        .toString()
        .split(' ')[13],
    )
  const { pid } = await world.observe('one')
  const begun = usage()
  await until(async () => String(usage() > begun + 100), /true/)
  expect(throttled()).toBeLessThanOrEqual(after + 1)
})

test('cpu_period is the period of the quota', async () => {
  await world.up({ one: { ...sh(WAIT), resources: { cpus: 0.5, cpuPeriodUs: 50_000 } } })
  const group = await groupOf('cpu')
  const text = isV2
    ? readFileSync(join(group, 'cpu.max'), 'utf8')
    : ['cpu.cfs_quota_us', 'cpu.cfs_period_us']
        .map((name) => readFileSync(join(group, name), 'utf8').trim())
        .join(' ')
  expect(text.trim()).toBe('25000 50000')
})

test('cpuset: the processors that a program may use change under it', async () => {
  if (availableParallelism() < 2) return
  await world.up({ one: { ...sh(WAIT), resources: { cpuset: '0' } } })
  await world.line('one', /up/)
  const allowed = async (): Promise<string> => {
    const { stdout } = await world.exec('one', 'grep Cpus_allowed_list /proc/1/status')
    return stdout.split('\t')[1]?.trim() ?? ''
  }
  expect(await allowed()).toBe('0')
  await change(WAIT, { cpuset: '1' })
  expect(await allowed()).toBe('1')
})

test('mem_limit: what is killed for want of memory runs once there is enough', async () => {
  // It takes no memory while it waits: a dying program may not have given back its own yet, and
  // then another is killed for whoever wants some.
  const wait = "trap 'exit 0' TERM; echo up; sleep 1000 & wait"
  await world.up({ one: { ...sh(wait), resources: { memoryBytesMax: 16 * MIB } } })
  await world.line('one', /up/)
  // A variable of 32 MiB in a shell of its own. All that eat are killed before pid 1, whose memory
  // is about that of the last of them.
  const first = 'echo 1000 > /proc/self/oom_score_adj'
  const eat = 'x=$(head -c 33554432 /dev/zero | tr "\\0" x); echo ${#x}'
  expect((await world.exec('one', `${first}; sh -c '${eat}'; true`)).stdout).not.toContain(
    '33554432',
  )
  await change(wait, { memoryBytesMax: 256 * MIB })
  expect((await world.exec('one', `sh -c '${eat}'`)).stdout).toBe('33554432\n')
})

const used = (directory: string): number =>
  Number(readFileSync(join(directory, 'memory.current'), 'utf8'))

const low = (directory: string): string =>
  readFileSync(join(directory, 'memory.low'), 'utf8').trim()

/** Asks for memory below `top`: what is reserved for `group` is kept, and `other` gives of its own. */
function reclaim(top: string, group: string, other: string): void {
  expect([group, other].filter((each) => used(each) < 40 * MIB)).toEqual([])
  try {
    writeFileSync(join(top, 'memory.reclaim'), String(36 * MIB))
  } catch {
    // EAGAIN: it has found less than that.
  }
  // Of the cache hardly a page: on Linux 6.12 it may give back some, 24 KiB once.
  expect(used(group)).toBeGreaterThan(39 * MIB)
  expect(used(other)).toBeLessThan(16 * MIB)
}

test('mem_reservation: what is reserved is kept when others have to give memory back', async () => {
  const cache = `dd if=/dev/zero of=/cache bs=1M count=40 2> /dev/null; sync; ${WAIT}`
  const reserved = { resources: { memoryBytesReserved: 48 * MIB } }
  await world.up({ one: { ...sh(cache), ...reserved }, two: sh(cache) })
  await Promise.all(['one', 'two'].map((name) => world.line(name, /up/)))
  const group = await groupOf('memory')
  if (!isV2) {
    // v1 looks at its soft limit only when the whole machine runs short, which no test may do.
    const text = readFileSync(join(group, 'memory.soft_limit_in_bytes'), 'utf8')
    expect(Number(text)).toBe(48 * MIB)
    return
  }
  const other = join(dirname(group), `${STACK}-two-1`)
  // From the root of all our groups: those between have to pass on what is asked for.
  const top = dirname(dirname(dirname(group)))
  // What lies in memory alone has nowhere to go.
  if (statfsSync(world.root).type !== FS_MAGIC.tmpfs) reclaim(top, group, other)
  expect([low(dirname(group)), low(top)]).toEqual([String(48 * MIB), String(48 * MIB)])
  await world.apply({ one: sh(cache), two: sh(cache) })
  expect([low(group), low(dirname(group)), low(top)]).toEqual(['0', '0', '0'])
})

test('oom_kill_disable: at its limit a program waits, and goes on when the limit is raised', async () => {
  // In memory of its own: a system call would not wait but fail (mem_cgroup_oom in the kernel).
  const eat = `awk 'BEGIN { s = "x"; while (length(s) < 33554432) s = s s; print length(s) }'
    exec sleep 1000`
  const limits = { oomKillDisable: true, memorySwappiness: 0 }
  const one = { ...sh(eat), resources: { ...limits, memoryBytesMax: 16 * MIB } }
  if (isV2) {
    const outcomes = await world.apply({ one })
    expect(outcomes.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'NO_CGROUP' } })
    return
  }
  await world.up({ one })
  const group = await groupOf('memory')
  await until(async () => readFileSync(join(group, 'memory.oom_control'), 'utf8'), /^under_oom 1$/m)
  expect(readFileSync(join(group, 'memory.swappiness'), 'utf8').trim()).toBe('0')
  await change(eat, { ...limits, memoryBytesMax: 256 * MIB })
  expect(await world.line('one', /33554432/)).toBe('33554432')
})

/** The disk that holds the test's files; none behind an overlay or a tmpfs. */
function disk(): string | undefined {
  const { dev } = statSync(world.root)
  return readdirSync('/dev')
    .map((name) => `/dev/${name}`)
    .find((path) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      return stat?.isBlockDevice() === true && stat.rdev === dev
    })
}

test('blkio_config: a slow disk is as slow as it says, until it may be fast again', async () => {
  const path = disk()
  if (path === undefined || (!isV2 && !existsSync('/sys/fs/cgroup/blkio'))) return
  const limits = { blockIo: { writeBps: [{ path, rate: MIB }] } }
  const mounts = [
    {
      kind: 'volume',
      volume: 'tst_disk',
      anonymous: false,
      target: '/data',
      readOnly: false,
      nocopy: true,
    },
  ] as const
  const clock = "cut -d' ' -f1 /proc/uptime"
  const write = `${clock}; dd if=/dev/zero of=/data/x bs=65536 count=32 oflag=direct 2>/dev/null
    ${clock}`
  const resources = { volumes: ['tst_disk'] }
  const took = async (): Promise<number> => {
    const [begun, ended] = (await world.exec('one', write)).stdout.trim().split('\n').map(Number)
    return (ended ?? 0) - (begun ?? 0)
  }
  await world.up({ one: { ...sh(WAIT), mounts, resources: limits } }, resources)
  await world.line('one', /up/)
  // Two MiB at one a second: the kernel lets nobody have them sooner than after a second.
  expect(await took()).toBeGreaterThan(1)
  const outcomes = await world.apply({ one: { ...sh(WAIT), mounts, resources: {} } }, resources)
  expect(outcomes.map(({ action }) => action.kind)).toEqual(['update-container'])
  const group = await groupOf('blkio')
  const file = join(group, isV2 ? 'io.max' : 'blkio.throttle.write_bps_device')
  expect(readFileSync(file, 'utf8').trim()).toBe('')
})

test('a limit on what is no disk is refused by name', async () => {
  const blockIo = { readBps: [{ path: '/dev/null', rate: 1 }] }
  const outcomes = await world.apply({ one: { ...sh('true'), resources: { blockIo } } })
  expect(outcomes.at(-1)).toMatchObject({
    kind: 'failed',
    error: { message: 'Cannot limit the device "/dev/null": it is no block device' },
  })
})

test('a limit that the kernel refuses is not written down, and is tried again', async () => {
  await world.up({ one: { ...sh(WAIT), resources: { cpus: 1 } } })
  await world.line('one', /up/)
  const outcomes = await world.apply({ one: { ...sh(WAIT), resources: { cpuset: '4000' } } })
  expect(outcomes.map(({ kind }) => kind)).toEqual(['failed'])
  expect((await world.observe('one')).spec.resources).toEqual({ cpus: 1 })
})

test('x-tsstack hugetlb is written where the kernel counts huge pages, and refused elsewhere', async () => {
  const resources = { hugetlb: { '2MB': 4 * MIB } }
  const outcomes = await world.apply({ one: { ...sh(WAIT), resources } })
  const home = detectCgroups().hierarchies.find((one) => one.controllers.includes('hugetlb'))
  if (home === undefined) {
    expect(JSON.stringify(outcomes)).toMatch(/hugetlb\.2MB.*no \\"hugetlb\\" cgroup controller/)
    return
  }
  // A hybrid machine has it in its v2 tree.
  const { pid } = await world.observe('one')
  const key = home.version === 2 ? '0::' : /^\d+:[^:]*hugetlb[^:]*:/m
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')
  const line = groups.find((one) => (typeof key === 'string' ? one.startsWith(key) : key.test(one)))
  const group = join(home.mountPoint, line?.split(':').slice(2).join(':') ?? '')
  const file = home.version === 2 ? 'hugetlb.2MB.max' : 'hugetlb.2MB.limit_in_bytes'
  expect(readFileSync(join(group, file), 'utf8')).toBe(`${4 * MIB}\n`)
})

test('cpu_rt_runtime counts, or is refused by its file', async () => {
  const resources = { cpuRealtimeUs: 10_000, cpuRealtimePeriodUs: 1_000_000 }
  const outcomes = await world.apply({ one: { ...sh(WAIT), resources } })
  const home = detectCgroups().hierarchies.find(({ controllers }) => controllers.includes('cpu'))
  const isThere = existsSync(join(home?.mountPoint ?? '', 'cpu.rt_runtime_us'))
  const text = JSON.stringify(outcomes)
  expect(text).toMatch(isThere ? /"kind":"done"/ : /no real-time group scheduling/)
})
