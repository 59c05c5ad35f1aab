/** Networks: throughput beside a plain bridge, connecting, and publishing. */
import { closeSync } from 'node:fs'
import { createNetworkNamespace } from '../src/linux/index.ts'
import { createNet, type Net } from '../src/net/index.ts'
import { compare, statistics, type Group } from './measure.ts'
import { throughputGroups } from './throughput.ts'

/** Inside a network namespace of the bench's own. */
export async function networkGroups(rounds: number): Promise<readonly Group[]> {
  const net = await createNet({ rootId: 'bench' })
  try {
    return [
      ...(await throughputGroups(net, rounds * 4)),
      await connecting(net),
      await publishing(net, rounds * 5),
    ]
  } finally {
    await net.removeAll()
    await net.close()
  }
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
