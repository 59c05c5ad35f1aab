/** How much one TCP connection carries: between containers, and to published ports. */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { createNetworkNamespace } from '../src/linux/index.ts'
import type { Net } from '../src/net/index.ts'
import { DOCKER, LEAST_NAT, inside, passage, type Passage, type Place } from './floor-network.ts'
import { compare, type Contender, type Group } from './measure.ts'

/** A third of a second: many short turns tell more of a noisy machine than a few long ones. */
const MEGABYTES = 500

/** The machine's own address on the plain bridge, where clients ask for the published port. */
const HOST = '10.66.0.1'
const PLAIN_V6 = 'fd00:66::'
const HOST_V6 = `${PLAIN_V6}1`
const BENCH_V6 = 'fd00:89::'
const PORT = 5201
const PUBLISHED = 5301

const TWO_PAIRS = 'two veth pairs on a plain bridge'
const ONE_PAIR = 'one veth pair on a plain bridge'

/** Asked by others, and by programs of the machine itself. */
export async function throughputGroups(net: Net, rounds: number): Promise<readonly Group[]> {
  sh(`ip link add plain0 type bridge; ip link set plain0 up; ip addr add ${HOST}/24 dev plain0`)
  if (hasIpv6()) sh(`ip addr add ${HOST_V6}/64 dev plain0 nodad`)
  const scene = await build(net)
  const { plain, containers, passages } = scene
  const serving = [plain[1], containers[1], ...passages.map(({ server }) => server)]
  const servers = serving.map(({ fd }) =>
    spawn('nsenter', [`--net=/proc/${process.pid}/fd/${fd}`, 'iperf3', '-s'], { stdio: 'ignore' }),
  )
  for (const place of serving) inside(place, 'sh', '-c', 'until ss -ltn | grep -q 5201; do :; done')
  const groups = [
    outside(await compare(askedByOthers(scene), rounds)),
    host('IPv4', await compare(askedByHost(scene), rounds)),
    ...(hasIpv6() ? [host('IPv6', await compare(askedByHostV6(scene), rounds))] : []),
  ]
  for (const server of servers) server.kill()
  await net.unpublish('c2')
  const clients = [plain[0], containers[0], ...passages.map(({ client }) => client), scene.host]
  for (const { fd } of [...clients, ...serving]) closeSync(fd)
  sh('ip link del plain0')
  await net.removeNetwork('bench')
  return groups
}

interface Scene {
  readonly host: Pick<Place, 'fd'>
  /** On a bridge that nobody filters. */
  readonly plain: readonly [Place, Place]
  readonly containers: readonly [Place, Place]
  /** Routed without a rule, by one rule of NAT, and by those of Docker. */
  readonly passages: readonly [Passage, Passage, Passage]
}

type Contenders = Readonly<Record<string, Contender>>
type Rows = Group['rows']

function askedByOthers({
  plain,
  containers,
  passages: [routed, translated, docker],
}: Scene): Contenders {
  const [p1, p2] = plain
  const [c1, c2] = containers
  return {
    [TWO_PAIRS]: () => iperf(p1, p2.address, PORT),
    'container to container': () => iperf(c1, c2.address, PORT),
    'through a published port': () => iperf(p1, HOST, PUBLISHED),
    'least possible: routed, without a rule': () =>
      iperf(routed.client, routed.server.address, PORT),
    'least possible: one rule of NAT by hand': () =>
      iperf(translated.client, '10.67.1.1', PUBLISHED),
    'the rules of Docker, by hand': () => iperf(docker.client, '10.67.1.1', PUBLISHED),
  }
}

function outside(rows: Rows): Group {
  return {
    title: 'Throughput of one TCP connection',
    note:
      `iperf3, ${MEGABYTES} MB each; the published port is asked from outside the machine. No ` +
      'port can do better than a machine that routes from one bridge to another, as the "least" do',
    unit: 'Gbit/s',
    yardstick: TWO_PAIRS,
    rows,
  }
}

