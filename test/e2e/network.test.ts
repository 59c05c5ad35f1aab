/** Networks by hand, faults on purpose, URLs and pictures: whole commands. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finished } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { succeeded } from '../support/sandbox.ts'
import { CLI, type Scene, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const run = (...words: readonly string[]): Promise<Finished> => scene.run(...words)
const ok = (...words: readonly string[]): Promise<Finished> => scene.ok(...words)

/** Services by name, each with these lines, on the stack's own network. */
function write(services: Readonly<Record<string, readonly string[]>>, rest = ''): void {
  const text = Object.entries(services).flatMap(([name, lines]) => [
    `  ${name}:`,
    "    image: 'host:'",
    '    init: true',
    '    command: [sleep, infinity]',
    ...lines.map((line) => `    ${line}`),
  ])
  const stack = ['name: cli', 'services:', ...text, rest, ''].join('\n')
  writeFileSync(join(scene.folder, 'compose.yaml'), stack)
}

const pids = async (): Promise<readonly number[]> =>
  JSON.parse((await ok('ps', '--json')).stdout).map((one: { readonly pid: number }) => one.pid)

test('a network is made by hand, used by a stack, and removed when nobody uses it', async () => {
  await ok('network', 'create', 'shared', '--subnet', '10.99.0.0/24', '--label', 'a=b')
  expect((await run('network', 'create', 'shared')).stderr).toContain(
    'Cannot create network "shared": there is one of that name',
  )
  write(
    { web: ['networks: {shared: {ipv4_address: 10.99.0.7}}'] },
    'networks: {shared: {external: true}}',
  )
  await ok('up', '-d')
  const [network] = JSON.parse((await ok('network', 'inspect', 'shared')).stdout)
  expect(network).toMatchObject({
    stack: null,
    labels: { a: 'b' },
    subnets: [{ subnet: '10.99.0.0/24', gateway: '10.99.0.1' }],
    containers: [{ name: 'cli-web-1', ipv4: '10.99.0.7' }],
  })
  expect((await run('network', 'rm', 'shared')).stderr).toContain('"cli-web-1" of stack "cli"')
  expect((await ok('network', 'prune')).stdout).toBe('')
  await ok('down')
  expect((await ok('network', 'ls', '-q')).stdout).toBe('shared\n')
  expect((await ok('network', 'prune')).stdout).toBe('shared\n')
  expect(await scene.sandbox.leaks()).toBe('')
})

test.each([
  [['--subnet', '10.99.0.0/24', '--gateway', '10.98.0.1'], '--gateway 10.98.0.1 is in no --subnet'],
  [['--aux-address', 'nas=10.99.0.5'], '--aux-address nas=10.99.0.5 is in no --subnet'],
  [['--driver', 'weave', '-o', 'speed=fast'], 'there is no driver "weave"; .* option "speed": no'],
  [['-o', 'com.docker.network.bridge.name=a-name-much-too-long'], 'longer than the 15 bytes'],
  [['--driver', 'macvlan'], 'name it with -o parent=INTERFACE'],
  [['--no-ipv4'], 'no addresses at all; add --ipv6'],
])('network create %j is refused, and nothing is made', async (options, problem) => {
  const { code, stderr } = await run('network', 'create', 'shared', ...options)
  expect(code).toBe(2)
  expect(stderr).toMatch(new RegExp(`Cannot create network "shared": .*${problem}`))
  expect((await ok('network', 'ls', '-q')).stdout).toBe('')
})

