/** IPv6: networks of both families and of one, published ports, who reaches whom. */
import { closeSync } from 'node:fs'
import type { Server } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createNet, type Net } from '../../src/net/index.ts'
import {
  connectNeighbour,
  enterHost,
  fetchInVain,
  fetchPage,
  fingerprint,
  serveTcp,
  sh,
  startContainer,
  type Container,
} from './world.ts'

let net: Net
let before: string
let lan: number
let outside: Server
let web: Container
const open: (() => unknown)[] = []

beforeAll(async () => {
  enterHost()
  lan = connectNeighbour()
  sh('ip -6 addr add 2001:db8::1/64 dev lan0 nodad')
  sh('ip -6 addr add 2001:db8::2/64 dev lan1 nodad; ip -6 route add default via 2001:db8::1', lan)
  outside = await serveTcp(lan, 80, 'outside', '::')
})
beforeEach(async () => {
  before = fingerprint()
  net = await createNet({ rootId: 'aaaa' })
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  await net.removeAll()
  await net.close()
  expect(fingerprint()).toBe(before)
})
afterAll(() => {
  outside.close()
  // First: a namespace that goes takes its end of the cable along, in its own time.
  sh('ip link del lan0')
  closeSync(lan)
})

const V6 = { subnet: 'fd00:5::/64' }
const dual = { name: 'front', stack: 'shop', internal: false, ipv6: true, subnets: [V6] }

async function start(
  name: string,
  network: string,
  ...addresses: readonly string[]
): Promise<Container> {
  const container = await startContainer(net, name, network, ...addresses)
  open.push(() => closeSync(container.fd))
  return container
}

async function serve(container: Container, port: number, address = '::'): Promise<void> {
  const server = await serveTcp(container.fd, port, container.name, address)
  open.push(() => server.close())
}

async function startWeb(): Promise<void> {
  net.createNetwork(dual)
  web = await start('web-1', 'front', '10.89.0.2', 'fd00:5::2')
  await serve(web, 80)
}

const port = (published: number, hostIp?: string, target = 80) =>
  ({ protocol: 'tcp', hostIp, published: { first: published, last: published }, target }) as const
const publish = (...ports: ReturnType<typeof port>[]) =>
  net.publish({
    container: 'web-1',
    service: 'web',
    network: 'front',
    address: web.address,
    address6: web.address6,
    ports,
  })

test('a network of both families has a subnet and a gateway of each', () => {
  const network = net.createNetwork(dual)
  expect(network).toMatchObject({
    subnets: ['10.89.0.0/24', 'fd00:5::/64'],
    gateways: ['10.89.0.1', 'fd00:5::1'],
  })
  expect(net.listNetworks()).toEqual([network])
})

test('without a wish for one the IPv6 subnet is a /64 of the state root’s own space', () => {
  const [one, two] = ['one', 'two'].map(
    (name) => net.createNetwork({ ...dual, name, subnets: [] }).subnets[1],
  )
  expect(one).toMatch(/^fd[0-9a-f]{2}:.*::\/64$/)
  expect(two).not.toBe(one)
})

test('a network of IPv6 alone gives no IPv4 address, and its containers reach each other', async () => {
  net.createNetwork({ ...dual, ipv4: false })
  const a = await start('a', 'front', 'fd00:5::2')
  const b = await start('b', 'front', 'fd00:5::3')
  await serve(b, 80)
  expect(sh('ip -4 addr show eth0', a.fd)).toBe('')
  expect((await fetchPage('http://[fd00:5::3]', a.fd)).stdout).toBe('b fd00:5::2')
})

test('an interface has its address from the first moment, and believes no router', async () => {
  net.createNetwork(dual)
  const a = await start('a', 'front', '10.89.0.2', 'fd00:5::2')
  expect(sh('ip -6 addr show eth0', a.fd)).not.toContain('tentative')
  // Without this route the kernel takes no packet for it.
  expect(sh('ip -6 route show table local', a.fd)).toMatch(/^local fd00:5::2 dev eth0/m)
  expect(sh('cat /proc/sys/net/ipv6/conf/eth0/accept_ra', a.fd)).toBe('0\n')
  expect(sh('ip -6 route show default', a.fd)).toMatch(/^default via fd00:5::1 dev eth0/)
})

test('a container gets out with the machine’s address', async () => {
  await startWeb()
  expect((await fetchPage('http://[2001:db8::2]', web.fd)).stdout).toBe('outside 2001:db8::1')
})

test('a network that keeps its addresses shows them outside', async () => {
  net.createNetwork({ ...dual, masquerade: false })
  const a = await start('a', 'front', '10.89.0.2', 'fd00:5::2')
  sh('ip -6 route add fd00:5::/64 via 2001:db8::1', lan)
  open.push(() => sh('ip -6 route del fd00:5::/64', lan))
  expect((await fetchPage('http://[2001:db8::2]', a.fd)).stdout).toBe('outside fd00:5::2')
  await serve(a, 80)
  expect((await fetchInVain('http://[fd00:5::2]', lan)).status).not.toBe(0)
})

