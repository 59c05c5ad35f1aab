import { expect, test } from 'vitest'
import { cgroupVersion, isKnown } from '../../src/cli/host-info.ts'

const v1 = '34 33 0:29 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory'
const unified = '35 33 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw'

test('cgroupVersion() tells v1, v2, both and none apart', () => {
  expect(cgroupVersion(v1, false)).toBe('v1')
  expect(cgroupVersion(`${v1}\n${unified}`, false)).toBe('hybrid')
  expect(cgroupVersion('29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw', true)).toBe('v2')
  expect(cgroupVersion('22 27 0:20 / /proc rw shared:5 - proc proc rw', false)).toBe('none')
})

test('isKnown() takes whole names only', () => {
  const filesystems = 'nodev\tsysfs\n\text4\nnodev\toverlay\n'
  expect(isKnown('overlay', filesystems)).toBe(true)
  expect(isKnown('ext4', filesystems)).toBe(true)
  expect(isKnown('over', filesystems)).toBe(false)
})
