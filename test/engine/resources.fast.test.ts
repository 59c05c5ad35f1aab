import { expect, test } from 'vitest'
import { cgroupSettings } from '../../src/engine/resources.ts'
import { PIDS_MAX_DEFAULT } from '../../src/limits.ts'
import { formatDeviceRule } from '../../src/linux/index.ts'
import type { ContainerSpec } from '../../src/planner/index.ts'

const MIB = 1024 * 1024
const able = { can: () => true, canLimitSwap: true }
const unable = { can: () => false, canLimitSwap: false }
const settings = (
  resources: ContainerSpec['resources'],
  machine: Parameters<typeof cgroupSettings>[1] = able,
  privileged = false,
) => cgroupSettings({ resources, privileged } as ContainerSpec, machine)

test('cgroupSettings() of nothing limits nothing but devices', () => {
  const { devices, ...limits } = settings({})
  expect(Object.values(limits).filter((value) => value !== undefined)).toEqual([])
  expect(devices?.map(formatDeviceRule)).toEqual([
    'c *:* m',
    'b *:* m',
    ...[3, 5, 7, 8, 9].map((minor) => `c 1:${minor} rwm`),
    ...[0, 2].map((minor) => `c 5:${minor} rwm`),
    'c 136:* rwm',
  ])
})

test('cgroupSettings() of a privileged container allows every device', () => {
  expect(settings({}, able, true).devices?.map(formatDeviceRule)).toEqual(['a *:* rwm'])
})

test.each([
  [0.5, 50_000],
  [2, 200_000],
  [0.015, 1500],
  [0.001, 1000],
])('cgroupSettings() makes %f cpus a quota of %i µs in 100 000', (cpus, cpuQuotaUs) => {
  expect(settings({ cpus })).toMatchObject({ cpuQuotaUs, cpuPeriodUs: 100_000 })
})

test('cgroupSettings() gives as much swap as memory, unless the stack file says', () => {
  const memoryBytesMax = 64 * MIB
  const swap = (memorySwapBytesMax?: number) =>
    settings({
      memoryBytesMax,
      ...(memorySwapBytesMax === undefined ? {} : { memorySwapBytesMax }),
    }).memorySwapMax
  expect(swap()).toBe(128 * MIB)
  expect(swap(0)).toBe(128 * MIB)
  expect(swap(64 * MIB)).toBe(64 * MIB)
  expect(swap(-1)).toBeUndefined()
  expect(settings({}).memorySwapMax).toBeUndefined()
})

test('cgroupSettings() leaves out what nobody asked for where the kernel cannot', () => {
  const derived = { memoryBytesMax: MIB, pidsMax: PIDS_MAX_DEFAULT }
  expect(settings(derived, unable)).toMatchObject({ memoryMax: MIB })
  expect(settings(derived, unable).memorySwapMax).toBeUndefined()
  expect(settings(derived, unable).pidsMax).toBeUndefined()
  // Asked for: the kernel has to refuse it, so that it is not silently lost.
  const asked = { memoryBytesMax: MIB, memorySwapBytesMax: 2 * MIB, pidsMax: 7 }
  expect(settings(asked, unable)).toMatchObject({ memorySwapMax: 2 * MIB, pidsMax: 7 })
})

test('cgroupSettings() takes 0 and -1 processes, 0 cpus and 0 shares as no limit', () => {
  const none = settings({ pidsMax: -1, cpus: 0, cpuShares: 0, cpuset: '' })
  expect(none).toMatchObject({ pidsMax: undefined, cpuShares: undefined, cpuset: undefined })
  expect(none.cpuQuotaUs).toBeUndefined()
  expect(settings({ pidsMax: 0 }).pidsMax).toBeUndefined()
})
