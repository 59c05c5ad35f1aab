/** Networks: throughput beside a plain bridge, connecting, and publishing. */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { createNetworkNamespace } from '../src/linux/index.ts'
import { createNet, type Net } from '../src/net/index.ts'
import { LEAST_NAT, inside, passage, type Place } from './floor-network.ts'
import { compare, statistics, type Group } from './measure.ts'

const SECONDS = 1

/** Inside a network namespace of the bench's own. */
export async function networkGroups(rounds: number): Promise<readonly Group[]> {
  const net = createNet({ rootId: 'bench' })
  try {
    return [await throughput(net, rounds), await connecting(net), await publishing(net, rounds * 5)]
  } finally {
    await net.removeAll()
    await net.close()
  }
}

function sh(line: string): void {
  execFileSync('sh', ['-ec', line])
}

async function container(net: Net, name: string, address: string): Promise<Place> {
  const fd = createNetworkNamespace()
  net.prepareNamespace(fd)
  await net.attach({ netnsFd: fd, container: name, network: 'bench', address, defaultRoute: true })
  return { fd, address }
}

/** On a bridge that nobody filters, made by hand. */
function plain(name: string, address: string): Place {
  const fd = createNetworkNamespace()
  const place = { fd, address }
  sh(`ip link add ${name} type veth peer name eth0 netns /proc/${process.pid}/fd/${fd}
    ip link set ${name} master plain0 up`)
  inside(place, 'sh', '-ec', `ip link set eth0 up; ip addr add ${address}/24 dev eth0`)
  return place
}

async function throughput(net: Net, rounds: number): Promise<Group> {
  sh('ip link add plain0 type bridge; ip link set plain0 up; ip addr add 10.66.0.1/24 dev plain0')
  net.createNetwork({ name: 'bench', stack: 'bench', internal: false })
  const [p1, p2] = [plain('pl1', '10.66.0.2'), plain('pl2', '10.66.0.3')]
  const [c1, c2] = [
    await container(net, 'c1', '10.89.0.2'),
    await container(net, 'c2', '10.89.0.3'),
  ]
  inside(p1, 'ip', 'route', 'add', 'default', 'via', '10.66.0.1')
  await net.publish({
    container: 'c2',
    service: 'c2',
    network: 'bench',
    address: c2.address,
    ports: [{ protocol: 'tcp', published: { first: 5301, last: 5301 }, target: 5201 }],
  })
  const [routed, translated] = [passage(''), passage(LEAST_NAT)]
  const serving = [p2, c2, routed.server, translated.server]
  const servers = serving.map(({ fd }) =>
    spawn('nsenter', [`--net=/proc/${process.pid}/fd/${fd}`, 'iperf3', '-s'], { stdio: 'ignore' }),
  )
  for (const place of serving) inside(place, 'sh', '-c', 'until ss -ltn | grep -q 5201; do :; done')
  const rows = await compare(
    {
      'two veth pairs on a plain bridge': () => iperf(p1, p2.address, 5201),
      'container to container': () => iperf(c1, c2.address, 5201),
      'through a published port': () => iperf(p1, '10.66.0.1', 5301),
      'least possible: routed, without a rule': () =>
        iperf(routed.client, routed.server.address, 5201),
      'least possible: one rule of NAT by hand': () => iperf(translated.client, '10.67.1.1', 5301),
    },
    rounds,
  )
  for (const server of servers) server.kill()
  await net.unpublish('c2')
  for (const { fd } of [p1, c1, routed.client, translated.client, ...serving]) closeSync(fd)
  sh('ip link del plain0')
  await net.removeNetwork('bench')
  return {
    title: 'Throughput of one TCP connection',
    note:
      `iperf3, ${SECONDS} s each; the published port is asked from outside the machine. No port ` +
      'can do better than a machine that routes from one bridge to another, as the last two do',
    unit: 'Gbit/s',
    yardstick: 'two veth pairs on a plain bridge',
    rows,
  }
}

async function iperf(from: Place, to: string, port: number): Promise<number> {
  const text = inside(from, 'iperf3', '-J', '-t', `${SECONDS}`, '-c', to, '-p', `${port}`)
  const report = JSON.parse(text) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } }
  }
  return report.end.sum_received.bits_per_second / 1e9
}

async function connecting(net: Net): Promise<Group> {
  net.createNetwork({ name: 'bench', stack: 'bench', internal: false })
  const times: number[] = []
  const places: number[] = []
  for (let index = 2; index < 102; index++) {
    const fd = createNetworkNamespace()
    net.prepareNamespace(fd)
    places.push(fd)
    const begun = performance.now()
    await net.attach({
      netnsFd: fd,
      container: `c${index}`,
      network: 'bench',
      address: `10.89.0.${index}`,
      defaultRoute: true,
    })
    times.push(performance.now() - begun)
  }
  for (const fd of places) closeSync(fd)
  await net.removeNetwork('bench')
  return {
    title: 'Connecting 100 containers to one bridge',
    note: 'each: cable, address and route, in a namespace that is there',
    unit: 'ms',
    rows: { 'each of 100': statistics(times) },
  }
}

/** What changing one port of a stack of 50 takes, while the others stay. */
async function publishing(net: Net, rounds: number): Promise<Group> {
  net.createNetwork({ name: 'bench', stack: 'bench', internal: false })
  const publish = (index: number, port: number) =>
    net.publish({
      container: `c${index}`,
      service: `c${index}`,
      stack: 'bench',
      network: 'bench',
      address: `10.89.0.${index}`,
      ports: [{ protocol: 'tcp', published: { first: port, last: port }, target: 80 }],
    })
  for (let index = 2; index < 52; index++) await publish(index, 20_000 + index)
  let port = 21_000
  const rows = await compare(
    { 'one port of 50': async () => void (await publish(7, ++port)) },
    rounds,
  )
  for (let index = 2; index < 52; index++) await net.unpublish(`c${index}`)
  await net.removeNetwork('bench')
  return {
    title: 'Changing a published port',
    note: '50 containers publish one each',
    unit: 'ms',
    rows,
  }
}
