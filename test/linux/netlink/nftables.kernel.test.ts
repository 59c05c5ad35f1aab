import { closeSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { NETLINK_NETFILTER, NetlinkSocket, nft } from '../../../src/linux/index.ts'
import { enterFreshNetwork, readJson, run } from './kernel.ts'

let socket: NetlinkSocket
let home: number
const PORTS: nft.SetDefinition = {
  table: 't',
  name: 'ports',
  key: ['inet_proto', 'ipv4_addr', 'inet_service'],
  data: ['ipv4_addr', 'inet_service'],
}
const BRIDGES: nft.SetDefinition = { table: 't', name: 'bridges', key: ['ifname'] }

const base = (
  type: nft.BaseChain['type'],
  hook: nft.BaseChain['hook'],
  priority: number,
): nft.BaseChain => ({ type, hook, priority })
const rule = (chain: string, ...expressions: readonly nft.Expression[]) =>
  nft.addRule({ table: 't', chain, expressions, comment: chain })

beforeAll(() => {
  home = enterFreshNetwork()
  socket = new NetlinkSocket(NETLINK_NETFILTER)
})
afterEach(() => {
  if (nft.parseTables(socket.dump(nft.listTables())).length > 0) {
    nft.commitBatch(socket, [nft.deleteTable('t')])
  }
  expect(run(['nft', 'list', 'ruleset'])).toBe('')
})
afterAll(() => {
  socket.close()
  closeSync(home)
})

describe('batches', () => {
  test('commitBatch() makes tables, chains, sets and elements that nft lists', () => {
    nft.commitBatch(socket, [
      nft.addTable('t', 'made by a test'),
      nft.addSet(PORTS),
      nft.addSet(BRIDGES),
      nft.addChain('t', 'pre', { type: 'nat', hook: 'prerouting', priority: -100 }),
      nft.addChain('t', 'fwd', { type: 'filter', hook: 'forward', priority: 10, policy: 'drop' }),
      nft.addChain('t', 'extra'),
      nft.addElements(PORTS, [
        { key: [6, '192.0.2.1', 8080], data: ['10.89.0.2', 80], comment: 'web' },
      ]),
      nft.addElements(BRIDGES, [{ key: ['tsb0'] }]),
    ])
    const text = run(['nft', 'list', 'table', 't'])
    expect(text).toContain('tcp . 192.0.2.1 . 8080 comment "web" : 10.89.0.2 . 80')
    expect(text).toContain('elements = { "tsb0" }')
    expect(text).toContain('type nat hook prerouting priority dstnat; policy accept;')
    expect(text).toContain('type filter hook forward priority filter + 10; policy drop;')
    expect(text).toContain('comment "made by a test"')
    const chains = nft.parseChains(socket.dump(nft.listChains()))
    expect(chains).toContainEqual({
      table: 't',
      name: 'fwd',
      base: { hook: 2, priority: 10, policy: 0 },
    })
    expect(chains).toContainEqual({ table: 't', name: 'extra', base: undefined })
    expect(nft.parseTables(socket.dump(nft.listTables()))).toEqual([
      { name: 't', comment: 'made by a test' },
    ])
    expect([...nft.parseSetNames(socket.dump(nft.listSets('t')))].sort()).toEqual([
      'bridges',
      'ports',
    ])
  })

  test('commitBatch() changes nothing when one of its changes is refused, and says which', () => {
    expect(() =>
      nft.commitBatch(socket, [
        nft.addTable('t'),
        nft.addElements(BRIDGES, [{ key: ['tsb0'] }]),
        nft.addChain('t', 'extra'),
      ]),
    ).toThrow(/nftables: add tsb0 in "bridges"\) failed: ENOENT/)
    expect(run(['nft', 'list', 'ruleset'])).toBe('')
  })

  test('tryBatch() leaves nothing behind, and says what would be refused', () => {
    const changes = [
      nft.addTable('t'),
      nft.addSet(BRIDGES),
      nft.addElements(BRIDGES, [{ key: ['tsb0'] }]),
    ]
    expect(nft.tryBatch(socket, changes)).toBeUndefined()
    expect(nft.tryBatch(socket, changes.slice(1))?.message).toMatch(/add set "bridges".* ENOENT/)
    expect(run(['nft', 'list', 'ruleset'])).toBe('')
  })

  test('listElements() gives back two thousand elements of one batch, and they can be deleted', () => {
    const elements = Array.from({ length: 2000 }, (_, index) => ({
      key: [17, '192.0.2.7', 1000 + index],
      data: [`10.89.0.${index % 250}`, index],
      comment: `c${index}`,
    }))
    nft.commitBatch(socket, [
      nft.addTable('t'),
      nft.addSet(PORTS),
      ...elements.map((one) => nft.addElements(PORTS, [one])),
    ])
    // The kernel lets the set's hash table grow in the background, and a dump of several messages
    // goes on by position: while it grows, an element may come twice and another not at all.
    const list = () => nft.parseElements(PORTS, socket.dump(nft.listElements(PORTS)))
    const listed = (count: number) => {
      const isWhole = (found: ReturnType<typeof list>) =>
        new Set(found.map(({ key }) => key[2])).size === count && found.length === count
      let found = list()
      for (let again = 0; again < 100 && !isWhole(found); again += 1) found = list()
      return found.toSorted((a, b) => Number(a.key[2]) - Number(b.key[2]))
    }
    expect(listed(2000)).toEqual(elements)
    nft.commitBatch(socket, [nft.deleteElements(PORTS, elements.slice(0, 500))])
    expect(listed(1500)).toEqual(elements.slice(500))
  })

  test('an interval set holds what lies between its boundaries, and gives them back', () => {
    const subnets: nft.SetDefinition = {
      table: 't',
      name: 's',
      key: ['ipv4_addr'],
      interval: true,
    }
    const elements = [
      { key: ['10.89.0.0'], comment: 'one' },
      { key: ['10.89.1.0'], end: true },
      { key: ['10.89.1.0'], comment: 'two' },
      { key: ['10.89.2.0'], end: true },
    ]
    nft.commitBatch(socket, [
      nft.addTable('t'),
      nft.addSet(subnets),
      nft.addElements(subnets, elements.slice(0, 2)),
      nft.addElements(subnets, elements.slice(2)),
    ])
    expect(run(['nft', 'list', 'set', 't', 's'])).toMatch(/10\.89\.0\.0\/24.*10\.89\.1\.0\/24/s)
    const listed = nft.parseElements(subnets, socket.dump(nft.listElements(subnets)))
    expect(new Set(listed)).toEqual(new Set(elements))
    nft.commitBatch(socket, [nft.deleteElements(subnets, elements.slice(0, 2))])
    expect(run(['nft', 'list', 'set', 't', 's'])).not.toContain('10.89.0.0')
  })

  test('addElements() of a key that has other data is refused', () => {
    nft.commitBatch(socket, [
      nft.addTable('t'),
      nft.addSet(PORTS),
      nft.addElements(PORTS, [{ key: [6, '0.0.0.0', 1], data: ['10.0.0.1', 1] }]),
    ])
    expect(() =>
      nft.commitBatch(socket, [
        nft.addElements(PORTS, [{ key: [6, '0.0.0.0', 1], data: ['10.0.0.2', 1] }]),
      ]),
    ).toThrow(/EEXIST/)
  })
})

