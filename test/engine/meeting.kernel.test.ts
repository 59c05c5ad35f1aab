/** What ends, or is removed, while somebody else works with it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { EngineEvent } from '../../src/engine/index.ts'
import { attached, sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const NET = { networks: [{ name: 'tst_a' }] }
const NETS = { networks: [{ name: 'tst_a' }, { name: 'tst_b' }] }
const FOREVER = { command: ['sleep', '1000'], dns: ['127.0.0.1'] }

const warnings = (): readonly EngineEvent[] => world.events.filter(({ kind }) => kind === 'warning')

/** Resolves when the end of the service is told; its clean-up comes then. */
function ended(service: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const unsubscribe = world.engine.subscribe((event) => {
    if (event.kind !== 'container' || event.service !== service || event.state !== 'exited') return
    unsubscribe()
    resolve()
  })
  return promise
}

/** Does `work` over and over, at every turn of the loop, until the result is called. */
function allTheTime(work: () => Promise<unknown>): () => Promise<void> {
  const over = new AbortController()
  const done = (async () => {
    while (!over.signal.aborted) {
      await work()
      await setImmediate()
    }
  })()
  return () => {
    over.abort()
    return done
  }
}

test('a signal for one that has ended while it was changed reaches nobody else', async () => {
  const box = { ...FOREVER, ...attached('tst_a') }
  const other = { ...FOREVER, ...attached('tst_a', 'tst_b') }
  const container = 'tst-box-1'
  const attachment = { network: 'tst_b', aliases: [], gatewayPriority: 0, priority: 0 }
  for (let round = 0; round < 10; round += 1) {
    await world.up({ box, other }, NETS)
    const quiet = allTheTime(() => world.engine.kill(container, 'WINCH'))
    await Promise.all([
      world.engine.kill(container, 'KILL'),
      world.engine.network({ do: 'connect', container, attachment }),
      world.engine.network({ do: 'disconnect', container, network: 'tst_a' }),
    ])
    await world.exited('box')
    await quiet()
    await world.down()
  }
  expect(warnings()).toEqual([])
})

test('copies at once are made one after the other', async () => {
  await world.up({ box: sh('exit 0') })
  await world.exited('box')
  const names = ['one', 'two', 'three', 'four'].map((name) => `copy-${name}`)
  const wasAlone = await Promise.all(
    names.map(async (name) => {
      const files = await world.engine.files('tst-box-1')
      const root = `/proc/self/fd/${files.root}`
      const isAlone = !existsSync(`${root}/busy`)
      writeFileSync(`${root}/busy`, '')
      await setTimeout(20)
      writeFileSync(`${root}/${name}`, '')
      rmSync(`${root}/busy`)
      await files.close()
      return isAlone
    }),
  )
  expect(wasAlone).not.toContain(false)
  const files = await world.engine.files('tst-box-1')
  const there = readdirSync(`/proc/self/fd/${files.root}`)
  await files.close()
  expect(there).toEqual(expect.arrayContaining(names))
})

test('what is copied while a start waits for another copy is there', async () => {
  const again = 'for i in $(seq 50); do [ -e /late ] && exit 7; sleep 0.1; done; exit 1'
  await world.up({ box: sh(`[ -e /again ] || { touch /again; exit 0; }; ${again}`) })
  await world.exited('box')
  const first = await world.engine.files('tst-box-1')
  const second = world.engine.files('tst-box-1')
  const started = world.engine.change('tst', 'start', { services: ['box'] })
  await setTimeout(50)
  await first.close()
  const files = await second
  await setTimeout(300)
  writeFileSync(`/proc/self/fd/${files.root}/late`, '')
  await files.close()
  await started
  expect(await world.exited('box')).toMatchObject({ exitCode: 7 })
})

