import { expect, test } from 'vitest'
import { ownGroups } from '../../../src/linux/cgroup/enter.ts'
import { parseCgroupNumber } from '../../../src/linux/cgroup/files.ts'
import { parseHierarchies } from '../../../src/linux/cgroup/hierarchies.ts'
import { writesForV1 } from '../../../src/linux/cgroup/settings-v1.ts'
import type { CgroupWrite } from '../../../src/linux/cgroup/settings-write.ts'
import { cpuWeight, writesForV2 } from '../../../src/linux/cgroup/settings-v2.ts'

const MIB = 1024 * 1024
const lines = (writes: readonly CgroupWrite[]) =>
  writes.filter(({ isDefault }) => !isDefault).map(({ file, value }) => `${file}=${value}`)
const v1 = (settings: Parameters<typeof writesForV1>[0], sum?: number) =>
  lines(writesForV1(settings, { sum, parentCpus: '0-1' }))
const v2 = (settings: Parameters<typeof writesForV2>[0]) => lines(writesForV2(settings))

test('writesForV1() writes each limit into its file', () => {
  const settings = {
    memoryLow: MIB,
    cpuQuotaUs: 50_000,
    cpuPeriodUs: 20_000,
    cpuShares: 512,
    cpuset: '0',
    pidsMax: 7,
  }
  expect(v1(settings)).toEqual([
    'memory.soft_limit_in_bytes=1048576',
    'cpu.cfs_period_us=20000',
    'cpu.cfs_quota_us=50000',
    'cpu.shares=512',
    'cpuset.cpus=0',
    'pids.max=7',
  ])
})

test('writesForV1() lowers memory before memory and swap', () => {
  expect(v1({ memoryMax: MIB, memorySwapMax: 2 * MIB })).toEqual([
    'memory.limit_in_bytes=1048576',
    'memory.memsw.limit_in_bytes=2097152',
  ])
})

test('writesForV1() raises memory and swap before memory', () => {
  expect(v1({ memoryMax: 4 * MIB, memorySwapMax: 8 * MIB }, 2 * MIB)).toEqual([
    'memory.memsw.limit_in_bytes=8388608',
    'memory.limit_in_bytes=4194304',
  ])
})

test('writesForV1() takes back a limit that is no longer asked for', () => {
  const writes = writesForV1({}, { sum: MIB, parentCpus: '0-1' })
  expect(writes.map(({ file, value }) => `${file}=${value}`)).toEqual([
    'memory.memsw.limit_in_bytes=-1',
    'memory.limit_in_bytes=-1',
    'memory.soft_limit_in_bytes=-1',
    'cpu.cfs_period_us=100000',
    'cpu.cfs_quota_us=-1',
    'cpu.rt_period_us=1000000',
    'cpu.rt_runtime_us=0',
    'memory.swappiness=60',
    'memory.oom_control=0',
    'cpu.shares=1024',
    'cpuset.cpus=0-1',
    'pids.max=max',
    'blkio.bfq.weight=100',
  ])
  expect(writes.every(({ isDefault }) => isDefault)).toBe(true)
})

test('writesForV2() counts swap without memory and weighs shares', () => {
  const settings = { memoryMax: 3 * MIB, memorySwapMax: 4 * MIB, cpuQuotaUs: 150_000, cpuShares: 2 }
  expect(v2(settings)).toEqual([
    'memory.max=3145728',
    'memory.swap.max=1048576',
    'cpu.max=150000 100000',
    'cpu.weight=1',
  ])
})

test('writesForV2() allows no swap when memory and swap are as much as memory', () => {
  expect(v2({ memoryMax: MIB, memorySwapMax: MIB })).toContain('memory.swap.max=0')
})

test.each([
  [0, 1],
  [2, 1],
  [1024, 100],
  [262_144, 10_000],
  [1_000_000, 10_000],
])('cpuWeight() of %i shares is %i', (shares, weight) => {
  expect(cpuWeight(shares)).toBe(weight)
})

test('cpuWeight() never falls as shares grow', () => {
  const weights = Array.from({ length: 18 }, (_, power) => cpuWeight(2 ** (power + 1)))
  expect(weights).toEqual([...weights].sort((a, b) => a - b))
})

test('parseCgroupNumber() reads "max" and v1’s huge number as no limit', () => {
  expect(parseCgroupNumber('max')).toBeUndefined()
  expect(parseCgroupNumber('9223372036854771712')).toBeUndefined()
  expect(parseCgroupNumber('-1')).toBeUndefined()
  expect(parseCgroupNumber('0')).toBe(0)
})

const MOUNTINFO = [
  '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
  '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct',
  '35 31 0:32 /docker/7 /sys/fs/cgroup/my\\040memory ro,relatime - cgroup cgroup rw,xattr,memory',
  '36 31 0:32 /docker/7 /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,xattr,memory',
  '40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd',
  '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate',
].join('\n')

test('parseHierarchies() finds each hierarchy once, and prefers a writable mount', () => {
  const found = parseHierarchies(MOUNTINFO, () => 'hugetlb\n')
  expect(found).toEqual([
    {
      version: 1,
      mountPoint: '/sys/fs/cgroup/cpu,cpuacct',
      root: '/',
      controllers: ['cpu', 'cpuacct'],
      readOnly: false,
    },
    {
      version: 1,
      mountPoint: '/sys/fs/cgroup/memory',
      root: '/docker/7',
      controllers: ['memory'],
      readOnly: false,
    },
    {
      version: 1,
      mountPoint: '/sys/fs/cgroup/systemd',
      root: '/',
      controllers: ['name=systemd'],
      readOnly: false,
    },
    {
      version: 2,
      mountPoint: '/sys/fs/cgroup/unified',
      root: '/',
      controllers: ['hugetlb'],
      readOnly: false,
    },
  ])
})

test('parseHierarchies() undoes the escapes of a mount point and sees read-only', () => {
  const line = MOUNTINFO.split('\n')[2] ?? ''
  expect(parseHierarchies(line, () => '')).toMatchObject([
    { mountPoint: '/sys/fs/cgroup/my memory', readOnly: true },
  ])
})

test('ownGroups() places the paths of /proc/PID/cgroup below the mounts', () => {
  const hierarchies = parseHierarchies(MOUNTINFO, () => '')
  const text = '3:cpu,cpuacct:/user.slice\n2:memory:/docker/7/deep\n1:name=systemd:/../x\n0::/a:b\n'
  expect(ownGroups(hierarchies, text)).toEqual([
    '/sys/fs/cgroup/cpu,cpuacct/user.slice',
    '/sys/fs/cgroup/memory/deep',
    '/sys/fs/cgroup/systemd',
    '/sys/fs/cgroup/unified/a:b',
  ])
})