test('a network made by hand keeps addresses aside, each in the subnet that holds it', async () => {
  const six = ['--subnet', 'fd99::/64', '--gateway', 'fd99::9']
  const four = ['--subnet', '10.99.0.0/24', '--gateway', '10.99.0.9', '--ip-range', '10.99.0.64/30']
  const aside = ['--aux-address', 'nas=10.99.0.64', '--aux-address', 'tv=10.99.0.65']
  await ok('network', 'create', 'shared', ...six, ...four, ...aside)
  write({ web: ['networks: [shared]'] }, 'networks: {shared: {external: true}}')
  await ok('up', '-d')
  const [network] = JSON.parse((await ok('network', 'inspect', 'shared')).stdout)
  expect(network).toMatchObject({
    subnets: [
      { subnet: '10.99.0.0/24', gateway: '10.99.0.9' },
      { subnet: 'fd99::/64', gateway: 'fd99::9' },
    ],
    containers: [{ name: 'cli-web-1', ipv4: '10.99.0.66' }],
  })
  await ok('down')
  await ok('network', 'rm', 'shared')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('an external network that is not there is said before anything is made', async () => {
  write({ web: ['networks: [shared]'] }, 'networks: {shared: {external: true}}')
  const { code, stderr } = await run('up', '-d')
  expect(code).not.toBe(0)
  expect(stderr).toContain(
    'Cannot use network "shared": it is declared external, and does not exist',
  )
  expect(stderr).toContain('tsstack network create shared')
  expect((await ok('ps', '-a', '-q')).stdout).toBe('')
})

test('a container is connected by hand until the next up', async () => {
  write({ web: [] })
  await ok('up', '-d')
  const before = await pids()
  await ok('network', 'create', 'extra')
  await ok('network', 'connect', 'extra', 'cli-web-1', '--alias', 'shop')
  expect((await ok('network', 'inspect', 'extra')).stdout).toContain('cli-web-1')
  expect((await run('plan')).stdout).toContain('~ update container cli-web-1')
  await ok('up', '-d')
  expect((await ok('network', 'inspect', 'extra')).stdout).not.toContain('cli-web-1')
  expect(await pids()).toEqual(before)
  expect((await run('network', 'disconnect', 'extra', 'cli-web-1')).stderr).toContain(
    'it is not connected to it',
  )
  await ok('network', 'rm', 'extra')
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

/**
 * Waits until one of several looks finds an answer: a ping that was sent while its neighbour was
 * still asked for in vain is lost with that question, whatever has been mended meanwhile.
 */
async function comes(look: () => Promise<boolean>): Promise<void> {
  await until(async () => String(await look()), /true/)
}

/** The addresses of a service and its namesakes on two networks. */
const both = (names: string): string => `10.77.0.9\t${names}\n10.78.0.5\t${names}\n`

test('/etc/hosts and names follow a container to its new addresses', async () => {
  const own = 'hosts.own'
  writeFileSync(join(scene.folder, own), '127.0.0.1\tlocalhost\n10.77.0.7\tweb cli-web-1\n')
  const services = (address: string, rest = '') => ({
    web: [`networks: { default: { ipv4_address: ${address} }${rest} }`, 'hostname: web'],
    sealed: ['networks: [default]', 'read_only: true', 'extra_hosts: ["up:host-gateway"]'],
    guest: ['network_mode: service:web', 'hostname: guest'],
    apart: [`volumes: ["./${own}:/etc/hosts"]`],
  })
  const networks = `networks: { default: { ipam: { config: [{ subnet: 10.77.0.0/24 }] } },
    extra: { ipam: { config: [{ subnet: 10.78.0.0/24 }] } } }`
  write(services('10.77.0.7'), networks)
  await ok('up', '-d')
  const before = await pids()
  await ok('exec', 'web', 'sh', '-c', 'echo 192.0.2.1 later >> /etc/hosts')
  const hosts = async (service: string): Promise<string> =>
    (await ok('exec', service, 'tail', '-n', '+7', '/etc/hosts')).stdout

  write(services('10.77.0.9', ', extra: { ipv4_address: 10.78.0.5 }'), networks)
  await ok('up', '-d')
  expect(await pids()).toEqual(before)
  expect(await hosts('web')).toBe(`${both('web cli-web-1')}192.0.2.1 later\n`)
  expect(await hosts('guest')).toBe(both('guest cli-guest-1'))
  expect((await ok('exec', 'sealed', 'getent', 'hosts', 'web')).stdout).toMatch(/^10\.77\.0\.9 /)

  await ok('network', 'disconnect', 'cli_default', 'cli-sealed-1')
  expect(await hosts('sealed')).not.toContain('sealed')
  await ok('network', 'connect', 'cli_extra', 'cli-sealed-1', '--ip', '10.78.0.44')
  expect(await hosts('sealed')).toMatch(/^10\.78\.0\.1\tup\n10\.78\.0\.44\tcli-sealed-1\n$/)
  expect((await run('exec', 'sealed', 'sh', '-c', ': > /etc/hosts')).code).not.toBe(0)
  await ok('network', 'connect', 'cli_extra', 'cli-apart-1')
  const kept = readFileSync(join(scene.folder, own), 'utf8')
  expect(kept).toBe('127.0.0.1\tlocalhost\n10.77.0.7\tweb cli-web-1\n')
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('a changed port is published anew while the container runs on', async () => {
  write({ web: ['ports: ["18080:80"]'] })
  await ok('up', '-d')
  const before = await pids()
  expect((await ok('url', 'web')).stdout).toBe('http://127.0.0.1:18080\n')
  scene.replace('18080', '18081')
  await ok('up', '-d')
  expect((await ok('url', 'web', '80')).stdout).toBe('http://127.0.0.1:18081\n')
  expect(await pids()).toEqual(before)
  expect((await run('url', 'web', '81')).stderr).toContain('Cannot find a URL of "web"')
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('services are cut off, mended and slowed down, and x-net does it from the start', async () => {
  write({ one: ['x-net: {loss: 100%}'], two: [], three: [] })
  await ok('up', '-d')
  expect(await reaches('two', 'one')).toBe(false)
  await comes(() => reaches('two', 'three'))
  await ok('net', 'heal', 'one')
  await comes(() => reaches('two', 'one'))
  await ok('net', 'partition', 'one', 'two')
  expect(await reaches('one', 'two')).toBe(false)
  await comes(() => reaches('one', 'three'))
  await ok('net', 'heal')
  await comes(() => reaches('one', 'two'))
  await ok('net', 'degrade', 'one', '--rate', '1mbit')
  expect((await run('net', 'degrade', 'one')).stderr).toContain('nothing was said of how')
  expect((await run('net', 'degrade', 'one', '--loss', 'much')).code).toBe(2)
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

/** Whether one ping is answered within a second. */
async function reaches(from: string, to: string): Promise<boolean> {
  return (await run('exec', '-T', from, 'busybox', 'ping', '-c1', '-W1', to)).code === 0
}

test('host-gateway is the host on the network that leads out, also on one made by hand', async () => {
  await ok('network', 'create', 'shared', '--subnet', '10.99.0.0/24')
  const networks = 'networks: {within: {priority: 9}, shared: {}}'
  write(
    {
      web: ['extra_hosts: ["gate:host-gateway"]', networks],
      beside: ['network_mode: service:web'],
    },
    'networks: {within: {internal: true}, shared: {external: true}}',
  )
  await ok('up', '-d')
  expect((await ok('exec', 'web', 'cat', '/etc/hosts')).stdout).toContain('10.99.0.1\tgate\n')
  await ok('down', '-t', '0')
})

test('a single container is not cut off from itself', async () => {
  write({ web: [] })
  await ok('up', '-d')
  const refused = await run('net', 'partition', 'web', 'web')
  expect(refused).toMatchObject({ code: 2 })
  expect(refused.stderr).toContain('Cannot cut "web" off from itself')
  await ok('down', '-t', '0')
})

test('a second degrade replaces what it names, and keeps the rest, also of x-net', async () => {
  write({ one: ['x-net: {loss: 100%}'], two: [] })
  await ok('up', '-d')
  const queue = async (): Promise<string> => {
    const [one] = await pids()
    return (await scene.sandbox.inNetns(['nsenter', '-t', `${one}`, '-n', 'tc', 'qdisc'])).stdout
  }
  await ok('net', 'degrade', 'one', '--rate', '20mbit')
  expect(await queue()).toContain('rate 20Mbit')
  expect(await reaches('two', 'one')).toBe(false)
  await ok('net', 'degrade', 'one', '--rate', '40mbit')
  expect(await queue()).toContain('rate 40Mbit')
  await ok('net', 'degrade', 'one', '--loss', '0%')
  await comes(() => reaches('two', 'one'))
  expect(await queue()).toContain('rate 40Mbit')
  await ok('net', 'heal', 'one')
  expect(await queue()).not.toContain('rate')
  await ok('down', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

/** From client to server, once the server listens. */
async function bitsPerSecond(): Promise<number> {
  const words = ['exec', '-T', 'client', 'iperf3', '-J', '-t', '2', '-c', 'server']
  const json = await until(async () => (await run(...words)).stdout, /"sum_received"/)
  return JSON.parse(json).end.sum_received.bits_per_second
}

test('no more passes than --rate says, as iperf3 sees it', async () => {
  write({ server: [], client: [] })
  await ok('up', '-d')
  await ok('exec', '-d', 'server', 'iperf3', '-s')
  const free = await bitsPerSecond()
  await ok('net', 'degrade', 'server', '--rate', '8mbit')
  // What waits in queues is let through at once; a busy machine brings less, but for one that stood
  // still between what has passed and the clock by which it is counted.
  const most = 8e6 * 1.5
  let bound = Infinity
  await comes(async () => (bound = await bitsPerSecond()) < most)
  expect(bound).toBeGreaterThan(0)
  expect(free).toBeGreaterThan(bound * 2)
  await ok('down', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('on a machine without IPv6 a network that wants it is refused before anything is made', async () => {
  write({ web: ['networks: [plain, six]'] }, 'networks: {plain: {}, six: {enable_ipv6: true}}')
  // As with ipv6.disable=1 at boot: its settings are not there.
  const hidden = 'mount -t tmpfs none /proc/sys/net/ipv6 && exec "$@"'
  const without = ['unshare', '--mount', 'sh', '-c', hidden, 'sh', process.execPath, CLI]
  const refused = await scene.sandbox.inNetns([...without, 'up', '-d'], { cwd: scene.folder })
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.stderr).toMatch(
    /Cannot create network "cli_six" with IPv6: .*remove "enable_ipv6"/,
  )
  expect((await ok('network', 'ls', '-q')).stdout).toBe('')
  expect((await ok('ps', '-aq')).stdout).toBe('')
  write({ web: ['networks: [plain]'] }, 'networks: {plain: {}}')
  const plain = await scene.sandbox.inNetns([...without, 'up', '-d'], { cwd: scene.folder })
  succeeded(plain)
  expect(plain.stderr).not.toMatch(/warning|error|IPv6/)
  await ok('down', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('the stack is drawn whether it runs or not', async () => {
  write(
    { web: ['ports: ["18080:80"]', 'depends_on: [db]'], db: ['volumes: [data:/data]'] },
    'volumes: {data: {}}',
  )
  expect((await ok('graph')).stdout).toContain('not created')
  await ok('up', '-d')
  expect((await ok('graph')).stdout).toContain('"web<br/>1 of 1 running<br/>18080→80"')
  await ok('graph', '--format', 'svg', '-o', 'stack.svg')
  expect((await ok('graph', '--format', 'dot')).stdout).toMatch(/^digraph "cli" \{/)
  await ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})

const FORGER = ['cap_add: [NET_ADMIN]']

/** Whether a ping from `web` to `db` is answered, from its own address or another's. */
async function pings(...options: readonly string[]): Promise<boolean> {
  const command = ['busybox', 'ping', '-c', '1', '-W', '1', ...options, 'db']
  return (await run('exec', 'web', ...command)).code === 0
}

test.each([true, false])('anti_spoofing is %s: who forges an address', async (isGuarded) => {
  const option = `driver_opts: { tsstack.anti_spoofing: "${isGuarded}" }`
  const subnets = 'ipam: { config: [{ subnet: 10.77.0.0/24 }, { subnet: "fd77::/64" }] }'
  write(
    { web: FORGER, db: ['networks: { default: { ipv4_address: 10.77.0.9 } }'] },
    `networks: { default: { enable_ipv6: true, ${subnets}, ${option} } }`,
  )
  await ok('up', '-d')
  const inside = (...words: readonly string[]): Promise<Finished> => ok('exec', 'web', ...words)
  await comes(() => pings('-4'))
  await comes(() => pings('-6'))
  await inside('ip', 'addr', 'add', '10.77.0.66/24', 'dev', 'eth0')
  await inside('ip', 'addr', 'add', 'fd77::66/64', 'dev', 'eth0', 'nodad')
  /** Only what is not guarded against comes through. */
  const forges = async (...options: readonly string[]): Promise<void> => {
    if (isGuarded) expect(await pings(...options)).toBe(false)
    else await comes(() => pings(...options))
  }
  await forges('-4', '-I', '10.77.0.66')
  await forges('-6', '-I', 'fd77::66')
  await comes(() => pings('-4'))
  await inside('ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:66')
  // Others keep the address that they knew for a while: arp(7), locktime.
  await forges('-4')
  await ok('restart', 'web')
  await comes(() => pings('-4'))
  await ok('down')
  expect(await scene.sandbox.leaks()).toBe('')
})

test('a subnet without room for all containers is said before anything is made', async () => {
  const scaled = (config: string): void => {
    write({ web: ['scale: 3'] }, `networks: { default: { ipam: { config: [{ ${config} }] } } }`)
  }
  scaled('subnet: 10.1.0.0/30')
  const small = await run('up', '-d')
  expect(small.code).not.toBe(0)
  expect(small.stderr).toMatch(
    /yaml:\d+:\d+: error: .* 10\.1\.0\.0\/30 has 1 address for 3 containers/,
  )
  scaled('subnet: 10.1.0.0/24, ip_range: 10.1.0.0/30')
  const { code, stderr } = await run('up', '-d')
  expect(code).not.toBe(0)
  expect(stderr).toContain(
    'Cannot connect 3 containers to network "cli_default": 10.1.0.0/30 has 2 free addresses',
  )
  expect((await ok('ps', '-a', '-q')).stdout).toBe('')
  write(
    { web: ['scale: 1'] },
    'networks: { default: { ipam: { config: [{ subnet: 10.1.0.0/30 }] } } }',
  )
  await ok('up', '-d')
})

test.each(['default', 'all'])(
  'IPv6 that is switched off for %s is switched on for the network that wants it',
  async (scope) => {
    const isOff = (value: number) =>
      scene.sandbox.inNetns(['sysctl', '-qw', `net.ipv6.conf.${scope}.disable_ipv6=${value}`])
    await isOff(1)
    write({ web: [], db: [] }, 'networks: { default: { enable_ipv6: true } }')
    await ok('up', '-d')
    await comes(() => pings('-6'))
    await comes(() => pings('-4'))
    await ok('down')
    // The machine's own ::1 comes back.
    await isOff(0)
    expect(await scene.sandbox.leaks()).toBe('')
  },
)
