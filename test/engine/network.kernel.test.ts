/** Containers on networks: how they find and reach each other, and who reaches them. */
import { expect, test } from 'vitest'
import { attached, sh, useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

/** Questions about the world outside end at a port where nobody listens, on this machine. */
const dns = ['127.0.0.1']
const BOX = { command: ['sleep', '1000'], dns }
const serve = (text: string): Pick<Service, 'command'> =>
  sh(`mkdir -p /www; echo ${text} > /www/index.html; exec httpd -f -p 80 -h /www`)

const published = (port: number) =>
  [{ target: 80, protocol: 'tcp', published: { first: port, last: port } }] as const

const NETS = { networks: [{ name: 'tst_a' }, { name: 'tst_b' }] }

async function addressOf(service: string, network = 'tst_a'): Promise<string> {
  const { addresses } = await world.observe(service)
  return addresses.find((one) => one.network === network)?.ipv4 ?? ''
}

/** Waits until the server of `service` listens. */
const listens = (service: string): Promise<unknown> =>
  world.exec(service, 'until wget -q -O - http://127.0.0.1/; do :; done')

/** What `box` gets from `host`, or '' when it cannot reach it within `seconds`. */
async function get(box: string, host: string, seconds = 60): Promise<string> {
  const { stdout } = await world.exec(box, `timeout ${seconds} wget -q -O - http://${host}/`)
  return stdout.trim()
}

/** '' where packets are dropped: two seconds without a word are enough. */
const getInVain = (box: string, host: string): Promise<string> => get(box, host, 2)

test('containers of a network find each other by service, container and alias', async () => {
  await world.up(
    {
      web: { ...serve('hello'), ...attached({ network: 'tst_a', aliases: ['shop'] }) },
      box: { ...BOX, ...attached('tst_a') },
    },
    NETS,
  )
  await listens('web')
  const address = await addressOf('web')
  expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  for (const name of ['web', 'tst-web-1', 'shop']) {
    expect((await world.exec('box', `nslookup ${name}`)).stdout).toContain(`Address: ${address}`)
    expect(await get('box', name)).toBe('hello')
  }
  expect((await world.exec('box', 'nslookup nobody')).exitCode).not.toBe(0)
})

test('a container finds itself by its own name, from its first moment', async () => {
  const script = 'nslookup one | tail -n +3; hostname -i; grep box /etc/hosts'
  await world.up({ one: { ...sh(script), ...attached('tst_a') } }, NETS)
  const log = (await world.log('one')).toString()
  expect(log).toMatch(/Address: 10\.\d+\.\d+\.\d+/)
  expect(log).toMatch(/^10\.\d+\.\d+\.\d+\tbox tst-one-1$/m)
})

test('containers of different networks neither find nor reach each other', async () => {
  await world.up(
    { web: { ...serve('hello'), ...attached('tst_a') }, box: { ...BOX, ...attached('tst_b') } },
    NETS,
  )
  await listens('web')
  expect(await getInVain('box', await addressOf('web'))).toBe('')
  expect((await world.exec('box', 'nslookup web')).exitCode).not.toBe(0)
})

test('a container of two networks has an interface in each, and serves both', async () => {
  await world.up(
    {
      web: { ...serve('hello'), ...attached('tst_a', 'tst_b') },
      left: { ...BOX, ...attached('tst_a') },
      right: { ...BOX, ...attached('tst_b') },
    },
    NETS,
  )
  await listens('web')
  expect(await get('left', 'web')).toBe('hello')
  expect(await get('right', 'web')).toBe('hello')
  const { stdout } = await world.exec('web', 'ls /sys/class/net; ip -o -4 addr')
  expect(stdout.split('\n').slice(0, 3)).toEqual(['eth0', 'eth1', 'lo'])
  expect(stdout).toContain(await addressOf('web', 'tst_a'))
  expect(stdout).toContain(await addressOf('web', 'tst_b'))
})

test('an internal network has no default route, and still connects its own', async () => {
  const resources = { networks: [{ name: 'tst_a', internal: true }] }
  await world.up(
    { web: { ...serve('hello'), ...attached('tst_a') }, box: { ...BOX, ...attached('tst_a') } },
    resources,
  )
  await listens('web')
  expect(await get('box', 'web')).toBe('hello')
  expect((await world.exec('box', 'ip route')).stdout).not.toContain('default')
})

test('without a network there is lo alone', async () => {
  await world.up({ one: { ...sh('ls /sys/class/net; ip -o -4 addr | wc -l') } })
  expect((await world.log('one')).toString()).toBe('lo\n1\n')
})

test('in the host’s network a container sees its interfaces', async () => {
  const network = { kind: 'host' } as const
  await world.up({ one: { ...sh('readlink /proc/self/ns/net; exec sleep 1000'), network } })
  const { readlinkSync } = await import('node:fs')
  expect(await world.line('one', /net:/)).toBe(readlinkSync('/proc/thread-self/ns/net'))
})

test('a published port is reached from the host, by loopback and by address', async () => {
  const service = { ...serve('hello'), ...attached('tst_a'), ports: published(18_090) }
  await world.up({ web: service }, NETS)
  expect((await world.observe('web')).ports).toEqual([
    expect.objectContaining({ published: 18_090, target: 80, protocol: 'tcp' }),
  ])
  await listens('web')
  expect(await (await fetch('http://127.0.0.1:18090/')).text()).toBe('hello\n')
  await world.down()
  await expect(fetch('http://127.0.0.1:18090/')).rejects.toThrow(/fetch failed/)
})

const threeServices = (text: string) => ({
  first: { ...BOX, ...attached('tst_a'), environment: { TEXT: text } },
  web: { ...serve(text), ...attached('tst_a') },
  box: { ...BOX, ...attached('tst_a') },
})

test('an address survives the replacement of its container, and its neighbours’', async () => {
  await world.up(threeServices('one'), NETS)
  const address = await addressOf('web')
  const { pid } = await world.observe('box')
  await world.up(threeServices('two'), NETS)
  expect(await addressOf('web')).toBe(address)
  expect((await world.observe('box')).pid).toBe(pid)
  await listens('web')
  expect(await get('box', 'web')).toBe('two')
})

test('an address survives a restart, and the name follows', async () => {
  const restart = { condition: 'always' } as const
  await world.up(
    {
      web: { ...serve('hello'), ...attached('tst_a'), restart },
      box: { ...BOX, ...attached('tst_a') },
    },
    NETS,
  )
  const address = await addressOf('web')
  await world.engine.kill('tst-web-1', 'SIGKILL')
  await world.when('web', ({ attempt, state }) => attempt === 2 && state === 'running')
  expect(await addressOf('web')).toBe(address)
  await listens('web')
  expect(await get('box', 'web')).toBe('hello')
})

test('the name of a container that has ended is no longer answered', async () => {
  await world.up(
    { web: { ...serve('hello'), ...attached('tst_a') }, box: { ...BOX, ...attached('tst_a') } },
    NETS,
  )
  await world.engine.kill('tst-web-1', 'SIGKILL')
  await world.exited('web')
  expect((await world.exec('box', 'nslookup web')).stdout).not.toMatch(/^Address: 10\./m)
})

test('a container in the network of a service shares its addresses', async () => {
  const network = { kind: 'service', service: 'web' } as const
  const dependsOn = [
    { service: 'web', condition: 'service_started', required: true, restart: false },
  ] as const
  await world.up(
    {
      web: { ...serve('hello'), ...attached('tst_a') },
      side: { ...BOX, network, dependsOn },
    },
    NETS,
  )
  await listens('web')
  expect(await get('side', '127.0.0.1')).toBe('hello')
  const { stdout } = await world.exec('side', 'nslookup web')
  expect(stdout).toContain(await addressOf('web'))
})

test('extra hosts, DNS options and search domains are written for the container', async () => {
  await world.up(
    {
      one: {
        ...sh('cat /etc/hosts /etc/resolv.conf'),
        ...attached('tst_a'),
        extraHosts: [{ name: 'elsewhere', address: '192.0.2.7' }],
        dnsSearch: ['example.test'],
        dnsOptions: ['timeout:1'],
      },
    },
    NETS,
  )
  const log = (await world.log('one')).toString()
  expect(log).toContain('192.0.2.7\telsewhere\n')
  expect(log).toContain('nameserver 127.0.0.11\n')
  expect(log).toContain('search example.test\n')
  expect(log).toMatch(/^options timeout:1/m)
})
