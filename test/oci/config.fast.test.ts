/** What the words of a config.json mean: options of mounts, device rules, filters. */
import { describe, expect, test } from 'vitest'
import { formatDeviceRule } from '../../src/linux/index.ts'
import { mountProblems, readMountOptions } from '../../src/oci/mount-options.ts'
import { resourceSettings } from '../../src/oci/resources.ts'
import { seccompProfile } from '../../src/oci/seccomp.ts'
import type { RuntimeSpec, SpecDeviceRule } from '../../src/oci/spec.ts'

const optionsOf = (...options: readonly string[]) =>
  readMountOptions({ destination: '/x', type: 'tmpfs', options })

describe('readMountOptions()', () => {
  test('keeps properties, those of the mounts below, and the file system’s own apart', () => {
    expect(optionsOf('ro', 'rnoexec', 'noatime', 'size=1k', 'defaults')).toMatchObject({
      set: ['readOnly', 'noatime'],
      setBelow: ['noexec'],
      data: ['size=1k'],
      bind: false,
    })
  })

  test('lets the last word about a property count', () => {
    expect(optionsOf('ro', 'rw')).toMatchObject({ set: [], clear: ['readOnly'] })
    expect(optionsOf('rrw', 'rro')).toMatchObject({ setBelow: ['readOnly'], clearBelow: [] })
  })

  test('takes words of a file system that begin with r for no property', () => {
    expect(optionsOf('relatime', 'rootcontext=x').data).toEqual(['rootcontext=x'])
  })

  test.each([
    ['rshared', { kind: 'shared', recursive: true }],
    ['slave', { kind: 'slave', recursive: false }],
  ])('reads %s as propagation', (word, expected) => {
    expect(optionsOf(word).propagation).toEqual([expected])
  })
})

const problems = (mount: object) => [...mountProblems({ destination: '/x', ...mount })]

test('mountProblems() names what no kernel could do', () => {
  expect(problems({ type: 'tmpfs' })).toEqual([])
  expect(problems({ type: 'bind' })).toEqual(['the bind at "/x" has no source'])
  expect(problems({})).toEqual(['the mount at "/x" has no type'])
  expect(problems({ type: 'proc', options: ['tmpcopyup'] })[0]).toContain('for a tmpfs only')
})

const rulesOf = (...devices: readonly SpecDeviceRule[]): readonly string[] => {
  const spec: RuntimeSpec = {
    ociVersion: '1.0.0',
    root: { path: 'r' },
    linux: { resources: { devices } },
  }
  return (resourceSettings(spec).devices ?? []).map(formatDeviceRule)
}
const NOTHING = { allow: false, access: 'rwm' }
const DEFAULTS = rulesOf(NOTHING)

describe('resourceSettings() of devices', () => {
  test('puts the config’s own before the default ones', () => {
    const own = { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' } as const
    expect(rulesOf(NOTHING, own)).toEqual(['c 10:229 rw', ...DEFAULTS])
  })

  test('takes letters off what was allowed before', () => {
    const disk = { type: 'b', major: 8 } as const
    const rules = rulesOf(NOTHING, { allow: true, ...disk }, { allow: false, ...disk, access: 'w' })
    expect(rules[0]).toBe('b 8:* rm')
  })

  test('refuses to make a hole in what is allowed', () => {
    const all = { allow: true, type: 'c', major: 10 } as const
    expect(() => rulesOf(NOTHING, all, { allow: false, type: 'c', major: 10, minor: 1 })).toThrow(
      'Cannot deny "c 10:1 rwm": "c 10:* rwm" allows it before',
    )
  })

  test('allows everything when the last word says so', () => {
    expect(rulesOf(NOTHING, { allow: true, access: 'rwm' })).toEqual(['a *:* rwm'])
  })
})

test('seccompProfile() lets nobody in by an interface that is not named', () => {
  const { abis } = seccompProfile({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_MIPS'],
  })
  expect(abis).toContain('x64')
  expect(abis).not.toContain('i386')
  const flags = { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SOMETHING'] }
  expect(() => seccompProfile(flags)).toThrow('Cannot use "SOMETHING" as a flag')
})
