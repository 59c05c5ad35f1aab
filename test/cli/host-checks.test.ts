import { expect, test } from 'vitest'
import { checkHost, controllers, firewallCheck, limitChecks } from '../../src/cli/host-checks.ts'
import { placesOf } from '../../src/daemon/index.ts'

const NO_PROFILE = { kind: 'absent', why: 'it is not there', cure: 'install it' } as const
const TRIED = { appArmor: NO_PROFILE, firewall: undefined }

const reading = (files: Readonly<Record<string, string>>) => (path: string) => files[path] ?? ''

test('controllers() names what is missing, and how to get it', () => {
  const v2 = (text: string) =>
    controllers('v2', reading({ '/sys/fs/cgroup/cgroup.controllers': text }))
  expect(v2('cpuset cpu io memory pids\n')).toMatchObject([{ state: 'ok' }])
  expect(v2('cpuset cpu io pids\n')).toMatchObject([
    {
      state: 'weak',
      seen: 'without memory',
      cure: expect.stringContaining('cgroup_enable=memory'),
    },
  ])
  const lines = ['memory\t1\t2\t0', 'cpu\t2\t2\t1', 'pids\t3\t1\t1', 'cpuset\t4\t1\t1']
  expect(controllers('v1', reading({ '/proc/cgroups': lines.join('\n') }))).toMatchObject([
    { state: 'weak', seen: 'without memory, devices, freezer' },
  ])
  expect(controllers('none', reading({}))).toEqual([])
})

test('limitChecks() compares the bounds of the system with what containers take', () => {
  const good = {
    '/proc/sys/net/ipv4/ip_forward': '1\n',
    '/proc/sys/fs/inotify/max_user_instances': '512\n',
    '/proc/self/limits':
      'Max open files            65536                1048576              files',
  }
  expect(limitChecks(reading(good)).map(({ state }) => state)).toEqual(['ok', 'ok', 'ok'])
  const poor = limitChecks(reading({ '/proc/self/limits': 'Max open files   1024   4096  files' }))
  expect(poor.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'forwarding weak',
    'open files weak',
    'inotify weak',
  ])
})

test('every check that is not ok has a cure, and none of an ok one is told', () => {
  for (const { state, cure } of checkHost(placesOf('/nowhere/at/all'), TRIED)) {
    expect(cure === undefined).toBe(state === 'ok')
  }
})

test('firewallCheck() believes what the kernel did with our rules more than its list of modules', () => {
  expect(firewallCheck(true, true)).toMatchObject({ state: 'ok', seen: 'known' })
  expect(firewallCheck(false, true)).toMatchObject({ state: 'ok' })
  expect(firewallCheck(true, undefined)).toMatchObject({ state: 'ok' })
  expect(firewallCheck(true, false)).toMatchObject({
    state: 'weak',
    seen: 'known, but not all that is needed: ports are published by a proxy',
    cure: expect.stringContaining('CONFIG_NF_TABLES_IPV4'),
  })
  expect(firewallCheck(false, undefined)).toMatchObject({
    state: 'weak',
    cure: expect.stringContaining('modprobe nf_tables'),
  })
})
