import * as fc from '../support/random.ts'
import { describe, expect, test } from 'vitest'
import { allocateAddress, isInside, macOf } from '../../src/net/index.ts'
import { bridgeName, formatAlias, parseAlias, vethName } from '../../src/net/interface-name.ts'
import {
  addressNumber,
  chooseSubnet,
  firstHost,
  formatNumber,
  formatSubnet,
  overlaps,
  parseSubnet,
} from '../../src/net/subnet.ts'

const anyIpv4 = fc
  .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }))
  .map(([number, length]) => parseSubnet(`${formatNumber(BigInt(number), 4)}/${length}`))
const anyIpv6 = fc
  .tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.integer({ min: 0, max: 128 }))
  .map(([number, length]) => parseSubnet(`${formatNumber(number, 6)}/${length}`))
const anySubnet = fc.oneof(anyIpv4, anyIpv6)
const occupied = (...subnets: readonly string[]) =>
  subnets.map((text) => ({ subnet: parseSubnet(text), what: text }))

describe('parseSubnet()', () => {
  test('clears host bits and keeps the length', () => {
    expect(formatSubnet(parseSubnet('10.89.3.77/23'))).toBe('10.89.2.0/23')
    expect(formatSubnet(parseSubnet('0.0.0.0/0'))).toBe('0.0.0.0/0')
    expect(formatSubnet(parseSubnet('255.255.255.255/32'))).toBe('255.255.255.255/32')
    expect(formatSubnet(parseSubnet('FD00:0:0:1::77/64'))).toBe('fd00:0:0:1::/64')
    expect(formatSubnet(parseSubnet('::/0'))).toBe('::/0')
  })

  test.each(['', '10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', '10.0.0.0/8x', '1.2.3.4/-1'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseSubnet(text)).toThrow(`Cannot use subnet "${text}"`)
    },
  )

  test('reads back what formatSubnet() wrote', () => {
    fc.assert(
      fc.property(anySubnet, (subnet) => {
        expect(parseSubnet(formatSubnet(subnet))).toEqual(subnet)
      }),
    )
  })
})

describe('overlaps()', () => {
  test('is true both ways exactly when one holds the other’s first address', () => {
    fc.assert(
      fc.property(anySubnet, anySubnet, (one, other) => {
        const holds =
          isInside(formatSubnet(one), formatNumber(other.first, other.family)) ||
          isInside(formatSubnet(other), formatNumber(one.first, one.family))
        expect(overlaps(one, other)).toBe(holds)
        expect(overlaps(other, one)).toBe(holds)
      }),
    )
  })
})

const choose = (pools: readonly string[], ...taken: readonly string[]) => {
  const found = chooseSubnet(pools, 24, occupied(...taken))
  return found && formatSubnet(found)
}

describe('chooseSubnet()', () => {
  test('takes the first free one and goes on to the next pool', () => {
    expect(choose(['10.89.0.0/16'])).toBe('10.89.0.0/24')
    expect(choose(['10.89.0.0/16'], '10.89.0.0/24', '10.89.1.128/25')).toBe('10.89.2.0/24')
    expect(choose(['10.89.0.0/24', '10.90.0.0/16'], '10.89.0.9/32')).toBe('10.90.0.0/24')
    expect(choose(['10.89.0.0/23'], '10.88.0.0/15')).toBeUndefined()
    expect(choose(['10.89.0.0/25'])).toBeUndefined()
    expect(choose(['255.255.254.0/23'], '255.255.254.0/24')).toBe('255.255.255.0/24')
    const found = chooseSubnet(['fd00:1::/48'], 64, occupied('fd00:1::/63', '10.0.0.0/8'))
    expect(found && formatSubnet(found)).toBe('fd00:1:0:2::/64')
  })

  test('never overlaps what is taken, and stays inside its pool', () => {
    const small = fc
      .integer({ min: 0, max: 0xffff })
      .chain((low) =>
        fc
          .integer({ min: 12, max: 32 })
          .map((length) => `${formatNumber(BigInt(0x0a590000 + low), 4)}/${length}`),
      )
    fc.assert(
      fc.property(fc.array(small, { maxLength: 40 }), (taken) => {
        const found = chooseSubnet(['10.89.0.0/16'], 24, occupied(...taken))
        const all = Array.from({ length: 256 }, (_, index) => parseSubnet(`10.89.${index}.0/24`))
        const free = all.find((one) => !taken.some((text) => overlaps(parseSubnet(text), one)))
        expect(found).toEqual(free)
      }),
    )
  })
})