test('volumes of what is replaced are in use until it is there again', async () => {
  const volume = { kind: 'volume', readOnly: false, nocopy: false } as const
  const mounts = [
    { ...volume, volume: 'data', target: '/data', anonymous: false },
    { ...volume, volume: 'own', target: '/own', anonymous: true },
  ]
  const box = { ...FOREVER, mounts, ...attached('tst_a') }
  const slow = { ...sh('trap "sleep 0.3; exit 0" TERM; while :; do sleep 0.02; done') }
  await world.up({ box, slow: { ...slow, ...attached('tst_a') } }, { ...NET, volumes: ['data'] })
  const volumes = await world.engine.volumes()
  for (const { path } of volumes) writeFileSync(join(path, 'kept'), '')
  // Another subnet: the container is removed, and made when the other one has left the network.
  const subnets = [{ subnet: '10.98.0.0/24', auxiliary: [] }]
  const pruned: string[] = []
  const quiet = allTheTime(async () => {
    pruned.push(...(await world.engine.volume({ do: 'prune', all: true })))
  })
  await world.up(
    { box: { ...box, environment: { NEW: '' } }, slow: { ...slow, ...attached('tst_a') } },
    { networks: [{ name: 'tst_a', subnets }], volumes: ['data'] },
  )
  await quiet()
  expect(pruned).toEqual([])
  for (const { path } of volumes) expect(readdirSync(path)).toEqual(['kept'])
})

/** Its end takes a while to be noticed and cleaned up. */
async function killMonitor(service: string): Promise<void> {
  const { pid } = await world.observe(service)
  const [, parent] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
  process.kill(Number(parent), 'SIGKILL')
}

test('one that is closed while something ends leaves the rest to the next', async () => {
  const box = { ...FOREVER, restart: { condition: 'always' } as const, ...attached('tst_a') }
  for (let round = 0; round < 15; round += 1) {
    await world.up({ box }, NET)
    await killMonitor('box')
    await setTimeout(round)
    await world.engine.close()
    const seen: unknown[] = []
    world.engine.subscribe((event) => seen.push(event))
    await setTimeout(200)
    await world.start()
    expect(seen).toEqual([])
    await world.when('box', ({ state, attempt }) => state === 'running' && attempt === 2)
    await world.down()
    expect(warnings()).toEqual([])
    expect(await world.leaks()).toBe('')
  }
})

test('one that is closed while it probes says nothing of it any more', async () => {
  const test = ['/bin/sh', '-c', 'sleep 0.3; exit 1']
  const times = { intervalMs: 50, timeoutMs: 5000, startPeriodMs: 0, startIntervalMs: 50 }
  const box = {
    ...FOREVER,
    healthcheck: { test, retries: 1, ...times },
    onUnhealthy: 'stop' as const,
  }
  await world.up({ box })
  await setTimeout(200)
  const seen: unknown[] = []
  await world.engine.close()
  world.engine.subscribe((event) => seen.push(event))
  await setTimeout(600)
  await world.start()
  expect(seen).toEqual([])
})

test('steps of builds that come and go do not take away what others need', async () => {
  const layers = join(world.root, 'layers')
  mkdirSync(layers)
  const step = async (name: string): Promise<string> => {
    const upper = join(layers, name)
    const exitCode = await world.engine.runBuildStep({
      lowers: [join(world.root, 'rootfs')],
      upper,
      args: ['/bin/sh', '-c', 'echo it > /made'],
      environment: { PATH: '/bin' },
      workingDir: '/',
      network: 'default',
      mounts: [],
      extraHosts: [],
      onOutput: () => undefined,
      signal: new AbortController().signal,
    })
    expect(exitCode).toBe(0)
    return readFileSync(join(upper, 'made'), 'utf8')
  }
  const build = async (name: string, pauseMs: number): Promise<void> => {
    for (let round = 0; round < 15; round += 1) {
      expect(await step(`${name}-${round}`)).toBe('it\n')
      await setTimeout((pauseMs * round) % 40)
    }
  }
  await Promise.all([build('one', 7), build('other', 11)])
  rmSync(layers, { recursive: true })
})

test('nobody is let into the network of one that has ended', async () => {
  const host = { ...sh('sleep 0.2'), ...attached('tst_a') }
  const first = { service: 'host', condition: 'service_started', required: true } as const
  const guest = {
    ...sh('exit 0'),
    network: { kind: 'service', service: 'host' } as const,
    dependsOn: [{ ...first, restart: false }],
  }
  for (let round = 0; round < 10; round += 1) {
    await world.up({ host, guest }, NET)
    await ended('host')
    const start = { services: ['guest'], noDeps: true }
    const { outcomes } = await world.engine.change('tst', 'start', start)
    expect(outcomes).toMatchObject([{ kind: 'failed', error: { code: 'DEPENDENCY' } }])
    await world.down()
  }
})
