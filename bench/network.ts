/** Networks: throughput beside a plain bridge, connecting, publishing, and answers to names. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSocket } from 'node:dgram'
import { createNetworkNamespace, withNamespace, openInetSocket } from '../src/linux/index.ts'
import { createNet, type Net } from '../src/net/index.ts'
import { compare, statistics, type Group } from './measure.ts'

const SECONDS = 1

/** Inside a network namespace of the bench's own. */
export async function networkGroups(rounds: number): Promise<readonly Group[]> {
  const net = createNet({ rootId: 'bench' })
  try {
    return [
      await throughput(net, rounds),
      await connecting(net),
      await publishing(net, rounds * 5),
      await answers(net),
      ...(await underLoad(net)),
    ]
  } finally {
    await net.removeAll()
    await net.close()
  }
}

/** A namespace of a container, or of something else beside it. */
interface Place {
  readonly fd: number
  readonly address: string
}

function inside({ fd }: Place, ...command: readonly string[]): string {
  const args = [`--net=/proc/${process.pid}/fd/${fd}`, ...command]
  return execFileSync('nsenter', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function sh(line: string): void {
  execFileSync('sh', ['-ec', line])
}

function container(net: Net, name: string, address: string): Place {
  const fd = createNetworkNamespace()
  net.prepareNamespace(fd)
  net.attach({ netnsFd: fd, container: name, network: 'bench', address, defaultRoute: true })
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
  const [c1, c2] = [container(net, 'c1', '10.89.0.2'), container(net, 'c2', '10.89.0.3')]
  inside(p1, 'ip', 'route', 'add', 'default', 'via', '10.66.0.1')
  await net.publish({
    container: 'c2',
    service: 'c2',
    network: 'bench',
    address: c2.address,
    ports: [{ protocol: 'tcp', published: { first: 5301, last: 5301 }, target: 5201 }],
  })
  const servers = [p2, c2].map(({ fd }) =>
    spawn('nsenter', [`--net=/proc/${process.pid}/fd/${fd}`, 'iperf3', '-s'], { stdio: 'ignore' }),
  )
  for (const place of [p2, c2])
    inside(place, 'sh', '-c', 'until ss -ltn | grep -q 5201; do :; done')
  const rows = await compare(
    {
      'two veth pairs on a plain bridge': () => iperf(p1, p2.address, 5201),
      'container to container': () => iperf(c1, c2.address, 5201),
      'through a published port': () => iperf(p1, '10.66.0.1', 5301),
    },
    rounds,
  )
  for (const server of servers) server.kill()
  await net.unpublish('c2')
  for (const { fd } of [p1, p2, c1, c2]) closeSync(fd)
  sh('ip link del plain0')
  net.removeNetwork('bench')
  return {
    title: 'Throughput of one TCP connection',
    note: `iperf3, ${SECONDS} s each; the published port is asked from outside the machine`,
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
    net.attach({
      netnsFd: fd,
      container: `c${index}`,
      network: 'bench',
      address: `10.89.0.${index}`,
      defaultRoute: true,
    })
    times.push(performance.now() - begun)
  }
  for (const fd of places) closeSync(fd)
  net.removeNetwork('bench')
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
  net.removeNetwork('bench')
  return {
    title: 'Changing a published port',
    note: '50 containers publish one each',
    unit: 'ms',
    rows,
  }
}

/** Questions of one container to its resolver, one after the other. */
async function answers(net: Net): Promise<Group> {
  net.createNetwork({ name: 'bench', stack: 'bench', internal: false })
  const { fd } = container(net, 'c2', '10.89.0.2')
  net.names.set({
    network: 'bench',
    container: 'c2',
    stack: 'bench',
    names: ['web'],
    address: '10.89.0.2',
  })
  const server = await net.serveDns({
    netnsFd: fd,
    container: 'c2',
    stack: 'bench',
    networks: ['bench'],
    upstreams: [],
  })
  const times = await ask(fd, 3000)
  await server.close()
  closeSync(fd)
  net.removeNetwork('bench')
  const sorted = times.toSorted((left, right) => left - right)
  const of = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0
  return {
    title: 'A name of the stack, asked one after the other',
    note: 'asker and resolver share one process here, and its event loop: both are in the figure',
    unit: 'µs',
    rows: { median: statistics([of(0.5)]), '99 of 100': statistics([of(0.99)]) },
  }
}

interface Asker {
  readonly fd: number
  readonly close: () => Promise<void>
}

/** A container whose names this process answers, while others ask. */
async function asker(net: Net, name: string, address: string): Promise<Asker> {
  const { fd } = container(net, name, address)
  const stack = 'bench'
  const entry = { network: 'bench', container: name, stack, names: [name], address }
  net.names.set(entry)
  const server = await net.serveDns({
    netnsFd: fd,
    container: name,
    stack,
    networks: ['bench'],
    upstreams: [],
  })
  return { fd, close: () => server.close().then(() => closeSync(fd)) }
}

/** dnsperf, a process of its own in the container; undefined where it is not installed. */
async function underLoad(net: Net): Promise<readonly Group[]> {
  net.createNetwork({ name: 'bench', stack: 'bench', internal: false })
  const one = await asker(net, 'c2', '10.89.0.2')
  const other = await asker(net, 'c3', '10.89.0.3')
  try {
    const steady = await dnsperf(one, 5000)
    const calm = await dnsperf(one, 100)
    const [beside, flood] = await Promise.all([dnsperf(one, 100), dnsperf(other, 20_000)])
    return [
      {
        title: 'A name of the stack, asked by dnsperf in a container',
        note: '3 s each, from a process of its own; beside: while another container asks 20,000/s',
        unit: 'µs',
        rows: {
          '5,000/s, median': statistics([at(steady, 0.5)]),
          '5,000/s, 99 of 100': statistics([at(steady, 0.99)]),
          '100/s, median': statistics([at(calm, 0.5)]),
          '100/s, 99 of 100': statistics([at(calm, 0.99)]),
          '100/s beside, median': statistics([at(beside, 0.5)]),
          '100/s beside, 99 of 100': statistics([at(beside, 0.99)]),
          '20,000/s, median': statistics([at(flood, 0.5)]),
        },
      },
    ]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  } finally {
    await one.close()
    await other.close()
    net.removeNetwork('bench')
  }
}

const at = (sorted: readonly number[], part: number): number =>
  sorted[Math.floor(sorted.length * part)] ?? 0

/** Microseconds of every answer, shortest first. */
async function dnsperf({ fd }: Asker, perSecond: number): Promise<readonly number[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tsstack-dnsperf-'))
  const questions = join(directory, 'questions')
  writeFileSync(questions, 'c2 A\n')
  const words = ['-s', '127.0.0.11', '-l', '3', '-Q', String(perSecond), '-v', '-d', questions]
  // Read only afterwards: this process has names to answer meanwhile.
  const report = join(directory, 'report')
  const log = openSync(report, 'w')
  const all = [`--net=/proc/${process.pid}/fd/${fd}`, 'dnsperf', ...words]
  const child = spawn('nsenter', all, { stdio: ['ignore', log, 'ignore'] })
  await once(child, 'exit')
  closeSync(log)
  const output = readFileSync(report, 'utf8')
  rmSync(directory, { recursive: true })
  const seconds = [...output.matchAll(/^> \w+ c2 A (\d+\.\d+)/gm)].map(([, time]) => Number(time))
  if (seconds.length === 0) throw new Error(`dnsperf has no answers: ${output.slice(0, 500)}`)
  return seconds.map((time) => time * 1e6).toSorted((left, right) => left - right)
}

const QUESTION = Buffer.from('000001000001000000000000037765620000010001', 'hex')

async function ask(netnsFd: number, count: number): Promise<readonly number[]> {
  const { fd } = withNamespace(netnsFd, 'net', () =>
    openInetSocket({ protocol: 'udp', address: '0.0.0.0', port: 0 }),
  )
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind({ fd }, resolve))
  const times: number[] = []
  for (let turn = 0; turn < count; turn++) {
    const begun = performance.now()
    const answered = new Promise((resolve) => socket.once('message', resolve))
    socket.send(QUESTION, 53, '127.0.0.11')
    await answered
    times.push((performance.now() - begun) * 1000)
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return times.slice(count / 10)
}
