/** Every form of a network and of an attachment, and how they change on running containers. */
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { fetchInVain, fetchPage } from '../net/world.ts'
import { attached, sh, useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const BOX = { command: ['sleep', '1000'], dns: ['127.0.0.1'] }
const serve = (text: string): Pick<Service, 'command'> =>
  sh(`mkdir -p /www; echo ${text} > /www/index.html; exec httpd -f -p 80 -h /www`)
const published = (port: number) =>
  [{ target: 80, protocol: 'tcp', published: { first: port, last: port } }] as const
const NETS = { networks: [{ name: 'tst_a' }, { name: 'tst_b' }] }

async function addressOf(service: string): Promise<string> {
  return (await world.observe(service)).addresses[0]?.ipv4 ?? ''
}

const listens = (service: string): Promise<unknown> =>
  world.exec(service, 'until wget -q -O - http://127.0.0.1/; do :; done')

/** What `box` gets from `host`, or '' when it cannot reach it within `seconds`. */
async function get(box: string, host: string, seconds = 60): Promise<string> {
  const { stdout } = await world.exec(box, `timeout ${seconds} wget -q -O - http://${host}/`)
  return stdout.trim()
}

/** '' where packets are dropped: two seconds without a word are enough. */
const getInVain = (box: string, host: string): Promise<string> => get(box, host, 2)

/** Lines of `ip addr` for the container's own interfaces, by the kernel. */
const interfacesOf = async (service: string) =>
  (await world.exec(service, 'ip -o -4 addr')).stdout.match(/eth\d+ .*?inet \S+/g) ?? []

test('a running container is connected and disconnected without being replaced', async () => {
  const box = { ...BOX, ...attached('tst_a') }
  await world.up({ web: { ...serve('hello'), ...attached('tst_b') }, box }, NETS)
  await listens('web')
  const { pid } = await world.observe('box')
  expect((await world.exec('box', 'nslookup web')).exitCode).not.toBe(0)

  await world.up(
    {
      web: { ...serve('hello'), ...attached('tst_b') },
      box: { ...BOX, ...attached('tst_a', 'tst_b') },
    },
    NETS,
  )
  expect(await interfacesOf('box')).toHaveLength(2)
  expect(await get('box', 'web')).toBe('hello')

  await world.up(
    { web: { ...serve('hello'), ...attached('tst_b') }, box: { ...BOX, ...attached('tst_b') } },
    { networks: [{ name: 'tst_b' }] },
  )
  expect(await interfacesOf('box')).toHaveLength(1)
  expect(await get('box', 'web')).toBe('hello')
  expect((await world.exec('box', 'ip route')).stdout).toMatch(/^default via/m)
  expect((await world.observe('box')).pid).toBe(pid)
  expect((await world.engine.observe('tst')).networks.map(({ spec }) => spec.name)).toEqual([
    'tst_b',
  ])
})

const web = (attachment: object, ports: readonly number[]) => ({
  ...serve('hello'),
  ...attached({ network: 'tst_a', ...attachment }),
  ports: ports.flatMap(published),
})

test('an alias, a fixed address and a port change on the running container', async () => {
  const subnets = [{ subnet: '10.77.0.0/24' }]
  const nets = { networks: [{ name: 'tst_a', subnets }] }
  const box = { ...BOX, ...attached('tst_a') }
  await world.up({ web: web({}, [8080]), box }, nets)
  await listens('web')
  const { pid } = await world.observe('web')
  await world.up({ web: web({ aliases: ['shop'], ipv4Address: '10.77.0.9' }, [8081]), box }, nets)
  expect((await world.observe('web')).pid).toBe(pid)
  expect((await world.exec('box', 'nslookup shop')).stdout).toContain('Address: 10.77.0.9')
  expect(await get('box', 'shop')).toBe('hello')
  expect((await world.observe('web')).ports).toMatchObject([{ published: 8081 }])
  expect((await fetchPage('http://127.0.0.1:8081')).stdout).toBe('hello\n')
  expect((await fetchInVain('http://127.0.0.1:8080')).status).not.toBe(0)
  await world.up({ web: web({ aliases: ['shop'], ipv4Address: '10.77.0.9' }, []), box }, nets)
  expect((await fetchInVain('http://127.0.0.1:8081')).status).not.toBe(0)
})

test('a new engine finds what was changed on the running container', async () => {
  await world.up({ box: { ...BOX, ...attached('tst_a') } }, NETS)
  const both = { box: { ...BOX, ...attached('tst_a', 'tst_b') } }
  await world.up(both, NETS)
  const { pid } = await world.observe('box')
  await world.restart()
  expect(await world.apply(both, NETS)).toEqual([])
  expect((await world.observe('box')).pid).toBe(pid)
  expect((await world.observe('box')).addresses).toHaveLength(2)
})

test('replicas that are healthy are named before those that are not', async () => {
  const healthcheck = {
    test: ['/bin/sh', '-c', 'test -e /tmp/ok'],
    intervalMs: 50,
    timeoutMs: 60_000,
    retries: 1,
    startPeriodMs: 0,
    startIntervalMs: 50,
  }
  const replica = { ...BOX, ...attached({ network: 'tst_a', aliases: ['api'] }), healthcheck }
  await world.up({ one: replica, two: replica, box: { ...BOX, ...attached('tst_a') } }, NETS)
  const healthy = new Promise<void>((resolve) => {
    const unsubscribe = world.engine.subscribe((event) => {
      if (event.kind !== 'container' || event.state !== 'healthy') return
      unsubscribe()
      resolve()
    })
  })
  await world.exec('two', 'touch /tmp/ok')
  await healthy
  const two = await addressOf('two')
  for (let turn = 0; turn < 4; turn++) {
    const { stdout } = await world.exec('box', 'nslookup -type=a api')
    expect(stdout.match(/^Address: (\S+)$/m)?.[1]).toBe(two)
    expect(stdout).toContain(await addressOf('one'))
  }
})

test('a link is a name for one container alone', async () => {
  const links = [{ name: 'database', target: 'db' }]
  await world.up(
    {
      db: { ...BOX, ...attached({ network: 'tst_a', aliases: ['db'] }) },
      app: { ...BOX, ...attached('tst_a'), links },
      other: { ...BOX, ...attached('tst_a') },
    },
    NETS,
  )
  const found = await world.exec('app', 'nslookup database')
  expect(found.stdout).toContain(`Address: ${await addressOf('db')}`)
  expect((await world.exec('other', 'nslookup database')).exitCode).not.toBe(0)
})

test('what others have is found before anything is touched', async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => {
    holder.listen(18_099, '0.0.0.0', resolve)
  })
  const web = { ...BOX, ...attached('tst_a'), ports: published(18_099) }
  const nets = { networks: [{ name: 'tst_a', subnets: [{ subnet: '127.0.0.0/24' }] }] }
  await expect(world.apply({ web }, nets)).rejects.toThrow(
    /subnet 127\.0\.0\.0\/24: it overlaps the .*of "lo".*\n.*port 18099 of "web": it is used by .*pid/,
  )
  const observed = await world.engine.observe('tst')
  expect([observed.containers, observed.networks]).toEqual([[], []])
  holder.close()
})

