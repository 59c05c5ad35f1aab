import { closeSync } from 'node:fs'
import type { Socket as UdpSocket } from 'node:dgram'
import type { Server } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createNet, findPortOwner, type Net } from '../../src/net/index.ts'
import { until } from '../support/until.ts'
import {
  askUdp,
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
let web: Container
let db: Container
const servers: (Server | UdpSocket)[] = []
const port = (
  published: number,
  target: number,
  hostIp?: string,
  protocol: 'tcp' | 'udp' = 'tcp',
) => ({
  protocol,
  hostIp,
  published: { first: published, last: published },
  target,
})
const ask = (to: string, fd?: number) => askUdp('hi', `${to}:5353`, { fd })
const publishWeb = (...ports: ReturnType<typeof port>[]) =>
  net.publish({ container: 'web-1', service: 'web', network: 'front', address: web.address, ports })

beforeAll(async () => {
  enterHost()
  lan = connectNeighbour()
  before = fingerprint()
  net = await createNet({ rootId: 'aaaa' })
  net.createNetwork({ name: 'front', stack: 'shop', internal: false })
  net.createNetwork({ name: 'back', stack: 'shop', internal: false })
  web = await startContainer(net, 'web-1', 'front', '10.89.0.2')
  db = await startContainer(net, 'db-1', 'back', '10.89.1.2')
  servers.push(
    await serveTcp(web.fd, 80, 'web'),
    await serveTcp(web.fd, 81, 'hidden'),
    await serveTcp(db.fd, 80, 'db'),
  )
  servers.push(await serveTcp(lan, 80, 'outside'), await serveUdp(web.fd, 53, 'udp'))
})
afterEach(async () => {
  await net.unpublish('web-1')
  await net.unpublish('db-1')
  expect(net.listPublished()).toEqual([])
})
afterAll(async () => {
  await net.removeAll()
  expect(fingerprint()).toBe(before)
  await net.close()
  for (const server of servers) server.close()
  for (const fd of [web.fd, db.fd, lan]) closeSync(fd)
})

describe('publish() on every address', () => {
  test('lets a neighbour in, with the neighbour’s own address', async () => {
    await publishWeb(port(8080, 80))
    expect((await fetchPage('http://192.0.2.1:8080', lan)).stdout).toBe('web 192.0.2.2')
  })

  test('answers the host at its address and at every loopback address', async () => {
    await publishWeb(port(8080, 80))
    expect((await fetchPage('http://192.0.2.1:8080')).stdout).toBe('web 192.0.2.1')
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toBe('web 10.89.0.1')
    expect((await fetchPage('http://127.0.1.1:8080')).stdout).toBe('web 10.89.0.1')
  })

  test('needs no route_localnet for that', async () => {
    await publishWeb(port(8080, 80))
    expect(sh('cat /proc/sys/net/ipv4/conf/*/route_localnet').replaceAll('\n', '')).toMatch(/^0+$/)
  })

  test('lets a container of the same and of another network in, and the container itself', async () => {
    await publishWeb(port(8080, 80))
    expect((await fetchPage('http://192.0.2.1:8080', db.fd)).stdout).toBe('web 10.89.0.1')
    const peer = await startContainer(net, 'peer-1', 'front', '10.89.0.3')
    expect((await fetchPage('http://192.0.2.1:8080', peer.fd)).stdout).toBe('web 10.89.0.1')
    await net.detach({ container: 'peer-1', network: 'front' })
    closeSync(peer.fd)
    expect((await fetchPage('http://192.0.2.1:8080', web.fd)).stdout).toBe('web 10.89.0.1')
    expect((await fetchPage('http://10.89.0.1:8080', web.fd)).stdout).toBe('web 10.89.0.1')
  })

  test('carries udp from the neighbour and from loopback', async () => {
    await publishWeb(port(5353, 53, undefined, 'udp'))
    expect(await ask('192.0.2.1', lan)).toBe('udp hi 192.0.2.2')
    expect(await ask('127.0.0.1')).toBe('udp hi 10.89.0.1')
  })

  test('carries a megabyte through loopback whole', async () => {
    await publishWeb(port(8080, 8000))
    const listener = run('socat -u tcp4-listen:8000,reuseaddr stdout | sha256sum', web.fd)
    await run('until ss -ltn | grep -q :8000; do :; done', web.fd)
    const blob = `/tmp/tsstack-net-blob-${process.pid}`
    const sent = await run(
      `head -c 3000000 /dev/urandom > ${blob}; sha256sum < ${blob}; socat -u open:${blob} tcp4:127.0.0.1:8080; rm ${blob}`,
    )
    expect((await listener).stdout).toBe(sent.stdout)
  })
})

describe('publish() on one address', () => {
  test('on 127.0.0.1 answers the host only', async () => {
    await publishWeb(port(8080, 80, '127.0.0.1'))
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toBe('web 10.89.0.1')
    expect((await fetchInVain('http://192.0.2.1:8080', lan)).status).not.toBe(0)
    expect((await fetchInVain('http://192.0.2.1:8080')).status).not.toBe(0)
    expect((await fetchInVain('http://127.0.0.2:8080')).status).not.toBe(0)
  })

  test('on the host’s address answers there and not on loopback', async () => {
    await publishWeb(port(8080, 80, '192.0.2.1'))
    expect((await fetchPage('http://192.0.2.1:8080', lan)).stdout).toBe('web 192.0.2.2')
    expect((await fetchInVain('http://127.0.0.1:8080')).status).not.toBe(0)
  })

  test('on an address that no interface has is refused', async () => {
    await expect(publishWeb(port(8080, 80, '198.51.100.7'))).rejects.toThrow(
      'Cannot publish port 8080 of "web" on 198.51.100.7: no interface of this machine has that address',
    )
  })

  test('gives two containers the same port on different addresses', async () => {
    await publishWeb(port(8080, 80, '192.0.2.1'))
    await net.publish({
      container: 'db-1',
      service: 'db',
      network: 'back',
      address: db.address,
      ports: [port(8080, 80, '127.0.0.1')],
    })
    expect((await fetchPage('http://192.0.2.1:8080')).stdout).toMatch(/^web/)
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toMatch(/^db/)
  })
})

describe('what is not published', () => {
  test('is out of reach for a neighbour that routes to the container or to our loopback', async () => {
    await publishWeb(port(8080, 80), port(9090, 80, '127.0.0.1'))
    expect((await fetchInVain('http://10.89.0.2:80', lan)).status).toBe(28)
    expect((await fetchInVain('http://10.89.0.2:81', lan)).status).toBe(28)
    sh(
      'ip link set lo down; ip route add 127.0.0.1/32 via 192.0.2.1; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet',
      lan,
    )
    expect((await fetchInVain('http://127.0.0.1:9090', lan)).status).toBe(28)
    expect((await fetchInVain('http://127.0.0.1:8080', lan)).status).toBe(28)
    sh('ip link set lo up', lan)
    expect((await fetchPage('http://192.0.2.1:8080', lan)).stdout).toBe('web 192.0.2.2')
  })

  test('is out of reach for other networks, and within reach in its own', async () => {
    const peer = await startContainer(net, 'peer-1', 'front', '10.89.0.3')
    expect((await fetchInVain('http://10.89.0.2:80', db.fd)).status).toBe(28)
    expect((await fetchPage('http://10.89.0.2:80', peer.fd)).stdout).toBe('web 10.89.0.3')
    expect((await fetchPage('http://10.89.0.2:80')).stdout).toBe('web 10.89.0.1')
    await net.detach({ container: 'peer-1', network: 'front' })
    closeSync(peer.fd)
  })

  test('is out of reach for containers of another state root', async () => {
    const other = await createNet({ rootId: 'bbbb' })
    other.createNetwork({ name: 'front', stack: 'shop', internal: false })
    const theirs = await startContainer(other, 'x', 'front', '10.89.2.2')
    expect((await fetchInVain('http://10.89.0.2:80', theirs.fd)).status).toBe(28)
    await publishWeb(port(8080, 80))
    expect((await fetchPage('http://192.0.2.1:8080', theirs.fd)).stdout).toMatch(/^web/)
    expect((await fetchPage('http://192.0.2.2', theirs.fd)).stdout).toBe('outside 192.0.2.1')
    await other.removeAll()
    await other.close()
    closeSync(theirs.fd)
    expect((await fetchPage('http://192.0.2.1:8080', lan)).stdout).toBe('web 192.0.2.2')
  })
})

describe('outbound', () => {
  test('leaves with the host’s address', async () => {
    expect((await fetchPage('http://192.0.2.2', web.fd)).stdout).toBe('outside 192.0.2.1')
  })

  test('is barred to a container that speaks with somebody else’s address', async () => {
    const listener = await serveUdp(lan, 4000, '')
    const heard: string[] = []
    listener.on('message', (message) => heard.push(message.toString()))
    const say = (what: string, from: string) =>
      run(`echo -n ${what} | socat -t0.2 - udp4:192.0.2.2:4000,bind=${from}`, web.fd)
    sh('ip addr add 203.0.113.5/32 dev lo', web.fd)
    await say('honest', '10.89.0.2')
    await say('forged', '203.0.113.5')
    await say('again', '10.89.0.2')
    await until(() => Promise.resolve(heard.join()), /again/)
    expect(heard).toEqual(['honest', 'again'])
    sh('ip addr del 203.0.113.5/32 dev lo', web.fd)
    listener.close()
  })

  test('ends at the edge of an internal network, for its container and for others', async () => {
    net.createNetwork({ name: 'safe', stack: 'shop', internal: true })
    const vault = await startContainer(net, 'vault-1', 'safe', '10.89.2.2')
    const server = await serveTcp(vault.fd, 80, 'vault')
    sh('ip route add default via 10.89.2.1', vault.fd)
    expect((await fetchInVain('http://192.0.2.2', vault.fd)).status).toBe(28)
    await publishWeb(port(8080, 80))
    expect((await fetchInVain('http://192.0.2.1:8080', vault.fd)).status).toBe(28)
    expect((await fetchInVain('http://10.89.2.2', web.fd)).status).toBe(28)
    expect((await fetchInVain('http://10.89.2.2', lan)).status).toBe(28)
    expect((await fetchPage('http://10.89.2.2')).stdout).toBe('vault 10.89.2.1')
    server.close()
    closeSync(vault.fd)
    await net.removeNetwork('safe')
  })

  test('a machine that we made a router routes nothing for others', async () => {
    const far = connectNeighbour('far0', '198.51.100')
    const server = await serveTcp(far, 80, 'far')
    expect((await fetchPage('http://198.51.100.2')).stdout).toBe('far 198.51.100.1')
    expect((await fetchPage('http://198.51.100.2', web.fd)).stdout).toBe('far 198.51.100.1')
    expect((await fetchInVain('http://198.51.100.2', lan)).status).toBe(28)
    sh('nft delete chain ip tsstack_aaaa forward_guard')
    expect((await fetchPage('http://198.51.100.2', lan)).stdout).toBe('far 192.0.2.2')
    net.repair()
    expect((await fetchInVain('http://198.51.100.2', lan)).status).toBe(28)
    server.close()
    // First: a namespace that goes takes its end of the cable along, in its own time.
    sh('ip link del far0')
    closeSync(far)
  })
})

describe('ports as a resource', () => {
  test('a published port can be bound by nobody else', async () => {
    await publishWeb(port(8080, 80), port(5353, 53, undefined, 'udp'))
    expect((await run('socat -T1 tcp4-listen:8080,reuseaddr -')).stderr).toContain(
      'Address already in use',
    )
    expect((await run('socat -T1 udp4-recv:5353 -')).stderr).toContain('Address already in use')
    await net.unpublish('web-1')
    const free = await run('timeout 0.3 socat tcp4-listen:8080,reuseaddr -')
    expect(free.stderr).toBe('')
  })

  test('a taken port is refused with the name and pid of its holder, and nothing is published', async () => {
    const holder = run('echo $$; exec timeout 120 socat tcp4-listen:8081,reuseaddr,fork -')
    await run('until ss -ltn | grep -q :8081; do :; done')
    const owner = findPortOwner({ protocol: 'tcp', ip: '0.0.0.0', port: 8081 })
    expect(owner).toMatchObject({ command: 'socat' })
    const message = `Cannot publish port 8081 of "web": it is used by socat (pid ${owner?.pid});`
    const ports = [port(8080, 80), port(8081, 80)]
    const refused = net.checkPorts({ container: 'web-1', service: 'web', ports })
    expect(refused).toEqual([{ port: ports[1], error: expect.any(Error) }])
    expect(refused[0]?.error.message).toContain(message)
    await expect(publishWeb(...ports)).rejects.toThrow(message)
    expect(net.listPublished()).toEqual([])
    process.kill(owner?.pid ?? 0)
    await holder
    await publishWeb(...ports)
  })

  test('a port of another container is refused with its name', async () => {
    await publishWeb(port(8080, 80))
    await expect(
      net.publish({
        container: 'db-1',
        service: 'db',
        network: 'back',
        address: db.address,
        ports: [port(8080, 80)],
      }),
    ).rejects.toThrow(
      'Cannot publish port 8080 of "db": it is used by container "web-1"; stop it or change the published port',
    )
  })

  test('without a number a free port is chosen, and a range gives its first free one', async () => {
    const [any] = await net.publish({
      container: 'web-1',
      service: 'web',
      network: 'front',
      address: web.address,
      ports: [{ protocol: 'tcp', target: 80 }],
    })
    expect((await fetchPage(`http://127.0.0.1:${any?.published}`)).stdout).toMatch(/^web/)
    const range = [{ protocol: 'tcp' as const, target: 80, published: { first: 8080, last: 8081 } }]
    const first = await publishWeb(port(8080, 80))
    expect(first[0]?.published).toBe(8080)
    const second = await net.publish({
      container: 'db-1',
      service: 'db',
      network: 'back',
      address: db.address,
      ports: range,
    })
    expect(second[0]?.published).toBe(8081)
    const [refused] = net.checkPorts({ container: 'x', service: 'x', ports: range })
    expect(refused?.error.message).toMatch(/8080-8081 of "x": all of them/)
  })

  test('publishing again keeps what stays, drops what goes and follows the address', async () => {
    const [first] = await publishWeb(port(8080, 80), port(8081, 81))
    await publishWeb(port(8080, 80))
    expect(net.listPublished()).toEqual([{ ...first, container: 'web-1' }])
    expect((await fetchPage('http://127.0.0.1:8081')).status).toBe(7)
    await net.publish({
      container: 'web-1',
      service: 'web',
      network: 'back',
      address: db.address,
      ports: [port(8080, 80)],
    })
    expect((await fetchPage('http://192.0.2.1:8080', lan)).stdout).toBe('db 192.0.2.2')
  })
})

describe('without a supervisor', () => {
  test('published ports go on working, and the next one takes them over with the same numbers', async () => {
    const request = {
      container: 'web-1',
      service: 'web',
      network: 'front',
      address: web.address,
      ports: [{ protocol: 'tcp' as const, target: 80 }],
    }
    const [first] = await net.publish(request)
    await net.close()
    const number = first?.published ?? 0
    expect((await fetchPage(`http://127.0.0.1:${number}`)).stdout).toBe('web 10.89.0.1')
    expect((await fetchPage(`http://192.0.2.1:${number}`, lan)).stdout).toBe('web 192.0.2.2')
    net = await createNet({ rootId: 'aaaa' })
    expect(net.listPublished()).toEqual([{ ...first, container: 'web-1' }])
    expect(await net.publish(request)).toEqual([first])
    const busy = await run(`socat -T1 tcp4-listen:${number} -`)
    expect(busy.stderr).toContain('Address already in use')
  })

  test('a table changed by hand is put right at the next change, with all its ports', async () => {
    await publishWeb(port(8080, 80))
    sh('nft flush chain ip tsstack_aaaa published')
    expect((await fetchInVain('http://127.0.0.1:8080')).status).not.toBe(0)
    await publishWeb(port(8080, 80))
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toBe('web 10.89.0.1')
    expect((await fetchPage('http://192.0.2.2', web.fd)).stdout).toBe('outside 192.0.2.1')
  })

  test('repair() brings everything back after all rules of the machine were flushed', async () => {
    await publishWeb(port(8080, 80))
    sh('nft flush ruleset')
    expect((await fetchPage('http://127.0.0.1:8080')).status).toBe(7)
    net.repair()
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toBe('web 10.89.0.1')
    expect((await fetchPage('http://192.0.2.2', db.fd)).stdout).toBe('outside 192.0.2.1')
    expect((await fetchInVain('http://10.89.0.2', db.fd)).status).toBe(28)
  })
})