const subnet = '10.89.0.0/29'
const container = 'web-1'
const ask = (requested: string) =>
  allocateAddress({ subnet, taken: ['10.89.0.1'], requested, container })

describe('allocateAddress()', () => {
  test('takes the lowest free address, never that of the network or of broadcast', () => {
    const taken: string[] = ['10.89.0.1']
    for (let last = 2; last <= 6; last++) {
      const address = allocateAddress({ subnet, taken, container })
      expect(address).toBe(`10.89.0.${last}`)
      taken.push(address)
    }
    expect(() => allocateAddress({ subnet, taken, container })).toThrow(
      'Cannot give "web-1" an address of 10.89.0.0/29: all of its addresses are taken; use a larger subnet',
    )
  })

  test('gives what was requested, or says why not', () => {
    expect(ask('10.89.0.5')).toBe('10.89.0.5')
    expect(() => ask('10.89.0.1')).toThrow('10.89.0.1 is taken')
    expect(() => ask('10.89.0.8')).toThrow('10.89.0.8 is outside of it')
  })

  test('stays inside the range', () => {
    const range = '10.89.0.128/25'
    expect(allocateAddress({ subnet: '10.89.0.0/24', taken: [], range, container })).toBe(
      '10.89.0.128',
    )
  })
})

describe('names of interfaces', () => {
  test('macOf() is locally administered and different for each address', () => {
    expect(macOf('10.89.0.2')).toBe('02:42:0a:59:00:02')
    expect(macOf('192.168.255.1')).toBe('02:42:c0:a8:ff:01')
  })

  test('bridgeName() and vethName() fit, repeat, and depend on every part', () => {
    const names = [
      bridgeName('a', 'x'),
      bridgeName('b', 'x'),
      bridgeName('a', 'y'),
      vethName('a', { container: 'c', network: 'x' }),
      vethName('a', { container: 'd', network: 'x' }),
      vethName('a', { container: 'c', network: 'y' }),
    ]
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^ts[bv][0-9a-f]{12}$/)
    expect(bridgeName('a', 'x')).toBe(names[0])
  })

  test('parseAlias() reads back formatAlias() for its own root only', () => {
    const plain = { internal: false, icc: true, masquerade: true, guarded: false, subnets: [] }
    const bridge = { kind: 'bridge' } as const
    const shop = { kind: 'network', stack: 'shop', ...plain, driver: bridge } as const
    const subnets = [
      { subnet: '192.0.2.0/24', gateway: '192.0.2.1' },
      { subnet: 'fd00::/64', gateway: 'fd00::1' },
    ]
    const owners = [
      { ...shop, network: 'shop_default' },
      {
        ...shop,
        network: 'shop_safe',
        internal: true,
        icc: false,
        masquerade: false,
        guarded: true,
      },
      {
        ...shop,
        network: 'shop_lan',
        driver: { kind: 'macvlan', parent: 'eth0.10', mode: 'bridge' },
        subnets,
      },
      {
        ...shop,
        network: 'shop_ip',
        driver: { kind: 'ipvlan', parent: 'eth0', mode: 'l3', flag: 'private' },
        subnets,
      },
      { kind: 'container', network: 'shop_default', container: 'shop-web-1' },
    ] as const
    for (const owner of owners) {
      expect(parseAlias('abcd', formatAlias('abcd', owner))).toEqual(owner)
      expect(parseAlias('abce', formatAlias('abcd', owner))).toBeUndefined()
    }
    for (const alias of [undefined, '', 'tsstack', 'tsstack:abcd', 'tsstack:abcd::net', 'eth']) {
      expect(parseAlias('abcd', alias)).toBeUndefined()
    }
  })

  test('addressNumber() and formatNumber() are inverse', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (number) => {
        expect(addressNumber(formatNumber(number, 6))).toBe(number)
        const small = number & 0xffffffffn
        expect(addressNumber(formatNumber(small, 4))).toBe(small)
      }),
    )
    expect(firstHost(parseSubnet('10.0.0.0/31'))).toBe('10.0.0.0')
  })
})
