/** AppArmor: the profile that a container has without a word about it, and what it stops. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readAppArmor } from '../../src/engine/index.ts'
import { DEFAULT_PROFILE } from '../../src/engine/container/app-armor-profile.ts'
import { sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const here = readAppArmor()
const confines = here.kind === 'confines'
const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
/** All that would keep it from mounting but AppArmor is off. */
const LOOSE = { capAdd: ['SYS_ADMIN'], seccomp: 'unconfined' } as const
const MOUNT = 'mount -t tmpfs none /tmp && echo mounted'

test.runIf(confines)('a container and what is run in it are confined by our profile', async () => {
  await world.up({ one: { ...sh(WAIT), ...LOOSE } })
  await world.line('one', /up/)
  const { pid } = await world.observe('one')
  const profile = readFileSync(`/proc/${pid}/attr/current`, 'utf8').trim()
  expect(profile).toBe(`${DEFAULT_PROFILE} (enforce)`)
  const inside = await world.exec('one', 'cat /proc/self/attr/current')
  expect(inside.stdout.trim()).toBe(`${DEFAULT_PROFILE} (enforce)`)
  expect((await world.exec('one', 'echo x > /file && cat /file')).stdout).toBe('x\n')
  expect((await world.exec('one', MOUNT)).stderr).toMatch(/denied/i)
})

test.runIf(confines)('apparmor=unconfined and privileged do without', async () => {
  const tty = { ...sh(WAIT), privileged: true }
  await world.up({ one: { ...sh(WAIT), ...LOOSE, apparmor: 'unconfined' }, two: tty })
  await world.line('one', /up/)
  expect((await world.exec('one', MOUNT)).stdout).toBe('mounted\n')
  const { pid } = await world.observe('two')
  expect(readFileSync(`/proc/${pid}/attr/current`, 'utf8').trim()).toBe('unconfined')
})

test.skipIf(confines)('without AppArmor a container runs, and the host says why', async () => {
  expect(here).toMatchObject({ kind: 'absent', why: expect.stringMatching(/./) })
  await world.up({ one: { ...sh(WAIT), apparmor: 'unconfined' } })
  await world.line('one', /up/)
})
