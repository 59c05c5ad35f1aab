import { closeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import {
  createNetworkNamespace,
  createVeth,
  deleteLink,
  NETLINK_ROUTE,
  NetlinkSocket,
} from '../../src/linux/index.ts'
import { LinkRemoval } from '../../src/net/link-removal.ts'
import { enterHost, sh } from './world.ts'

beforeAll(enterHost)

const names = (): readonly string[] =>
  JSON.parse(sh('ip -j link show')).map(({ ifname }: { ifname: string }) => ifname)

const make = (...made: readonly string[]): readonly { readonly name: string }[] =>
  made.map((name) => {
    sh(`ip link add ${name} type bridge`)
    return { name }
  })

test('none is found when it resolves, and one that never was is no failure', async () => {
  const removal = new LinkRemoval()
  const many = make(...Array.from({ length: 40 }, (_, at) => `gone${at}`))
  await removal.now([...many, { name: 'never' }])
  expect(names()).toEqual(['lo'])
})

test('takes together what comes before somebody waits, and knows when nothing is left', async () => {
  const removal = new LinkRemoval()
  const [one = { name: '' }, two = { name: '' }] = make('one', 'two')
  const first = removal.add([one])
  expect(removal.add([two])).toBe(first)
  await removal.gone('two')
  expect(names()).toEqual(['lo'])
  removal.add(make('three')).catch(() => {})
  await removal.settled()
  expect(names()).toEqual(['lo'])
})

test('what nobody waits for goes soon', async () => {
  await new LinkRemoval().add(make('one'))
  expect(names()).toEqual(['lo'])
})

test('a name can be used again at once', async () => {
  const removal = new LinkRemoval()
  for (let turn = 0; turn < 20; turn += 1) await removal.now(make('again'))
  expect(names()).toEqual(['lo'])
})

// Of 2,400 such cables six were lost while links were marked by their names.
test('another of its name stays, that is made while it goes with its namespace', async () => {
  const removal = new LinkRemoval()
  using socket = new NetlinkSocket(NETLINK_ROUTE)
  const lay = (name: string): number => {
    const netnsFd = createNetworkNamespace()
    const inside = { name: 'eth0', netnsFd, mac: '02:00:00:00:00:01', mtu: 1500 }
    socket.request([createVeth(name, {}, inside)])
    return netnsFd
  }
  const replace = async (name: string): Promise<void> => {
    for (let turn = 0; turn < 50; turn += 1) {
      // From now on the kernel takes it away, when it has the time.
      closeSync(lay(name))
      await sleep(Math.random() * 30)
      await removal.now([{ name }])
      const netns = lay(name)
      await sleep(30)
      socket.request([deleteLink({ name })])
      closeSync(netns)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, at) => replace(`cable${at}`)))
})
