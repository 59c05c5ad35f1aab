import { describe, expect, test } from 'vitest'
import {
  capabilityMask,
  capabilityName,
  capabilityNames,
  capabilityNumber,
  CAPABILITIES,
  DEFAULT_CAPABILITIES,
} from '../../src/linux/capabilities.ts'
import {
  hasFileSystem,
  hasNamespace,
  isKernelAtLeast,
  kernelVersion,
} from '../../src/linux/kernel.ts'
import { deviceNumber } from '../../src/linux/stat.ts'

describe('capabilities', () => {
  test('capabilityMask() of the default is the mask that Docker containers show', () => {
    expect(capabilityMask(DEFAULT_CAPABILITIES)).toBe(0xa80425fbn)
    expect(capabilityNames(0xa80425fbn).sort()).toEqual([...DEFAULT_CAPABILITIES].sort())
  })

  test('capabilityName() takes any case, with and without CAP_', () => {
    expect(capabilityName('cap_net_admin')).toBe('NET_ADMIN')
    expect(capabilityName('Sys_Admin')).toBe('SYS_ADMIN')
    expect(capabilityName('ALL')).toBeUndefined()
  })

  test('capabilityNumber() follows the kernel header', () => {
    expect(capabilityNumber('SYS_ADMIN')).toBe(21)
    expect(capabilityNumber('CHECKPOINT_RESTORE')).toBe(40)
    expect(CAPABILITIES).toHaveLength(41)
    expect(() => capabilityNumber('ALL')).toThrow('"ALL"')
  })
})

describe('isKernelAtLeast()', () => {
  test.each([
    ['5.12', '6.1.0-debian', true],
    ['6.1', '6.1.0', true],
    ['6.10', '6.9.12', false],
    ['6.10', '6.18.0', true],
    ['7.0', '6.18.0', false],
  ])('%s on %s is %s', (wanted, running, expected) => {
    expect(isKernelAtLeast(wanted, running)).toBe(expected)
  })

  test('hasFileSystem() and hasNamespace() say what /proc says', () => {
    expect([hasFileSystem('proc'), hasFileSystem('nosuchfs')]).toEqual([true, false])
    expect(hasNamespace('mnt')).toBe(true)
  })

  test('kernelVersion() reads a vendor’s release', () => {
    expect(kernelVersion('6.8.0-45-generic')).toEqual([6, 8])
  })
})

test('deviceNumber() packs major and minor as glibc does', () => {
  expect(deviceNumber(1, 3)).toBe(0x103n)
  expect(deviceNumber(259, 70_000)).toBe(0x11110370n)
})
