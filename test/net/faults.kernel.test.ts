/** Faults on purpose, and interfaces of the machine as networks. */
import { closeSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createNet, type Net } from '../../src/net/index.ts'
import {
  connectNeighbour,
  enterHost,
  fetchInVain,
  fetchPage,
  fingerprint,
  run,
  serveTcp,
  serveUdp,
  sh,
  startContainer,
  type Container,
} from './world.ts'

let net: Net
let before: string
let lan: number
const open: (() => unknown)[] = []

beforeAll(() => {
  enterHost()
  lan = connectNeighbour()
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
  sh('ip link del lan0')
  closeSync(lan)
})

async function start(name: string, network: string, address: string): Promise<Container> {
  const container = await startContainer(net, name, network, address)
  open.push(() => closeSync(container.fd))
  return container
}

async function two(): Promise<readonly [Container, Container]> {
  net.createNetwork({ name: 'n', stack: 's', internal: false })
  const web = await start('web', 'n', '10.89.0.2')
  const db = await start('db', 'n', '10.89.0.3')
  const server = await serveTcp(db.fd, 80, 'db')
  open.push(() => server.close())
  return [web, db]
}

const faultsOf = ({ fd, hostInterface }: Container, faults: object) =>
  net.setFaults({ netnsFd: fd, hostInterfaces: [hostInterface], ...faults })
const works = async (from: Container, to: Container) =>
  (await fetchPage(`http://${to.address}`, from.fd)).status === 0

test('setFaults() cuts containers off from each other alone, and mends it', async () => {
  const [web, db] = await two()
  const other = await start('other', 'n', '10.89.0.4')
  faultsOf(web, { cutOff: [db.address] })
  faultsOf(db, { cutOff: [web.address] })
  expect((await fetchInVain(`http://${db.address}`, web.fd)).status).not.toBe(0)
  expect(await works(other, db)).toBe(true)
  faultsOf(web, {})
  faultsOf(db, {})
  expect(await works(web, db)).toBe(true)
  expect(sh('nft list ruleset', web.fd)).toBe('')
})

test('setFaults() loses about as many packets as it is told', async () => {
  const [web, db] = await two()
  const echo = await serveUdp(db.fd, 7, '')
  open.push(() => echo.close())
  faultsOf(db, { lossPercent: 50 })
  const send = 'for i in $(seq 400); do echo x > /dev/udp/10.89.0.3/9; done'
  sh('nft add table ip w; nft add chain ip w in "{ type filter hook input priority 0; }"', db.fd)
  sh('nft add rule ip w in udp dport 9 counter', db.fd)
  await run(`bash -c '${send}'`, web.fd)
  const [, packets] = /packets (\d+)/.exec(sh('nft list table ip w', db.fd)) ?? []
  expect(Number(packets)).toBeGreaterThan(120)
  expect(Number(packets)).toBeLessThan(280)
})

test('setFaults() lets no more through than its rate, and then as before', async () => {
  const [web, db] = await two()
  faultsOf(web, { bytesPerSecond: 1_000_000 })
  const queue = JSON.parse(sh('tc -j qdisc show dev eth0', web.fd))
  expect(queue).toMatchObject([{ kind: 'tbf', options: { rate: 1_000_000 } }])
  expect(sh(`tc qdisc show dev ${web.hostInterface}`)).toContain('tbf')
  faultsOf(web, {})
  expect(sh('tc qdisc show dev eth0', web.fd)).not.toContain('tbf')
  expect(await works(web, db)).toBe(true)
})

test('setFaults() delays each packet, or says what the kernel lacks', async () => {
  const [web, db] = await two()
  try {
    faultsOf(web, { latencyMs: 30 })
  } catch (error) {
    expect(String(error)).toContain('this kernel has no "netem"; load its module with: modprobe')
    return
  }
  const { stdout } = await run(`curl -s -o /dev/null -w "%{time_connect}" http://10.89.0.3`, web.fd)
  expect(Number(stdout)).toBeGreaterThan(0.059)
  expect(await works(web, db)).toBe(true)
})

const macvlan = (parent: string) => ({
  name: 'lan',
  stack: 's',
  internal: false,
  subnets: [{ subnet: '192.0.2.0/24', gateway: '192.0.2.1' }],
  driver: { kind: 'macvlan', parent, mode: 'bridge' } as const,
})

test('a macvlan network has its containers on the network of the machine', async () => {
  sh('ip link add up0 type veth peer name up1; ip link set up0 up')
  const street = connectNeighbour('tmp0', '198.51.100')
  open.push(
    // Last: a namespace that goes takes its ends of the cables along, in its own time.
    () => closeSync(street),
    () => sh('ip link del up0; ip link del tmp0'),
  )
  sh(`ip link set up1 netns /proc/${process.pid}/fd/${street}`)
  sh('ip link set up1 up; ip addr add 192.0.2.77/24 dev up1', street)
  const network = net.createNetwork(macvlan('up0'))
  expect(network).toMatchObject({ subnets: ['192.0.2.0/24'], gateways: ['192.0.2.1'] })
  expect(net.listNetworks()).toEqual([network])
  const a = await start('a', 'lan', '192.0.2.10')
  const b = await start('b', 'lan', '192.0.2.11')
  const servers = [await serveTcp(street, 80, 'street'), await serveTcp(b.fd, 80, 'b')]
  open.push(() => servers.forEach((server) => server.close()))
  expect((await fetchPage('http://192.0.2.77', a.fd)).stdout).toBe('street 192.0.2.10')
  expect((await fetchPage('http://192.0.2.11', a.fd)).stdout).toBe('b 192.0.2.10')
  expect(sh('ip route show default', a.fd)).toContain('via 192.0.2.1 dev eth0')
  await net.detach({ container: 'a', network: 'lan', netnsFd: a.fd, interfaceName: 'eth0' })
  expect(sh('ip -o link', a.fd)).not.toContain('eth0')
})

test('a network on an interface that is not there is refused before it is made', () => {
  expect(() => net.checkNetwork(macvlan('nowhere'))).toThrow(
    'Cannot create network "lan": its parent "nowhere" is no interface of this machine',
  )
  expect(net.listNetworks()).toEqual([])
})

test('an ipvlan network is made, or the kernel is said to lack it', async () => {
  const ipvlan = { kind: 'ipvlan', parent: 'lan0', mode: 'l2', flag: 'bridge' } as const
  net.createNetwork({ ...macvlan('lan0'), driver: ipvlan })
  try {
    const a = await start('a', 'lan', '192.0.2.10')
    expect(sh('ip -d link show eth0', a.fd)).toContain('ipvlan')
  } catch (error) {
    expect(String(error)).toContain('this kernel has no ipvlan; load its module (modprobe ipvlan)')
  }
})
