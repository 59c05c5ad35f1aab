import { closeSync, existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNet, offersNftables, type Net } from '../../src/net/index.ts'
import {
  askUdp,
  connectNeighbour,
  enterHost,
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
let web: Container
let other: Container
const servers: { close(): unknown }[] = []
const PORTS = [
  { protocol: 'tcp' as const, target: 80, published: { first: 8080, last: 8080 } },
  { protocol: 'udp' as const, target: 53, published: { first: 5353, last: 5353 } },
  {
    protocol: 'tcp' as const,
    target: 8000,
    hostIp: '127.0.0.1',
    published: { first: 8081, last: 8081 },
  },
]
const publish = (address = web.address) =>
  net.publish({ container: 'web-1', service: 'web', network: 'front', address, ports: PORTS })

beforeAll(async () => {
  enterHost()
  lan = connectNeighbour()
  before = fingerprint()
  net = await createNet({ rootId: 'aaaa', firewall: 'proxy' })
  net.createNetwork({ name: 'front', stack: 'shop', internal: false })
  web = await startContainer(net, 'web-1', 'front', '10.89.0.2')
  other = await startContainer(net, 'web-2', 'front', '10.89.0.3')
  servers.push(await serveTcp(web.fd, 80, 'web'), await serveUdp(web.fd, 53, 'udp'))
  servers.push(await serveTcp(other.fd, 80, 'other'))
})
afterAll(async () => {
  await net.removeAll()
  expect(fingerprint()).toBe(before)
  await net.close()
  for (const server of servers) server.close()
  for (const fd of [web.fd, other.fd, lan]) closeSync(fd)
})

describe('without nf_tables', () => {
  test('capabilities() say what does not work', () => {
    expect(net.capabilities()).toMatchObject({ nftables: false, outbound: false })
    expect(net.capabilities().warnings.join()).toContain('no nf_tables')
    expect(sh('nft list ruleset')).toBe('')
  })

  test('whether the kernel has what is needed of it is tried, which leaves nothing behind', async () => {
    const { status } = await run('nft add table ip tsstack_try && nft delete table ip tsstack_try')
    expect(await offersNftables()).toBe(status === 0)
    expect(sh('nft list ruleset')).toBe('')
  })

  test('published ports answer the neighbour and the host through the proxy', async () => {
    await publish()
    expect((await fetchPage('http://192.0.2.1:8080', lan)).stdout).toBe('web 10.89.0.1')
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toBe('web 10.89.0.1')
    expect(await askUdp('hi', '192.0.2.1:5353', { fd: lan })).toBe('udp hi 10.89.0.1')
    expect(net.listPublished()).toHaveLength(3)
  })

  test('megabytes pass whole, and a half-closed connection still answers', async () => {
    await publish()
    const blob = `/tmp/tsstack-proxy-blob-${process.pid}`
    await run(`head -c 3000000 /dev/urandom > ${blob}`)
    const listener = run('socat -t60 tcp4-listen:8000,reuseaddr exec:sha256sum', web.fd)
    await run('until ss -ltn | grep -q :8000; do :; done', web.fd)
    const sent = await run(
      `socat -t60 - tcp4:127.0.0.1:8081 < ${blob}; sha256sum < ${blob}; rm ${blob}`,
    )
    const [through, direct] = sent.stdout.trim().split('\n')
    expect(through).toBe(direct)
    await listener
  })

  test('an address that changes is followed, and the port given back at the end', async () => {
    await publish(other.address)
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toBe('other 10.89.0.1')
    await net.unpublish('web-1')
    expect((await fetchPage('http://127.0.0.1:8080')).status).toBe(7)
    expect(sh('ss -Hltn; ss -Hlun')).toBe('')
  })

  test('a port with connections that have just ended can be had again', async () => {
    await publish()
    const listener = run('socat -u tcp4-listen:8000,reuseaddr open:/dev/null', web.fd)
    await run('until ss -ltn | grep -q :8000; do sleep 0.02; done', web.fd)
    const client = run('socat -u tcp4:127.0.0.1:8081 -')
    await run('until ss -Htn state established sport = 8081 | grep -q .; do sleep 0.02; done')
    // The proxy has taken it, and gone on to the container.
    const through = 'ss -Htn state established sport = 8000'
    await run(`until ${through} | grep -q .; do sleep 0.02; done`, web.fd)
    await net.unpublish('web-1')
    await Promise.all([listener, client])
    expect(sh('ss -Htan sport = 8081')).not.toBe('')
    await publish()
    expect((await fetchPage('http://192.0.2.1:8080', lan)).stdout).toBe('web 10.89.0.1')
    await net.unpublish('web-1')
  })
})

test.skipIf(!existsSync('/proc/sys/net/ipv6'))(
  'without nf_tables ports of IPv6 go through the proxy as well, shared by replicas',
  async () => {
    net.createNetwork({ name: 'six', stack: 'shop', internal: false, ipv6: true })
    const [subnet = ''] =
      net
        .listNetworks()
        .find(({ name }) => name === 'six')
        ?.subnets.slice(1) ?? []
    const at = (last: number) => subnet.replace('::/64', `::${last}`)
    const places = await Promise.all(
      ['10.89.1.2', '10.89.1.3'].map((address, index) =>
        startContainer(net, `six-${index}`, 'six', address, at(index + 2)),
      ),
    )
    for (const [index, place] of places.entries()) {
      servers.push(await serveTcp(place.fd, 80, `six${index}`, '::'))
      await net.publish({
        container: place.name,
        service: 'six',
        stack: 'shop',
        network: 'six',
        address: place.address,
        address6: place.address6,
        ports: [{ protocol: 'tcp', target: 80, published: { first: 8090, last: 8090 } }],
      })
    }
    const seen = new Set<string>()
    for (let turn = 0; turn < 4; turn++) {
      seen.add((await fetchPage('http://[::1]:8090')).stdout.split(' ')[0] ?? '')
    }
    expect([...seen].sort()).toEqual(['six0', 'six1'])
    for (const { name, fd } of places) {
      await net.unpublish(name)
      await net.detach({ container: name, network: 'six' })
      closeSync(fd)
    }
    await net.removeNetwork('six')
  },
)
