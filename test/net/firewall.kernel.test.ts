/** Beside the rules of Docker, ufw and the administrator. */
import { closeSync } from 'node:fs'
import type { Server } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createNetworkNamespace } from '../../src/linux/index.ts'
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
let web: Container
const servers: Server[] = []

beforeAll(async () => {
  enterHost()
  lan = connectNeighbour()
  servers.push(await serveTcp(lan, 80, 'outside'))
})
beforeEach(async () => {
  net = await createNet({ rootId: 'aaaa' })
})
afterEach(async () => {
  closeSync(web.fd)
  await net.removeAll()
  await net.close()
  const after = fingerprint()
  sh('nft flush ruleset')
  expect(after).toBe(before)
})
afterAll(() => {
  for (const server of servers) server.close()
  sh('ip link del lan0')
  closeSync(lan)
})

async function publishWeb(): Promise<void> {
  before = fingerprint()
  net.createNetwork({ name: 'n', stack: 's', internal: false })
  web = await startContainer(net, 'web-1', 'n', '10.89.0.2')
  servers.push(await serveTcp(web.fd, 80, 'web'))
  await net.publish({
    container: 'web-1',
    service: 'web',
    network: 'n',
    address: web.address,
    ports: [{ protocol: 'tcp', published: { first: 8080, last: 8080 }, target: 80 }],
  })
}

const inwards = async (fetch = fetchPage) => (await fetch('http://192.0.2.1:8080', lan)).stdout
const outwards = async () => (await fetchPage('http://192.0.2.2', web.fd)).stdout

test.each([
  ['Docker', 'DOCKER-USER', ''],
  ['an older Docker', 'DOCKER-USER', 'iptables-nft -A DOCKER-USER -j RETURN'],
  ['ufw', 'ufw-user-forward', ''],
])('packets pass the forward policy of %s, by the chain it offers', async (_, chain, more) => {
  sh(`iptables-nft -N ${chain}; iptables-nft -A FORWARD -j ${chain}; iptables-nft -P FORWARD DROP`)
  sh(more)
  await publishWeb()
  expect([await inwards(), await outwards()]).toEqual(['web 192.0.2.2', 'outside 192.0.2.1'])
  const text = sh(`iptables-nft -S ${chain}`)
  expect(text).toMatch(/-i tsb\+ .*-j ACCEPT/)
  expect(text).toMatch(/-o tsb\+ .*-j ACCEPT/)
  net.repair()
  expect(sh(`iptables-nft -S ${chain}`)).toBe(text)
})

test('what the user drops in the chain of Docker stays dropped', async () => {
  sh('iptables-nft -N DOCKER-USER; iptables-nft -A FORWARD -j DOCKER-USER')
  sh('iptables-nft -A DOCKER-USER -p tcp --dport 80 -d 10.89.0.0/16 -j DROP')
  await publishWeb()
  expect([await inwards(fetchInVain), await outwards()]).toEqual(['', 'outside 192.0.2.1'])
})

test('a bridge with a name of its own passes as well', async () => {
  sh('iptables-nft -N DOCKER-USER; iptables-nft -A FORWARD -j DOCKER-USER')
  sh('iptables-nft -P FORWARD DROP')
  before = fingerprint()
  net.createNetwork({ name: 'n', stack: 's', internal: false, bridge: 'shop0' })
  web = await startContainer(net, 'web-1', 'n', '10.89.0.2')
  expect(await outwards()).toBe('outside 192.0.2.1')
  expect(sh('iptables-nft -S DOCKER-USER')).toMatch(/-i shop0 .*-j ACCEPT/)
})

test('the administrator’s chain is consulted before ours, and kept while it holds rules', async () => {
  await publishWeb()
  expect(await inwards()).toBe('web 192.0.2.2')
  sh('nft add rule ip tsstack_user forward meta l4proto tcp ct original proto-dst 8080 drop')
  expect([await inwards(fetchInVain), await outwards()]).toEqual(['', 'outside 192.0.2.1'])
  await net.removeAll()
  expect(sh('nft list table ip tsstack_user')).toContain('drop')
  sh('nft delete table ip tsstack_user')
})

test('beside firewalls of other tables that accept, ours still drops', async () => {
  sh('nft add table inet firewalld')
  sh('nft add chain inet firewalld filter_FORWARD "{ type filter hook forward priority 10; }"')
  sh('nft add rule inet firewalld filter_FORWARD accept')
  await publishWeb()
  sh('ip route add 10.89.0.0/24 via 192.0.2.1', lan)
  expect((await fetchInVain('http://10.89.0.2', lan)).status).not.toBe(0)
  expect(await inwards()).toBe('web 192.0.2.2')
  sh('ip route del 10.89.0.0/24', lan)
})

test('rules of iptables-legacy are left as they are', async () => {
  try {
    sh('iptables-legacy -A FORWARD -p tcp --dport 9999 -j DROP')
  } catch {
    await publishWeb()
    return // this kernel has no ip_tables
  }
  const rules = sh('iptables-legacy -S')
  await publishWeb()
  expect([await inwards(), await outwards()]).toEqual(['web 192.0.2.2', 'outside 192.0.2.1'])
  expect(sh('iptables-legacy -S')).toBe(rules)
  sh('iptables-legacy -F FORWARD')
})

test('neighbours on another bridge of the machine reach each other as before', async () => {
  const places = ['10.66.0.2', '10.66.0.3'].map((address) => {
    const fd = createNetworkNamespace()
    return { fd, address }
  })
  sh('ip link add plain0 type bridge; ip link set plain0 up; ip addr add 10.66.0.1/24 dev plain0')
  for (const [at, { fd, address }] of places.entries()) {
    const peer = `type veth peer name eth0 netns /proc/${process.pid}/fd/${fd}`
    sh(`ip link add pl${at} ${peer}; ip link set pl${at} master plain0 up`)
    sh(`ip link set eth0 up; ip addr add ${address}/24 dev eth0`, fd)
  }
  const [one, two] = places.map(({ fd }) => fd)
  servers.push(await serveTcp(two ?? -1, 80, 'two'))
  // Every namespace has the switch of br_netfilter, where the kernel has that.
  sh('echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables || true')
  await publishWeb()
  expect((await fetchPage('http://10.66.0.3', one)).stdout).toBe('two 10.66.0.2')
  sh('ip route add 192.0.2.0/24 via 10.66.0.1', one)
  expect((await fetchInVain('http://192.0.2.2', one)).status).not.toBe(0)
  // Before their namespaces, which take them along in their own time.
  sh('ip link del pl0; ip link del pl1; ip link del plain0')
  for (const { fd } of places) closeSync(fd)
  await net.removeAll()
  before = fingerprint()
})

test('a table of a newer tsstack is left alone, and that is said before anything is made', async () => {
  await publishWeb()
  const listed = sh('nft list tables')
  const table = /table ip (\S*aaaa\S*)/.exec(listed)?.[1] ?? listed
  const request = { name: 'other', stack: 's', internal: false }
  net.checkNetwork(request)
  sh(`nft delete table ip ${table}; nft 'add table ip ${table} { comment "tsstack 2.0"; }'`)
  expect(() => net.checkNetwork(request)).toThrow(`"${table}": a newer tsstack has made it`)
  expect(() => net.createNetwork(request)).toThrow('a newer tsstack has made it')
  expect(sh(`nft list table ip ${table}`)).toContain('tsstack 2.0')
  sh(`nft delete table ip ${table}`)
  net.createNetwork({ ...request, name: 'n' })
})
