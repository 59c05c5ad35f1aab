/** Containers whose networks are changed while they run, and what else happens meanwhile. */
import { execFileSync } from 'node:child_process'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { attached, attachmentTo, networkSpec, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const BOX = { command: ['sleep', '1000'], dns: ['127.0.0.1'] }
const NETS = { networks: [{ name: 'tst_a' }, { name: 'tst_b' }, { name: 'tst_c' }] }
const container = 'tst-box-1'

/** `box` as asked, and one that the other networks are there for. */
const up = (...networks: readonly string[]): Promise<void> =>
  world.up(
    {
      box: { ...BOX, ...attached(...networks) },
      other: { ...BOX, ...attached('tst_a', 'tst_b', 'tst_c') },
    },
    NETS,
  )

const connect = (network: string): Promise<readonly string[]> =>
  world.engine.network({ do: 'connect', container, attachment: attachmentTo({ network }) })
const disconnect = (network: string): Promise<readonly string[]> =>
  world.engine.network({ do: 'disconnect', container, network })

const networksOf = async (service: string): Promise<readonly string[]> =>
  (await world.observe(service)).addresses.map(({ network }) => network)

async function drifts(): Promise<readonly string[]> {
  const facts = await world.engine.facts('tst')
  return facts
    .filter(({ desired, actual }) => desired !== actual)
    .map(({ name, field, actual }) => `${name}: ${field} is ${actual}`)
}

/** Resolves when everything is mended. */
async function whole(): Promise<void> {
  for (;;) {
    const event = world.nextEvent()
    if ((await drifts()).length === 0) return
    await event
  }
}

/** What seems to have drifted while `work` goes on, looked at all the time. */
async function driftsDuring(work: Promise<unknown>): Promise<readonly string[]> {
  const over = new AbortController()
  const ended = work.finally(() => over.abort())
  const seen: string[] = []
  while (!over.signal.aborted) {
    seen.push(...(await drifts()))
    await setImmediate()
  }
  await ended
  return seen
}

/** The host's ends of the cables of `box`. */
const cables = (): readonly string[] => {
  const all = execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })
  const links = JSON.parse(all) as readonly { readonly ifname: string; readonly ifalias?: string }[]
  return links.filter(({ ifalias }) => ifalias?.includes(container)).map(({ ifname }) => ifname)
}

test('what is changed on purpose is not taken for drift', async () => {
  await up('tst_a')
  for (let round = 0; round < 10; round += 1) {
    expect(await driftsDuring(disconnect('tst_a'))).toEqual([])
    expect(await driftsDuring(connect('tst_b'))).toEqual([])
    expect(await driftsDuring(disconnect('tst_b'))).toEqual([])
    expect(await driftsDuring(connect('tst_a'))).toEqual([])
  }
  expect(await networksOf('box')).toEqual(['tst_a'])
  expect(await drifts()).toEqual([])
  expect(world.events.filter(({ kind }) => kind === 'drift')).toEqual([])
})

test('what heals meanwhile puts nothing back that is to go', async () => {
  await up('tst_a', 'tst_b')
  // Each time there is something to mend, and a network goes before, while or after that is.
  for (let round = 0; round < 20; round += 1) {
    await whole()
    execFileSync('ip', ['link', 'del', cables()[round % 2] ?? ''])
    if (round > 1) await setTimeout(190 + round)
    await disconnect('tst_b')
    await connect('tst_b')
    expect(await networksOf('box')).toEqual(['tst_a', 'tst_b'])
  }
  await whole()
})

test('two changes at once are both made', async () => {
  await up('tst_a')
  await Promise.all([connect('tst_b'), connect('tst_c')])
  expect(await networksOf('box')).toEqual(['tst_a', 'tst_b', 'tst_c'])
  await Promise.all([disconnect('tst_a'), disconnect('tst_c')])
  expect(await networksOf('box')).toEqual(['tst_b'])
  const { stdout } = await world.exec('box', 'ip -o link | grep -c eth')
  expect(stdout).toBe('1\n')
})

test('nothing is left of a change that meets the end of the container', async () => {
  const port = 18_000
  const ports = [{ target: 80, protocol: 'tcp', published: { first: port, last: port } }] as const
  const box = { ...BOX, ...attached('tst_a'), ports }
  const other = { ...BOX, ...attached('tst_b') }
  for (let round = 0; round < 10; round += 1) {
    await world.up({ box, other }, NETS)
    world.engine.kill(container, 'KILL').catch(() => undefined)
    await disconnect('tst_a')
    await connect('tst_b')
    await world.exited('box')
    expect(execFileSync('ss', ['-Htln', `sport = :${port}`], { encoding: 'utf8' })).toBe('')
    await world.down()
    expect(await world.leaks()).toBe('')
  }
})

test('one that is being started is changed when it runs', async () => {
  await up('tst_a')
  for (let round = 0; round < 10; round += 1) {
    const restarted = world.engine.change('tst', 'restart', { services: ['box'] })
    await world.when('box', ({ state }) => state !== 'running')
    await setTimeout(2 * round)
    await connect('tst_b')
    await restarted
    expect(await networksOf('box')).toEqual(['tst_a', 'tst_b'])
    expect((await world.exec('box', 'ip -o link | grep -c eth')).stdout).toBe('2\n')
    await disconnect('tst_b')
  }
})

test('a network that is to go is there for who is connected to it, or gone for both', async () => {
  await up('tst_a')
  const spec = networkSpec({ name: 'own' })
  for (let round = 0; round < 10; round += 1) {
    await world.engine.network({ do: 'create', spec })
    const connected = connect('own').then(
      () => true,
      () => false,
    )
    for (let turn = 0; turn < round % 3; turn += 1) await setImmediate()
    const isRemoved = await world.engine
      .network(round % 2 === 0 ? { do: 'prune' } : { do: 'remove', networks: ['own'] })
      .then(
        (names) => names.length > 0,
        () => false,
      )
    expect(await connected).toBe(!isRemoved)
    expect(await networksOf('box')).toEqual(isRemoved ? ['tst_a'] : ['tst_a', 'own'])
    expect(await drifts()).toEqual([])
    if (isRemoved) continue
    await disconnect('own')
    await world.engine.network({ do: 'remove', networks: ['own'] })
  }
})