test('a published port is reached by both families, by a neighbour and from loopback', async () => {
  await startWeb()
  const ports = await publish(port(8080))
  expect(ports.map(({ hostIp }) => hostIp)).toEqual(['0.0.0.0', '::'])
  expect((await fetchPage('http://[2001:db8::1]:8080', lan)).stdout).toBe('web-1 2001:db8::2')
  expect((await fetchPage('http://[2001:db8::1]:8080')).stdout).toBe('web-1 2001:db8::1')
  expect((await fetchPage('http://[::1]:8080')).stdout).toBe('web-1 fd00:5::1')
  expect((await fetchInVain('http://192.0.2.1:8080', lan)).status).not.toBe(0)
})

test('a port of ::1 is not reached from outside, and one of an address only there', async () => {
  await startWeb()
  await publish(port(8080, '::1'), port(8081, '2001:db8::1'))
  expect((await fetchPage('http://[::1]:8080')).stdout).toBe('web-1 fd00:5::1')
  expect((await fetchInVain('http://[2001:db8::1]:8080', lan)).status).not.toBe(0)
  expect((await fetchPage('http://[2001:db8::1]:8081', lan)).stdout).toBe('web-1 2001:db8::2')
  expect((await fetchInVain('http://[::1]:8081')).status).not.toBe(0)
})

test('a container reaches itself and its neighbours by the published port', async () => {
  await startWeb()
  const peer = await start('peer', 'front', '10.89.0.3', 'fd00:5::3')
  await publish(port(8080))
  for (const from of [web, peer]) {
    const answer = await fetchPage('http://[2001:db8::1]:8080', from.fd)
    expect(answer).toMatchObject({ stdout: 'web-1 fd00:5::1' })
  }
})

test('a neighbour who routes to a container’s address gets nothing', async () => {
  await startWeb()
  await publish(port(8080))
  expect((await fetchInVain('http://[fd00:5::2]', lan)).status).not.toBe(0)
})

test('networks do not reach each other, and an internal one reaches nothing', async () => {
  await startWeb()
  net.createNetwork({ ...dual, name: 'back', subnets: [{ subnet: 'fd00:6::/64' }], internal: true })
  const db = await start('db', 'back', '10.89.1.2', 'fd00:6::2')
  expect((await fetchInVain('http://[fd00:5::2]', db.fd)).status).not.toBe(0)
  expect((await fetchInVain('http://[2001:db8::2]', db.fd)).status).not.toBe(0)
  await serve(db, 80)
  expect((await fetchInVain('http://[fd00:6::2]', web.fd)).status).not.toBe(0)
})

test('a container does not speak with an address that is not of its network', async () => {
  await startWeb()
  sh('ip -6 addr add 2001:db8:9::7/128 dev eth0 nodad', web.fd)
  sh('ip -6 route add 2001:db8:9::/64 via 2001:db8::1', lan)
  sh('nft add table ip6 w; nft add chain ip6 w in "{ type filter hook input priority 0; }"', lan)
  sh('nft add rule ip6 w in tcp flags syn tcp dport 80 counter', lan)
  open.push(() => sh('nft delete table ip6 w; ip -6 route del 2001:db8:9::/64', lan))
  const arrived = () => Number(/counter packets (\d+)/.exec(sh('nft list table ip6 w', lan))?.[1])
  expect((await fetchPage('--interface fd00:5::2 http://[2001:db8::2]', web.fd)).status).toBe(0)
  const before = arrived()
  expect(before).toBeGreaterThan(0)
  await fetchInVain('--interface 2001:db8:9::7 http://[2001:db8::2]', web.fd)
  expect(arrived()).toBe(before)
})

test('a machine that lives by router advertisements goes on doing so as a router', () => {
  sh('echo 1 > /proc/sys/net/ipv6/conf/lan0/accept_ra')
  net.createNetwork(dual)
  expect(sh('cat /proc/sys/net/ipv6/conf/lan0/accept_ra')).toBe('2\n')
})

test('an IPv4 network takes no IPv6 from its containers', () => {
  const { bridge } = net.createNetwork({ name: 'old', stack: 'shop', internal: false })
  expect(sh(`cat /proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`)).toBe('1\n')
})

test('a port of an IPv6 address needs a container that has one', async () => {
  net.createNetwork({ name: 'old', stack: 'shop', internal: false })
  web = await start('web-1', 'old', '10.89.0.2')
  const request = { container: 'web-1', service: 'web', network: 'old', address: web.address }
  await expect(net.publish({ ...request, ports: [port(8080, '::1')] })).rejects.toThrow(
    'Cannot publish port 80 of "web" on ::1: the container has no IPv6 address; set "enable_ipv6" of its network',
  )
})
