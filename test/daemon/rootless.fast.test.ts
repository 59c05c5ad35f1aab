/** What a host has for tsstack without root, judged from what its files say. */
import { describe, expect, test } from 'vitest'
import { rootlessFacts, subIdsOf, type RootlessView } from '../../src/daemon/rootless/facts.ts'

const WHOLE: RootlessView = {
  kernel: '6.12.1',
  user: { name: 'jane', uid: 1000 },
  subuid: 'jane:100000:65536\n',
  subgid: '1000:200000:65536\n',
  maxUserNamespaces: '96365\n',
  unprivilegedClone: '',
  appArmorRestricts: '0\n',
  portStart: '80\n',
  programs: ['newuidmap', 'newgidmap', 'pasta'],
  hasTun: true,
  controllers: ['cpu', 'memory', 'pids'],
}

const lacking = (change: Partial<RootlessView>) =>
  rootlessFacts({ ...WHOLE, ...change })
    .filter(({ state }) => state !== 'ok')
    .map(({ name, state, hint = '' }) => `${name} ${state}: ${hint}`)

describe('rootlessFacts()', () => {
  test('finds nothing missing on a host that has everything', () => {
    expect(lacking({})).toEqual([])
  })
  test.each([
    [{ kernel: '5.10.0' }, /^kernel missing: use Linux 5.13/],
    [{ maxUserNamespaces: '0\n' }, /^user namespaces missing: as root: sysctl -w user\./],
    [{ unprivilegedClone: '0\n' }, /^user namespaces missing: .*unprivileged_userns_clone=1$/],
    [{ appArmorRestricts: '1\n' }, /^user namespaces missing: .*restrict_unprivileged_userns=0$/],
    [{ subuid: 'joe:1:2\n' }, /^users limited: as root: usermod --add-subuids .* jane$/],
    [{ programs: ['pasta'] }, /^users limited: install newuidmap/],
    [{ programs: ['newuidmap', 'newgidmap'] }, /^network limited: install pasta/],
    [{ hasTun: false }, /^network limited: .*\/dev\/net\/tun$/],
    [{ controllers: ['pids'] }, /^limits limited: .*Delegate=yes/],
    [{ portStart: '1024\n' }, /^ports limited: .*ip_unprivileged_port_start=80$/],
  ] as const)('says what %j lacks, and the cure', (change, expected) => {
    expect(lacking(change)).toEqual([expect.stringMatching(expected)])
  })
  test('subIdsOf() reads lines by name and by number, and no empty range', () => {
    const user = { name: 'jane', uid: 1000 }
    expect(subIdsOf('jane:5:0\n1000:7:9\n', user)).toEqual({ first: 7, count: 9 })
    expect(subIdsOf('# jane:5:6\njanes:5:6\n', user)).toBeUndefined()
  })
})
