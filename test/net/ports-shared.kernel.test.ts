/** Ports that several containers publish, and what happens when a port leads elsewhere. */
import { closeSync } from 'node:fs'
import type { Socket as UdpSocket } from 'node:dgram'
import type { Server } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createNet, type Net } from '../../src/net/index.ts'
import {
  askUdp,
  connectNeighbour,
  enterHost,
  fetchInVain,
  fetchPage,
  fingerprint,
  serveTcp,
  serveUdp,
  startContainer,
  type Container,
} from './world.ts'

let net: Net
let before: string
let lan: number
let web: Container
const servers: (Server | UdpSocket)[] = []

beforeAll(async () => {
  enterHost()
  lan = connectNeighbour()
  before = fingerprint()
  net = await createNet({ rootId: 'aaaa' })
  net.createNetwork({ name: 'front', stack: 'shop', internal: false })
  web = await startContainer(net, 'web-1', 'front', '10.89.0.2')
  servers.push(await serveTcp(web.fd, 80, 'web'), await serveUdp(web.fd, 53, 'udp'))
})
afterEach(async () => {
  await net.unpublish('web-1')
  expect(net.listPublished()).toEqual([])
})
afterAll(async () => {
  await net.removeAll()
  expect(fingerprint()).toBe(before)
  await net.close()
  for (const server of servers) server.close()
  for (const fd of [web.fd, lan]) closeSync(fd)
})

const port = { protocol: 'tcp', published: { first: 8080, last: 8080 }, target: 80 } as const
const datagrams = {
  protocol: 'udp',
  published: { first: 5353, last: 5353 },
  target: 53,
} as const
const shared = (container: string, address: string, stack = 'shop') => ({
  container,
  service: 'web',
  stack,
  network: 'front',
  address,
  ports: [port],
})
const askFour = async (from?: number) => {
  const answers: string[] = []
  for (let turn = 0; turn < 4; turn++) {
    const { stdout } = await fetchPage('http://192.0.2.1:8080', from)
    answers.push(stdout.split(' ')[0] ?? '')
  }
  return answers.sort()
}

describe('a port that several containers publish', () => {
  let peer: Container
  beforeAll(async () => {
    peer = await startContainer(net, 'web-2', 'front', '10.89.0.4')
    servers.push(await serveTcp(peer.fd, 80, 'peer'))
  })
  afterEach(() => net.unpublish('web-2'))
  afterAll(async () => {
    await net.detach({ container: 'web-2', network: 'front' })
    closeSync(peer.fd)
  })
  test('is theirs in turns, from outside, from the host and from loopback', async () => {
    await net.publish(shared('web-1', web.address))
    await net.publish(shared('web-2', peer.address))
    expect(await askFour(lan)).toEqual(['peer', 'peer', 'web', 'web'])
    expect(await askFour()).toEqual(['peer', 'peer', 'web', 'web'])
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toMatch(/^(web|peer) 10\.89\.0\.1$/)
    expect(
      net
        .listPublished()
        .map(({ container }) => container)
        .sort(),
    ).toEqual(['web-1', 'web-2'])
  })

  test('goes on with those that are left, and with nobody it is free', async () => {
    await net.publish(shared('web-1', web.address))
    await net.publish(shared('web-2', peer.address))
    await net.unpublish('web-1')
    expect(await askFour(lan)).toEqual(['peer', 'peer', 'peer', 'peer'])
    await net.unpublish('web-2')
    expect(net.listPublished()).toEqual([])
    expect((await fetchInVain('http://192.0.2.1:8080', lan)).status).not.toBe(0)
  })

  test('is not shared with another stack, which is named', async () => {
    await net.publish(shared('web-1', web.address))
    await expect(net.publish(shared('web-2', peer.address, 'blog'))).rejects.toThrow(
      'Cannot publish port 8080 of "web": it is used by container "web-1" of stack "shop"; stop it or change the published port',
    )
  })

  test('is shared with a container that a dead supervisor has published', async () => {
    const dead = await createNet({ rootId: 'aaaa' })
    await dead.publish(shared('web-1', web.address))
    await dead.close()
    await net.publish(shared('web-2', peer.address))
    expect(await askFour(lan)).toEqual(['peer', 'peer', 'web', 'web'])
  })

  test('of a range each takes one for itself', async () => {
    const range = [{ ...port, published: { first: 8080, last: 8085 } }]
    await net.publish({ ...shared('web-1', web.address), ports: range })
    const [second] = await net.publish({ ...shared('web-2', peer.address), ports: range })
    expect(second?.published).toBe(8081)
  })
})

/** As one client, which goes on sending from its port. */
const send = () => askUdp('hi', '192.0.2.1:5353', { fd: lan, port: 4444 })

test('datagrams of a client that goes on sending go where the port leads now', async () => {
  const other = await startContainer(net, 'udp-2', 'front', '10.89.0.5')
  servers.push(await serveUdp(other.fd, 53, 'other'))
  await net.publish({ ...shared('web-1', web.address), ports: [datagrams] })
  expect(await send()).toMatch(/^udp hi/)
  await net.publish({ ...shared('web-1', other.address), ports: [datagrams] })
  expect(await send()).toMatch(/^other hi/)
  await net.detach({ container: 'udp-2', network: 'front' })
  closeSync(other.fd)
})