describe('rules', () => {
  test('every expression we write reads as nft would have written it', () => {
    const map: nft.SetDefinition = {
      table: 't',
      name: 'm',
      key: ['inet_proto', 'inet_service'],
      data: ['ipv4_addr', 'inet_service'],
    }
    const address: nft.SetDefinition = {
      table: 't',
      name: 'a',
      key: ['inet_proto', 'inet_service'],
      data: ['ipv4_addr'],
    }
    nft.commitBatch(socket, [
      nft.addTable('t'),
      nft.addSet(map),
      nft.addSet(address),
      nft.addSet(BRIDGES),
      nft.addChain('t', 'direct'),
      nft.addChain('t', 'raw', base('filter', 'prerouting', -300)),
      nft.addChain('t', 'pre', base('nat', 'prerouting', -100)),
      nft.addChain('t', 'loop', base('route', 'output', -310)),
      nft.addChain('t', 'post', base('nat', 'postrouting', 100)),
      rule('direct', nft.meta('iifname'), nft.lookup('bridges'), nft.verdict('return')),
      rule(
        'direct',
        nft.conntrack('state'),
        ...nft.hasBits(nft.CT_STATE_INVALID),
        nft.verdict('drop'),
      ),
      rule(
        'raw',
        nft.meta('oifname'),
        nft.compare('eq', Buffer.from('tsb')),
        nft.verdict('accept'),
      ),
      rule(
        'raw',
        nft.payload(nft.SOURCE_ADDRESS),
        nft.compare('neq', Buffer.of(127)),
        nft.jump('direct'),
      ),
      rule(
        'pre',
        nft.destinationType(),
        nft.compare('eq', nft.number32(nft.ADDRESS_TYPE_LOCAL)),
        nft.meta('l4proto'),
        nft.payload(nft.DESTINATION_PORT, nft.slot(1)),
        nft.lookupData('m'),
        nft.destinationNat(),
      ),
      rule(
        'loop',
        nft.meta('l4proto'),
        nft.payload(nft.DESTINATION_PORT, nft.slot(1)),
        nft.lookupData('a'),
        nft.writeAddress(nft.SOURCE_ADDRESS),
      ),
      rule('post', nft.conntrack('status'), ...nft.hasBits(nft.CT_STATUS_DNAT), nft.masquerade()),
    ])
    const text = run(['nft', 'list', 'table', 't'])
    for (const line of [
      'iifname @bridges return',
      'ct state invalid drop',
      'oifname "tsb*" accept',
      'ip saddr != 127.0.0.0/8 jump direct',
      'fib daddr type local dnat ip to meta l4proto . th dport map @m',
      'ip saddr set meta l4proto . th dport map @a',
      'ct status dnat masquerade',
    ]) {
      expect(text.replaceAll('addr . port ', '')).toContain(line)
    }
    const rules = nft.parseRules(socket.dump(nft.listRules('t')))
    expect(rules.find(({ chain }) => chain === 'post')).toMatchObject({
      table: 't',
      handle: expect.any(BigInt),
      chain: 'post',
      expressions: ['ct', 'bitwise', 'cmp', 'masq'],
      comment: 'post',
    })
    nft.commitBatch(socket, [nft.flushChain('t', 'raw')])
    expect(nft.parseRules(socket.dump(nft.listRules('t'))).map(({ chain }) => chain)).not.toContain(
      'raw',
    )
    expect(readJson(['nft', '-j', 'list', 'ruleset']).nftables.length).toBeGreaterThan(5)
  })
})