function askedByHost({ host: own, plain, containers }: Scene): Contenders {
  const ask = (address: string, port: number) => () => iperf(own, address, port)
  return {
    [ONE_PAIR]: ask(plain[1].address, PORT),
    'a container by its own address': ask(containers[1].address, PORT),
    'published, on the address of the host': ask(HOST, PUBLISHED),
    'published, on 127.0.0.1': ask('127.0.0.1', PUBLISHED),
  }
}

function askedByHostV6({ host: own }: Scene): Contenders {
  const ask = (address: string, port: number) => () => iperf(own, address, port)
  return {
    [ONE_PAIR]: ask(`${PLAIN_V6}3`, PORT),
    'a container by its own address': ask(`${BENCH_V6}3`, PORT),
    'published, on the address of the host': ask(HOST_V6, PUBLISHED),
    'published, on ::1': ask('::1', PUBLISHED),
  }
}

function host(protocol: string, rows: Rows): Group {
  return {
    title: `Throughput of one TCP connection from the host itself, ${protocol}`,
    note: `iperf3, ${MEGABYTES} MB each; a program of the machine asks`,
    unit: 'Gbit/s',
    yardstick: ONE_PAIR,
    rows,
  }
}

async function build(net: Net): Promise<Scene> {
  const plain = [hang('pl1', 2), hang('pl2', 3)] as const
  inside(plain[0], 'ip', 'route', 'add', 'default', 'via', HOST)
  net.createNetwork({ name: 'bench', stack: 'bench', internal: false, ...(hasIpv6() ? IPV6 : {}) })
  const containers = [await container(net, 'c1', 2), await container(net, 'c2', 3)] as const
  await net.publish({
    container: 'c2',
    service: 'c2',
    network: 'bench',
    address: containers[1].address,
    ...(hasIpv6() ? { address6: `${BENCH_V6}3` } : {}),
    ports: [{ protocol: 'tcp', published: { first: PUBLISHED, last: PUBLISHED }, target: PORT }],
  })
  const own = { fd: openSync('/proc/thread-self/ns/net', 'r') }
  return {
    host: own,
    plain,
    containers,
    passages: [passage(''), passage(LEAST_NAT), passage(DOCKER)],
  }
}

const hasIpv6 = (): boolean => existsSync('/proc/sys/net/ipv6')
const IPV6 = { ipv6: true, subnets: [{ subnet: '10.89.0.0/24' }, { subnet: `${BENCH_V6}/64` }] }

async function container(net: Net, name: string, at: number): Promise<Place> {
  const fd = createNetworkNamespace()
  const address = `10.89.0.${at}`
  net.prepareNamespace(fd)
  await net.attach({
    netnsFd: fd,
    container: name,
    network: 'bench',
    address,
    ...(hasIpv6() ? { address6: `${BENCH_V6}${at}` } : {}),
    defaultRoute: true,
  })
  return { fd, address }
}

/** On the plain bridge, made by hand. */
function hang(name: string, at: number): Place {
  const fd = createNetworkNamespace()
  const address = `10.66.0.${at}`
  const place = { fd, address }
  sh(`ip link add ${name} type veth peer name eth0 netns /proc/${process.pid}/fd/${fd}
    ip link set ${name} master plain0 up`)
  inside(place, 'sh', '-ec', `ip link set eth0 up; ip addr add ${address}/24 dev eth0`)
  if (hasIpv6()) {
    inside(place, 'ip', 'addr', 'add', `${PLAIN_V6}${at}/64`, 'dev', 'eth0', 'nodad')
  }
  return place
}

async function iperf(from: Pick<Place, 'fd'>, to: string, port: number): Promise<number> {
  const text = inside(from, 'iperf3', '-J', '-n', `${MEGABYTES}M`, '-c', to, '-p', `${port}`)
  const report = JSON.parse(text) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } }
  }
  return report.end.sum_received.bits_per_second / 1e9
}

function sh(line: string): void {
  execFileSync('sh', ['-ec', line])
}