const many = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`s${at}`, { ...BOX, ...attached('tst_a') }]),
  )

test('more containers than a network has room for are refused before anything is touched', async () => {
  const small = { subnet: '10.77.0.0/24', range: '10.77.0.0/29', auxiliary: ['10.77.0.2'] }
  const nets = { networks: [{ name: 'tst_a', subnets: [small] }] }
  await expect(world.apply(many(6), nets)).rejects.toThrow(
    'Cannot connect 6 containers to network "tst_a": 10.77.0.0/29 has 5 free addresses',
  )
  const { containers, networks } = await world.engine.observe('tst')
  expect([containers, networks]).toEqual([[], []])
  await expect(world.apply(many(1024), NETS)).rejects.toThrow('a bridge of the kernel has 1023')
  await world.up(many(5), nets)
})

test('a network has options, several subnets and addresses that are set aside', async () => {
  const tst = {
    name: 'tst_a',
    driverOptions: {
      'com.docker.network.bridge.name': 'shop0',
      'com.docker.network.driver.mtu': '1400',
      'com.docker.network.bridge.enable_icc': 'false',
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
      'com.docker.network.container_iface_prefix': 'net',
    },
    subnets: [
      { subnet: '10.78.0.0/29', auxiliary: ['10.78.0.2', '10.78.0.3'] },
      { subnet: '10.79.0.0/24', gateway: '10.79.0.9', range: '10.79.0.128/25' },
    ],
  }
  const web = { ...serve('hello'), ...attached('tst_a'), ports: published(18_091) }
  const other = { ...BOX, ...attached({ network: 'tst_a', ipv4Address: '10.79.0.7' }) }
  const box = { ...BOX, ...attached('tst_a') }
  await world.up({ web, other, box }, { networks: [tst] })
  await listens('web')
  expect((await world.exec('other', 'ip route')).stdout).toContain('default via 10.79.0.9 dev net0')
  expect((await world.exec('box', 'cat /sys/class/net/net0/mtu')).stdout).toBe('1400\n')
  expect(['10.78.0.4', '10.78.0.5', '10.78.0.6']).toContain(await addressOf('web'))
  expect(await getInVain('box', await addressOf('web'))).toBe('')
  expect((await world.observe('web')).ports).toMatchObject([{ hostIp: '127.0.0.1' }])
  expect((await fetchPage('http://127.0.0.1:18091')).stdout).toBe('hello\n')
})

test('an interface has the name, the addresses and the settings of the stack file', async () => {
  const attachment = {
    network: 'tst_a',
    interfaceName: 'lan0',
    macAddress: '02:aa:bb:cc:dd:ee',
    linkLocalAddresses: ['169.254.7.1'],
    driverOptions: {
      'com.docker.network.endpoint.sysctls':
        'net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.arp_announce=2',
    },
  }
  await world.up({ box: { ...BOX, ...attached(attachment) } }, NETS)
  const { stdout } = await world.exec('box', 'ip addr show lan0')
  expect(stdout).toContain('link/ether 02:aa:bb:cc:dd:ee')
  expect(stdout).toContain('inet 169.254.7.1/16')
  const conf = '/proc/sys/net/ipv4/conf/lan0'
  const settings = await world.exec('box', `cat ${conf}/log_martians ${conf}/arp_announce`)
  expect(settings.stdout).toBe('1\n2\n')
})

test('containers find and reach each other by IPv6', async () => {
  const box = { ...BOX, ...attached('tst_a') }
  const db = { ...BOX, ...attached({ network: 'tst_a', aliases: ['db'] }) }
  await world.up({ db, box }, { networks: [{ name: 'tst_a', ipv6: true }] })
  const address = (await world.observe('db')).addresses[0]?.ipv6 ?? ''
  expect(address).toMatch(/^fd/)
  const found = await world.exec('box', 'nslookup -type=aaaa db')
  expect(found.stdout).toContain(`Address: ${address}`)
  expect((await world.exec('box', `ping -6 -c1 -W60 ${address}`)).exitCode).toBe(0)
  expect((await world.exec('db', 'cat /etc/hosts')).stdout).toContain(address)
})
