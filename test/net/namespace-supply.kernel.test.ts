/** Namespaces that another process makes ready: as those that are made here, one by one. */
import { closeSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { reapChildren } from '../../src/linux/index.ts'
import { createNet, type Net, type ReadyNamespace } from '../../src/net/index.ts'
import { enterHost, fingerprint, run, sh, startContainer } from './world.ts'

let net: Net
let before: string
beforeAll(async () => {
  enterHost()
  before = fingerprint()
  net = await createNet({ rootId: 'aaaa' })
  net.createNetwork({ name: 'shop_front', stack: 'shop', internal: false })
})
afterAll(async () => {
  await net.removeAll()
  await net.close()
  expect(fingerprint()).toBe(before)
})

const until = (isSo: () => boolean) => vi.waitUntil(isSo, { timeout: 60_000, interval: 5 })
const supplied = (count: number) => {
  const supply = net.supplyNamespaces(count)
  if (supply === undefined) throw new Error('No supply')
  return supply
}

/** What a container could notice of its namespace, but for the port at which names are answered. */
function facts(fd: number): string {
  const rules = sh('nft -j list ruleset', fd)
    .replaceAll(/"(handle|port|right)": \d+/g, '"$1": N')
    .replaceAll(/"metainfo": \{[^}]*\}/g, '')
  const settings =
    'cat /proc/sys/net/ipv4/ip_unprivileged_port_start ' +
    '/proc/sys/net/ipv4/ping_group_range /proc/sys/net/ipv6/conf/default/accept_ra'
  const sockets = "ss -Hnltu | awk '{print $1, $2}'"
  return [rules, sh(settings, fd), sh('ip -br addr show lo', fd), sh(sockets, fd)].join('\n')
}

async function serve(fd: number, name: string, made?: ReadyNamespace) {
  const { sockets } = made ?? {}
  const place = { netnsFd: fd, isNew: true, sockets, container: name, stack: 'shop' }
  return net.serveDns({ ...place, networks: ['shop_front'], upstreams: [] })
}

test('a supplied namespace is as one that was made here, and names are answered in it', async () => {
  const supply = supplied(2)
  const taken: ReadyNamespace[] = []
  await until(() => {
    const made = supply.take()
    if (made) taken.push(made)
    return taken.length === 2
  })
  const here = await startContainer(net, 'shop-here-1', 'shop_front', '10.89.0.2')
  net.names.set({
    network: 'shop_front',
    container: 'shop-here-1',
    stack: 'shop',
    names: ['here'],
    address: '10.89.0.2',
  })
  const servers = [await serve(here.fd, 'shop-here-1')]
  for (const made of taken) servers.push(await serve(made.fd, 'shop-there-1', made))
  for (const [at, { fd }] of taken.entries()) {
    expect(facts(fd)).toBe(facts(here.fd))
    expect((await run('dig +short +time=60 @127.0.0.11 here', fd)).stdout).toBe('10.89.0.2\n')
    expect((await run('dig +short +tcp +time=60 @127.0.0.11 here', fd)).stdout).toBe('10.89.0.2\n')
    expect(servers[at + 1]?.fault()).toBeUndefined()
  }
  const inodes = new Set([...taken, here].map(({ fd }) => sh(`readlink /proc/self/ns/net`, fd)))
  expect(inodes.size).toBe(3)
  for (const server of servers) await server.close()
  for (const { fd } of [...taken, here]) closeSync(fd)
  // It has made what it was to make.
  expect(supply.take()).toBeUndefined()
  await ended(await supply.started)
  await net.detach({ container: 'shop-here-1', network: 'shop_front' })
  await net.settled()
})

test('nobody is left of a supply that is closed early, and nothing of what was not taken', async () => {
  const supply = supplied(1000)
  const pid = await supply.started
  let made: ReadyNamespace | undefined
  await until(() => (made = supply.take()) !== undefined)
  for (const { fd } of Object.values(made?.sockets ?? {})) closeSync(fd)
  closeSync(made?.fd ?? -1)
  supply.close()
  supply.close()
  expect(supply.take()).toBeUndefined()
  await ended(pid)
})

async function ended(pid: number): Promise<void> {
  await until(() => reapChildren([pid]).length === 0)
}
