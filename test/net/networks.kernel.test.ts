import { closeSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createNet, type Net } from '../../src/net/index.ts'
import { createNetworkNamespace } from '../../src/linux/index.ts'
import { enterHost, fingerprint, run, sh, startContainer } from './world.ts'

let net: Net
let before: string

beforeAll(() => {
  enterHost()
  sh('ip link add up0 type bridge; ip addr add 203.0.113.1/24 dev up0; ip link set up0 up')
})
beforeEach(async () => {
  before = fingerprint()
  net = await createNet({ rootId: 'aaaa' })
})
afterEach(async () => {
  await net.removeAll()
  await net.close()
  expect(fingerprint()).toBe(before)
})
afterAll(() => sh('ip link del up0'))

const request = { name: 'shop_default', stack: 'shop', internal: false }

const forwarding = () => sh('cat /proc/sys/net/ipv4/ip_forward').trim()

/** Subnets of a network that so many containers will be in. */
function subnetsFor(endpoints: number): readonly string[] {
  return net.createNetwork({ ...request, name: `for-${endpoints}`, endpoints }).subnets
}

describe('createNetwork()', () => {
  test('makes a bridge that carries its owner, with the first address of a free subnet', () => {
    const network = net.createNetwork(request)
    expect(network).toMatchObject({ subnets: ['10.89.0.0/24'], gateways: ['10.89.0.1'], mtu: 1500 })
    expect(network.bridge).toMatch(/^tsb[0-9a-f]{12}$/)
    const [link] = JSON.parse(sh(`ip -j -d addr show ${network.bridge}`))
    expect(link).toMatchObject({
      ifalias: 'tsstack:aaaa:shop:shop_default',
      address: '02:42:0a:59:00:01',
      linkinfo: { info_kind: 'bridge' },
    })
    expect(link.flags).toContain('UP')
    expect(link.addr_info.map((one: any) => `${one.local}/${one.prefixlen}`)).toEqual([
      '10.89.0.1/24',
    ])
  })

  test('takes a subnet with room for twice the containers that are to come', () => {
    expect(subnetsFor(125)).toEqual(['10.89.0.0/24'])
    expect(subnetsFor(127)).toEqual(['10.89.2.0/23'])
    expect(subnetsFor(500)).toEqual(['10.89.4.0/22'])
  })

  test('gives the same network again, and lists it from the kernel alone', async () => {
    const first = net.createNetwork(request)
    expect(net.createNetwork(request)).toEqual(first)
    expect((await createNet({ rootId: 'aaaa' })).listNetworks()).toEqual([first])
    expect((await createNet({ rootId: 'bbbb' })).listNetworks()).toEqual([])
  })

  test('avoids routes, addresses, networks of its own and subnets named as taken', () => {
    sh(
      'ip route add 10.89.0.0/23 dev up0; ip addr add 10.89.2.77/32 dev up0; ip route add blackhole 10.89.5.0/26',
    )
    net.createNetwork({ ...request, name: 'one' })
    const two = net.createNetwork({ ...request, name: 'two', taken: ['10.89.4.0/24'] })
    expect(net.listNetworks().map(({ subnets }) => subnets[0])).toContain('10.89.3.0/24')
    expect(two.subnets).toEqual(['10.89.6.0/24'])
    sh(
      'ip route del 10.89.0.0/23; ip addr del 10.89.2.77/32 dev up0; ip route del blackhole 10.89.5.0/26',
    )
  })

  test('does not take default routes, whole or in halves, for occupied space', () => {
    sh(
      'ip route add default via 203.0.113.9; ip route add 0.0.0.0/1 dev up0; ip route add 128.0.0.0/1 dev up0',
    )
    expect(net.createNetwork(request).subnets).toEqual(['10.89.0.0/24'])
    sh('ip route del default; ip route del 0.0.0.0/1; ip route del 128.0.0.0/1')
  })

  test('says what a wanted subnet clashes with', () => {
    const clash = (subnet: string) => () => net.createNetwork({ ...request, subnets: [{ subnet }] })
    expect(clash('203.0.113.128/25')).toThrow(
      'Cannot create network "shop_default" with subnet 203.0.113.128/25: it overlaps the address 203.0.113.1/24 of "up0"; choose another subnet',
    )
    net.createNetwork({
      ...request,
      name: 'one',
      subnets: [{ subnet: '10.7.0.0/16', gateway: '10.7.0.9' }],
    })
    expect(clash('10.7.3.0/24')).toThrow(
      /overlaps the address 10\.7\.0\.9\/16 of "tsstack:aaaa:shop:one"/,
    )
    expect(clash('fd00::/640')).toThrow(/it is none; write it as/)
  })

  test('says when every pool is used up', async () => {
    const small = await createNet({ rootId: 'aaaa', pools: ['10.1.0.0/23'] })
    small.createNetwork({ ...request, name: 'one' })
    small.createNetwork({ ...request, name: 'two' })
    expect(() => small.createNetwork({ ...request, name: 'three' })).toThrow(
      /every IPv4 subnet of the pools is in use/,
    )
  })

  test('repairs a bridge left half-made by a process that died', async () => {
    const { bridge } = net.createNetwork(request)
    await net.removeNetwork(request.name)
    sh(`ip link add ${bridge} type bridge`)
    expect(net.createNetwork(request)).toMatchObject({ bridge, gateways: ['10.89.0.1'] })
  })
})

