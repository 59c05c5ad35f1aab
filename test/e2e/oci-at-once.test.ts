/** tsstack-oci: several commands for one container at the same time. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type BundleScene, type Result, useBundleScene } from '../oci/bundle-scene.ts'
import { until } from '../support/until.ts'
import { succeeded } from '../support/sandbox.ts'

let scene: BundleScene
useBundleScene((opened) => (scene = opened))

const both = (first: readonly string[], second: readonly string[]): Promise<readonly Result[]> =>
  Promise.all([scene.oci(...first), scene.oci(...second)])

test('of two starts one is refused, and the container runs', async () => {
  scene.write('exec sleep 100')
  for (let round = 0; round < 10; round += 1) {
    succeeded(await scene.oci('create', scene.id))
    const results = await both(['start', scene.id], ['start', scene.id])
    const [refused, ...others] = results.filter(({ code }) => code !== 0)
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('only one that is created can be'),
    })
    expect(others).toEqual([])
    expect(await scene.status()).toBe('running')
    succeeded(await scene.oci('delete', '--force', scene.id))
  }
})

test('of two changes of the limits both are kept', async () => {
  scene.write('exec sleep 100')
  succeeded(await scene.oci('run', '-d', scene.id))
  for (let round = 1; round < 20; round += 1) {
    const pids = ['update', '--pids-limit', String(100 + round), scene.id]
    const memory = ['update', '--memory', String((100 + round) * 1024 * 1024), scene.id]
    for (const result of await both(pids, memory)) succeeded(result)
    expect(await scene.status()).toBe('running')
  }
})

test('containers are listed while others go', async () => {
  scene.write('exec sleep 100')
  const over = new AbortController()
  const coming = async (): Promise<void> => {
    for (let round = 0; round < 8; round += 1) {
      succeeded(await scene.oci('create', scene.id))
      succeeded(await scene.oci('delete', '--force', scene.id))
    }
    over.abort()
  }
  const come = coming()
  while (!over.signal.aborted) {
    for (const one of await both(['list'], ['list', '-q'])) succeeded(one)
  }
  await come
})

test('a container is deleted by two at once', async () => {
  scene.write('exec sleep 100')
  for (let round = 0; round < 10; round += 1) {
    succeeded(await scene.oci('create', scene.id))
    const remove = ['delete', '--force', scene.id]
    for (const result of await both(remove, remove)) succeeded(result)
    expect(await scene.oci('list', '-q')).toEqual({ code: 0, stdout: '', stderr: '' })
  }
})

test('one that ends is signalled and entered with a word about that', async () => {
  scene.write('sleep 0.2')
  for (let round = 0; round < 15; round += 1) {
    succeeded(await scene.oci('run', '-d', scene.id))
    await setTimeout(round * 10)
    const [killed, entered] = await both(['kill', scene.id, 'CONT'], ['exec', scene.id, 'true'])
    if (killed?.code !== 0) expect(killed?.stderr).toContain('container not running')
    // Once it has begun, it goes with the container.
    const isKilled = entered?.code === 128 + constants.signals.SIGKILL && entered.stderr === ''
    if (entered?.code !== 0 && !isKilled) expect(entered?.stderr).toMatch(/it is stopped/)
    succeeded(await scene.oci('delete', '--force', scene.id))
  }
})

test('one whose hooks still run is not started', async () => {
  const hook = { path: '/bin/sh', args: ['sh', '-c', 'sleep 1; echo hooked >> rootfs/order'] }
  scene.writeConfig('echo ran >> /order; exec sleep 100', { hooks: { createRuntime: [hook] } })
  const created = scene.oci('create', scene.id)
  await until(async () => (await scene.oci('state', scene.id)).stdout, /"pid"/)
  expect(await scene.status()).toBe('creating')
  expect(await scene.oci('start', scene.id)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('it is creating; only one that is created can be'),
  })
  succeeded(await created)
  succeeded(await scene.oci('start', scene.id))
  await until(() => Promise.resolve(scene.read('order')), /ran/)
  expect(scene.read('order')).toBe('hooked\nran\n')
})

test('nothing is left of one that is deleted while it is created', async () => {
  scene.write('exec sleep 100')
  for (let round = 0; round < 15; round += 1) {
    const created = scene.oci('create', scene.id)
    await setTimeout(round * 8)
    const deleted = await scene.oci('delete', '--force', scene.id)
    const { code, stderr } = await created
    succeeded(deleted)
    // What it says depends on how far it had come.
    if (code !== 0) expect(stderr).toMatch(/it was (killed|deleted meanwhile)/)
    else succeeded(await scene.oci('delete', '--force', scene.id))
    expect(await scene.leaks()).toBe('')
  }
})

test('run leaves nothing when it is told to end again and again', async () => {
  scene.write('trap "exit 3" TERM; echo up; sleep 100 & wait')
  for (let round = 0; round < 10; round += 1) {
    const child = spawn(
      process.execPath,
      [
        join(import.meta.dirname, '../../bin/tsstack-oci.js'),
        '--root',
        scene.root,
        'run',
        scene.id,
      ],
      { cwd: scene.directory, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const exited = once(child, 'exit')
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await once(child.stdout, 'data')
    while (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await setTimeout(3 + round)
    }
    const [code] = await exited
    // Node ends by a signal again at its very end, when all is done.
    expect([code ?? 3, said]).toEqual([3, ''])
    expect((await scene.oci('list', '-q')).stdout).toBe('')
  }
})
