/** Starts that are made ready before their turn: what others see of them, and what is left. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MountSpec } from '../../src/planner/index.ts'
import {
  attached,
  attachmentTo,
  desiredStack,
  type Service,
  sh,
  untilThere,
  useWorld,
  type World,
} from './support.ts'

let world: World
useWorld((opened) => (world = opened))

/** A directory of the host that the job and the test share. */
let shared: string
beforeEach(() => {
  shared = mkdtempSync(join(tmpdir(), 'tsstack-early-'))
})
afterEach(() => rmSync(shared, { recursive: true }))

const resources = { networks: [{ name: 'tst_net' }] }

function bound(source: string, target: string): Pick<Service, 'mounts'> {
  const mount: MountSpec = {
    kind: 'bind',
    source,
    target,
    readOnly: false,
    createHostPath: true,
  }
  return { mounts: [mount] }
}

/** A job that ends with `status` when the test lets it, and a service that waits for it. */
function stack(status: number, after: Service): Readonly<Record<string, Service>> {
  const condition = 'service_completed_successfully'
  return {
    job: {
      ...sh(`${untilThere('/shared/go')}; echo new > /shared/made; exit ${status}`),
      ...bound(shared, '/shared'),
    },
    after: {
      ...after,
      ...attached('tst_net'),
      dependsOn: [{ service: 'job', condition, required: true, restart: false }],
    },
  }
}

const letGo = (): void => writeFileSync(join(shared, 'go'), '')

/** Resolves when something of `after` is there. */
async function madeReady(): Promise<void> {
  while (!readdirSync(join(world.root, 'run/containers')).includes('tst-after-1')) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('what waits for its turn is ready, and nobody sees more than that it was created', async () => {
  const up = world.apply(stack(0, sh('echo mine')), resources)
  await madeReady()
  expect(await world.observe('after')).toMatchObject({
    state: 'created',
    attempt: 0,
    addresses: [],
  })
  letGo()
  expect((await up).map(({ kind }) => kind)).not.toContain('skipped')
  expect((await world.log('after')).toString()).toBe('mine\n')
  expect(await world.observe('after')).toMatchObject({ state: 'exited', attempt: 1, exitCode: 0 })
})

test('what a job makes is there for what waits for it', async () => {
  const up = world.apply(
    stack(0, { ...sh('cat /made'), ...bound(join(shared, 'made'), '/made') }),
    resources,
  )
  await madeReady()
  letGo()
  await up
  expect((await world.log('after')).toString()).toBe('new\n')
})

test('what is changed of it before its turn has come is there when it runs', async () => {
  const script = 'cat /copied; ls -d /sys/class/net/eth*'
  const networks = { networks: [{ name: 'tst_net' }, { name: 'tst_other' }] }
  const other = { ...sh(untilThere('/never')), ...attached('tst_other') }
  const up = world.apply({ ...stack(0, sh(script)), other }, networks)
  await madeReady()
  const files = await world.engine.files('tst-after-1')
  writeFileSync(`/proc/self/fd/${files.root}/copied`, 'a copy\n')
  await files.close()
  await world.engine.network({
    do: 'connect',
    container: 'tst-after-1',
    attachment: attachmentTo({ network: 'tst_other' }),
  })
  letGo()
  expect((await up).map(({ kind }) => kind)).not.toContain('skipped')
  const wanted = 'a copy\n/sys/class/net/eth0\n/sys/class/net/eth1\n'
  expect((await world.log('after')).toString()).toBe(wanted)
  expect(await world.observe('after')).toMatchObject({ state: 'exited', attempt: 1 })
})

test('nothing is left of what was made ready for a turn that never comes', async () => {
  const up = world.apply(stack(1, sh('echo mine')), resources)
  await madeReady()
  letGo()
  const failed = (await up).find(({ action }) => action.id === 'start-container:tst-after-1')
  expect(failed).toMatchObject({ kind: 'failed', error: { code: 'DEPENDENCY' } })
  expect(await world.observe('after')).toMatchObject({ state: 'created', attempt: 0 })
  expect(readdirSync(join(world.root, 'run/containers'))).toEqual([])
})

test('nor when the command is cancelled meanwhile', async () => {
  const abort = new AbortController()
  const desired = desiredStack(world.image, stack(0, sh('echo mine')), resources)
  const up = world.engine.apply('tst', desired, { signal: abort.signal })
  await madeReady()
  abort.abort()
  const { outcomes } = await up
  const last = outcomes.find(({ action }) => action.id === 'start-container:tst-after-1')
  expect(last).toMatchObject({ kind: 'skipped', because: 'cancelled' })
  expect(readdirSync(join(world.root, 'run/containers'))).toEqual(['tst-job-1'])
  letGo()
  await world.exited('job')
})

test('one that cannot be made ready fails at once, and is nothing that goes on', async () => {
  const up = world.apply(stack(0, { ...sh('echo mine'), user: 'nobody-of-that-name' }), resources)
  for (;;) {
    const event = world.nextEvent()
    const { containers } = await world.engine.observe('tst')
    if (containers.some(({ service, failure }) => service === 'after' && failure)) break
    await event
  }
  expect(await world.observe('after')).toMatchObject({ state: 'created', attempt: 1 })
  letGo()
  const failed = (await up).find(({ action }) => action.id === 'start-container:tst-after-1')
  expect(failed).toMatchObject({ kind: 'failed' })
  // Its turn comes after that: nobody may see it as about to run.
  expect((await world.log('after')).toString()).toBe('')
  expect(await world.observe('after')).toMatchObject({ state: 'created' })
})
