/** The firewall and the routes of containers on several networks. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { attached, sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const serve = sh('mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www')
const published = (port: number) =>
  [{ target: 80, protocol: 'tcp', published: { first: port, last: port } }] as const
const NETS = { networks: [{ name: 'tst_a' }, { name: 'tst_b' }] }

const host = (command: string): string => execFileSync('sh', ['-c', command], { encoding: 'utf8' })

test('a port is published by the network of the default route, first or not', async () => {
  const web = {
    ...serve,
    ...attached('tst_a', { network: 'tst_b', gatewayPriority: 1 }),
    ports: published(18081),
  }
  await world.up({ web }, NETS)
  await world.exec('web', 'until wget -q -O - http://127.0.0.1/; do :; done')
  const { addresses } = await world.observe('web')
  const target = addresses.find(({ network }) => network === 'tst_b')?.ipv4 ?? ''
  const other = addresses.find(({ network }) => network === 'tst_a')?.ipv4 ?? ''
  const rules = host('nft list ruleset')
  expect(rules).toContain(`${target} . 80`)
  expect(rules).not.toContain(`${other} . 80`)
  // An address that no bridge has: the answer takes the default route.
  host('ip addr add 203.0.113.7/32 dev lo')
  try {
    const words = 'wget -q -O - -T 60 --bind-address=203.0.113.7 http://203.0.113.7:18081/'
    expect(host(words)).toBe('hello\n')
  } finally {
    host('ip addr del 203.0.113.7/32 dev lo')
  }
})

test('a new engine puts right what was removed from the firewall while nobody lived', async () => {
  await world.up({ web: { ...serve, ...attached('tst_a') } }, { networks: [{ name: 'tst_a' }] })
  const before = host('nft list ruleset')
  await world.engine.close()
  const table = /table (\w+ tsstack_[0-9a-f]{8})/.exec(before)?.[1] ?? 'unknown'
  host(`nft flush set ${table} bridges`)
  const broken = host('nft list ruleset')
  await world.start()
  expect(broken).not.toBe(before)
  expect(host('nft list ruleset')).toBe(before)
})
