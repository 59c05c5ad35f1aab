/** doctor as a user meets it: what is there, what dead stacks have left, an end without a trace. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Scene, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const run = (...words: readonly string[]) => scene.run(...words)

interface Report {
  readonly checks: readonly { readonly name: string; readonly state: string }[]
  readonly leftovers: readonly { readonly kind: string; readonly name: string }[]
}

test('doctor lists what the host has, and leaves living stacks alone', async () => {
  scene.write({ web: SLEEP })
  scene.replace('network_mode: none', 'networks: [default]')
  await ok('up', '-d')
  const { stdout } = await run('doctor')
  expect(stdout).toMatch(/^ok +kernel +\d/m)
  expect(stdout).toMatch(/^ok +overlay/m)
  const report = JSON.parse((await run('doctor', '--json')).stdout) as Report
  expect(report.checks.map(({ name }) => name)).toContain('cgroups')
  const own = await bridge()
  expect(report.leftovers.map(({ name }) => name)).not.toContain(own)
  await ok('stop', '-t', '0')
  expect((await ok('doctor', '--clean')).stderr).toBe('nothing to clean up\n')
  expect(await bridge()).toBe(own)
  await ok('down')
})

test('doctor --clean removes what is left of a root that is gone', async () => {
  scene.write({ web: SLEEP })
  scene.replace('network_mode: none', 'networks: [default]')
  await ok('up', '-d')
  await scene.sandbox.endAll()
  rmSync(join(scene.sandbox.root, 'state'), { recursive: true })
  rmSync(join(scene.sandbox.root, 'run'), { recursive: true })
  const orphan = await bridge()
  expect(orphan).not.toBe('')
  const { leftovers } = JSON.parse((await run('doctor', '--json')).stdout) as Report
  expect(leftovers).toContainEqual(expect.objectContaining({ kind: 'link', name: orphan }))
  expect(leftovers.map(({ kind }) => kind)).toContain('cgroup')
  const cleaned = await ok('doctor', '--clean')
  expect(cleaned.stderr).toContain(`link ${orphan}: removed`)
  expect(await bridge()).toBe('')
  // What is no single root's stays: the table for rules of the user's own, and forwarding.
  expect(await scene.sandbox.leaks({ ignored: /tsstack_user|ip_forward/ })).toBe('')
  expect((await run('doctor', '--clean', '01234567')).stderr).toContain('it has left nothing')
})

test('doctor --uninstall refuses while there are stacks, and then leaves no trace', async () => {
  scene.write({ web: [...SLEEP, 'volumes: ["data:/data"]'] })
  scene.append('volumes: { data: {} }')
  await ok('up', '-d')
  const refused = await run('doctor', '--uninstall', '--yes')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/there are stacks: cli .*\nhint: .*tsstack -p cli down/)
  await ok('down')
  const asked = await run('doctor', '--uninstall')
  expect(asked.stderr).toMatch(
    /the data of cli_data: there is no terminal.*\nhint: say so by --yes/,
  )
  await ok('doctor', '--uninstall', '--yes')
  for (const name of ['state', 'run']) {
    expect(existsSync(join(scene.sandbox.root, name)), name).toBe(false)
  }
  expect(await scene.sandbox.leaks()).toBe('')
})

/** The bridge of the stack; '' when there is none. */
async function bridge(): Promise<string> {
  const { stdout } = await scene.sandbox.inNetns(['ip', '-o', 'link', 'show', 'type', 'bridge'])
  return /^\d+: ([^:]+):/m.exec(stdout)?.[1] ?? ''
}