const rules = () => sh('nft -a list table ip tsstack_aaaa').match(/# handle \d+$/gm)

describe('the table', () => {
  test('stays as it is when nothing changes, and grows by elements alone', () => {
    net.createNetwork(request)
    const first = rules()
    net.createNetwork(request)
    net.createNetwork({ ...request, name: 'two' })
    net.repair()
    expect(rules()).toEqual(first)
    expect(first?.length).toBeGreaterThan(20)
  })

  test('forgets a bridge that somebody deleted, at the next repair()', () => {
    const { bridge } = net.createNetwork(request)
    net.createNetwork({ ...request, name: 'two' })
    sh(`ip link del ${bridge}`)
    net.repair()
    const now = sh('nft list table ip tsstack_aaaa')
    expect(now).not.toContain(bridge)
    expect(now).not.toContain('10.89.0.0/24')
    expect(now).toContain('10.89.1.0/24')
  })

  test('of another version is replaced with what it holds', () => {
    const { bridge } = net.createNetwork(request)
    sh('nft flush chain ip tsstack_aaaa forward')
    net.createNetwork({ ...request, name: 'two' })
    const now = sh('nft list table ip tsstack_aaaa')
    expect(now).toContain('to a published port')
    expect(now).toContain(`"${bridge}" . "${bridge}" comment "${bridge}"`)
    expect(now).toContain('10.89.0.0/24')
  })
})

describe('ip_forward', () => {
  test('is on while a network needs it, guarded, and off again with the last state root', async () => {
    const other = await createNet({ rootId: 'bbbb' })
    expect(forwarding()).toBe('0')
    net.createNetwork({ ...request, internal: true })
    expect(forwarding()).toBe('0')
    net.createNetwork({ ...request, name: 'open' })
    expect(forwarding()).toBe('1')
    expect(sh('nft list chain ip tsstack_aaaa forward_guard')).toContain('policy drop')
    other.createNetwork({ ...request, stack: 'x' })
    await net.removeNetwork('open')
    await net.removeNetwork(request.name)
    expect(forwarding()).toBe('1')
    await other.removeNetwork(request.name)
    expect(forwarding()).toBe('0')
  })

  test('stays as it was where the machine routed before', async () => {
    sh('echo 1 > /proc/sys/net/ipv4/ip_forward')
    net.createNetwork(request)
    expect(sh('nft list ruleset')).not.toContain('forward_guard')
    await net.removeNetwork(request.name)
    expect(forwarding()).toBe('1')
    sh('echo 0 > /proc/sys/net/ipv4/ip_forward')
  })
})

describe('attach()', () => {
  test('gives a namespace its interface, address, route and settings', async () => {
    net.createNetwork(request)
    const web = await startContainer(net, 'web', 'shop_default', '10.89.0.2')
    expect(web).toMatchObject({ interfaceName: 'eth0', mac: '02:42:0a:59:00:02' })
    const links = JSON.parse(sh('ip -j addr', web.fd))
    const eth0 = links.find((one: any) => one.ifname === 'eth0')
    expect(eth0).toMatchObject({ address: '02:42:0a:59:00:02', mtu: 1500, operstate: 'UP' })
    expect(eth0.addr_info.map((one: any) => one.local)).toEqual(['10.89.0.2'])
    expect(links.find((one: any) => one.ifname === 'lo').flags).toContain('UP')
    expect(sh('ip route', web.fd)).toMatch(/^default via 10\.89\.0\.1 dev eth0/)
    expect(sh('cat /proc/sys/net/ipv4/ip_unprivileged_port_start', web.fd)).toBe('0\n')
    expect(sh('cat /proc/sys/net/ipv4/ping_group_range', web.fd)).toBe('0\t2147483647\n')
    expect(sh('cat /proc/sys/net/ipv6/conf/eth0/accept_ra || echo 0', web.fd)).toBe('0\n')
    const [port] = JSON.parse(sh(`ip -j link show ${web.hostInterface}`))
    expect(port).toMatchObject({ ifalias: 'tsstack:aaaa::shop_default:web', operstate: 'UP' })
    closeSync(web.fd)
  })

  test('gives no default route in an internal network', async () => {
    net.createNetwork({ ...request, internal: true })
    const web = await startContainer(net, 'web', 'shop_default', '10.89.0.2')
    expect(sh('ip route', web.fd)).not.toContain('default')
    closeSync(web.fd)
  })

  test('replaces the cable of an attempt whose namespace still lives', async () => {
    net.createNetwork(request)
    const first = await startContainer(net, 'web', 'shop_default', '10.89.0.2')
    const second = await startContainer(net, 'web', 'shop_default', '10.89.0.2')
    expect(second.hostInterface).toBe(first.hostInterface)
    expect(sh('ip -o link', first.fd)).not.toContain('eth0')
    expect((await run('busybox ping -c1 -W60 10.89.0.1', second.fd)).status).toBe(0)
    expect(net.listAttachments()).toEqual([
      { container: 'web', network: 'shop_default', hostInterface: second.hostInterface },
    ])
    closeSync(first.fd)
    closeSync(second.fd)
  })

  test('connects one container to two networks', async () => {
    net.createNetwork(request)
    net.createNetwork({ ...request, name: 'shop_back' })
    const web = await startContainer(net, 'web', 'shop_default', '10.89.0.2')
    await net.attach({
      netnsFd: web.fd,
      container: 'web',
      network: 'shop_back',
      interfaceName: 'eth1',
      address: '10.89.1.2',
      defaultRoute: false,
    })
    const db = await startContainer(net, 'db', 'shop_back', '10.89.1.3')
    expect((await run('busybox ping -c1 -W60 10.89.1.3', web.fd)).status).toBe(0)
    expect(sh('ip route', web.fd).match(/default/g)).toHaveLength(1)
    closeSync(web.fd)
    closeSync(db.fd)
  })

  test('leaves nothing behind when it cannot be done', async () => {
    net.createNetwork(request)
    const fd = createNetworkNamespace()
    await expect(
      net.attach({
        netnsFd: fd,
        container: 'web',
        network: 'nowhere',
        address: '10.89.0.2',
        defaultRoute: true,
      }),
    ).rejects.toThrow('Cannot use network "nowhere": it does not exist')
    sh('ip link add eth0 type bridge', fd)
    await expect(
      net.attach({
        netnsFd: fd,
        container: 'web',
        network: 'shop_default',
        address: '10.89.0.2',
        defaultRoute: true,
      }),
    ).rejects.toThrow(/EEXIST/)
    expect(net.listAttachments()).toEqual([])
    closeSync(fd)
  })

  test('detach() takes the cable away, also when it is gone already', async () => {
    net.createNetwork(request)
    const web = await startContainer(net, 'web', 'shop_default', '10.89.0.2')
    await net.detach({ container: 'web', network: 'shop_default' })
    await net.detach({ container: 'web', network: 'shop_default' })
    expect(sh('ip -o link', web.fd)).not.toContain('eth0')
    closeSync(web.fd)
  })
})

describe('many at once', () => {
  test('detach() of many containers takes away all of theirs and no other', async () => {
    net.createNetwork(request)
    const numbers = Array.from({ length: 6 }, (_, index) => index)
    const containers = await Promise.all(
      numbers.map((index) =>
        startContainer(net, `web-${index}`, 'shop_default', `10.89.0.${index + 2}`),
      ),
    )
    const gone = containers.slice(1)
    closeSync(gone[0]?.fd ?? -1) // its cable goes by itself, perhaps at the same time
    await Promise.all(
      gone.map(({ name }) => net.detach({ container: name, network: 'shop_default' })),
    )
    expect(net.listAttachments().map(({ container }) => container)).toEqual(['web-0'])
    for (const { fd } of containers.filter((one) => one !== gone[0])) closeSync(fd)
  })
})

describe('removeAll()', () => {
  test('touches nothing of another state root', async () => {
    const other = await createNet({ rootId: 'bbbb' })
    other.createNetwork({ ...request, name: 'theirs' })
    const theirs = await startContainer(other, 'x', 'theirs', '10.89.0.2')
    const alone = fingerprint()
    net.createNetwork(request)
    const ours = await startContainer(net, 'web', 'shop_default', '10.89.1.2')
    await net.removeAll()
    expect(fingerprint()).toBe(alone)
    await other.removeAll()
    closeSync(theirs.fd)
    closeSync(ours.fd)
  })
})
