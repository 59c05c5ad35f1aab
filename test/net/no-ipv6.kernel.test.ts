/**
 * IPv6 switched off: at boot, which only a machine of its own can show (`npm run test:vm --
 * --kernel uml --append ipv6.disable=1 test/net/no-ipv6.kernel.test.ts`), and by a setting.
 */
import { closeSync, existsSync } from 'node:fs'
import type { Server } from 'node:net'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createNet, type Net } from '../../src/net/index.ts'
import {
  connectNeighbour,
  enterHost,
  fetchPage,
  fingerprint,
  serveTcp,
  sh,
  startContainer,
  type Container,
} from './world.ts'

const SETTINGS = '/proc/sys/net/ipv6'
const isOffAtBoot = !existsSync(SETTINGS)

let net: Net
let before: string
let lan: number
const open: (() => unknown)[] = []

beforeAll(enterHost)
beforeEach(async () => {
  if (!isOffAtBoot) sh('sysctl -qw net.ipv6.conf.all.disable_ipv6=1')
  before = fingerprint()
  lan = connectNeighbour('lan0', '192.0.2', { ipv6: false })
  net = await createNet({ rootId: 'aaaa' })
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  await net.removeAll()
  await net.close()
  sh('ip link del lan0')
  closeSync(lan)
  expect(fingerprint()).toBe(before)
})

const front = { name: 'front', stack: 'shop', internal: false }

async function start(name: string, address: string): Promise<Container> {
  const container = await startContainer(net, name, 'front', address)
  open.push(() => closeSync(container.fd))
  return container
}

async function serve(...place: Parameters<typeof serveTcp>): Promise<Server> {
  const server = await serveTcp(...place)
  open.push(() => server.close())
  return server
}

const publish = (address: string, address6?: string): Promise<unknown> =>
  net.publish({
    container: 'web-1',
    service: 'web',
    network: 'front',
    address,
    address6,
    ports: [{ protocol: 'tcp', published: { first: 8080, last: 8080 }, target: 80 }],
  })

test('containers reach each other, and a published port answers the neighbour and the host', async () => {
  net.createNetwork(front)
  const web = await start('web-1', '10.89.0.2')
  const asker = await start('web-2', '10.89.0.3')
  await serve(web.fd, 80, 'web')
  await publish(web.address)
  expect((await fetchPage('http://10.89.0.2', asker.fd)).stdout).toBe('web 10.89.0.3')
  expect((await fetchPage('http://192.0.2.1:8080', lan)).stdout).toMatch(/^web /)
  expect((await fetchPage('http://127.0.0.1:8080')).stdout).toMatch(/^web /)
  expect(sh('ip -6 -o addr')).toBe('')
  expect(sh('ip -6 -o addr show scope link', web.fd)).toBe('')
})

test.runIf(isOffAtBoot)('switched off at boot: a network that wants it is refused', () => {
  const wish = { ...front, ipv6: true }
  expect(() => net.createNetwork(wish)).toThrow(
    /Cannot create network "front" with IPv6: .*ipv6\.disable=0 at boot/,
  )
  expect(net.listNetworks()).toEqual([])
})

test.skipIf(isOffAtBoot)(
  'switched off by a setting: a network that wants it has it, and nobody else',
  async () => {
    net.createNetwork({ ...front, ipv6: true, subnets: [{ subnet: 'fd00:5::/64' }] })
    const web = await startContainer(net, 'web-1', 'front', '10.89.0.2', 'fd00:5::2')
    open.push(() => closeSync(web.fd))
    await serve(web.fd, 80, 'web')
    await serve(web.fd, 80, 'web', '::')
    await publish('10.89.0.2', 'fd00:5::2')
    expect((await fetchPage('http://[fd00:5::2]')).stdout).toBe('web fd00:5::1')
    expect((await fetchPage('http://127.0.0.1:8080')).stdout).toMatch(/^web /)
    expect(sh('ip -6 -o addr show dev lan0')).toBe('')
    expect(sh('cat /proc/sys/net/ipv6/conf/all/disable_ipv6')).toBe('1\n')
  },
)
