/** `cgroup_parent`: a container's group below one of the user's, and what becomes of that. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { detectCgroups } from '../../src/linux/index.ts'
import { findTraces } from '../../src/engine/leftovers.ts'
import { rootIdOf } from '../../src/engine/paths.ts'
import { gone, helpersOf, upAndKill } from './left-behind.ts'
import { sh, useWorld, type World } from './support.ts'

const WAIT = 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done'
const { hierarchies } = detectCgroups()
const pids = hierarchies.find(({ controllers }) => controllers.includes('pids'))
const top = `tst-parent-${process.pid}`

let world: World
// Hooks run in reverse: this one after the world has been taken down.
afterEach(() => {
  for (const directory of placesOf(top)) expect(existsSync(directory), directory).toBe(false)
})
useWorld((opened) => (world = opened))

const placesOf = (path: string): readonly string[] =>
  hierarchies.map(({ mountPoint }) => join(mountPoint, path))

const below = (cgroupParent: string) => ({ one: { ...sh(WAIT), cgroupParent } })

/** What each line of the program's /proc/PID/cgroup says. */
async function groups(): Promise<readonly string[]> {
  const { pid } = await world.observe('one')
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  return lines.map((line) => line.split(':').slice(2).join(':'))
}

test('a missing parent is made in every hierarchy, and goes with the last container', async () => {
  await world.up(below(`${top}/low`))
  await world.line('one', /up/)
  const own = `/${top}/low/tsstack/${rootIdOf(join(world.root, 'state'))}/tst/tst-one-1`
  const mounted = new Set(hierarchies.map(({ root }) => join(root, own)))
  expect((await groups()).filter((path) => mounted.has(path))).toHaveLength(hierarchies.length)
  expect((await world.exec('one', 'echo in')).stdout).toBe('in\n')
})

test.runIf(pids)('a limit of the parent holds in the container', async () => {
  const parent = join(pids?.mountPoint ?? '', top)
  for (const directory of placesOf(top)) mkdirSync(directory)
  if (pids?.version === 2) {
    writeFileSync(join(pids.mountPoint, 'cgroup.subtree_control'), '+pids')
  }
  writeFileSync(join(parent, 'pids.max'), '6')
  try {
    await world.up(below(`/${top}`))
    await world.line('one', /up/)
    const fork = 'i=0; while [ $i -lt 9 ]; do sleep 5 & i=$((i+1)); done; echo all; kill $(jobs -p)'
    const { stdout, stderr } = await world.exec('one', fork)
    expect(stdout + stderr).toMatch(/can't fork/)
    await world.down()
    // Whoever made it keeps it.
    expect(existsSync(parent)).toBe(true)
  } finally {
    await world.down()
    for (const directory of placesOf(top)) rmdirSync(directory)
  }
})

test('another parent is another container, and the old parent goes', async () => {
  await world.up(below(`${top}/a`))
  await world.up(below(`${top}/b`))
  expect(placesOf(`${top}/a`).filter((directory) => existsSync(directory))).toEqual([])
  expect((await groups()).some((path) => path.includes(`/${top}/b/tsstack/`))).toBe(true)
})

test('what a killed supervisor made is adopted below its parent, and removed by the next', async () => {
  await upAndKill(world, below(`${top}/deep/er`))
  const rootId = rootIdOf(join(world.root, 'state'))
  const found = findTraces().objects.filter((one) => one.rootId === rootId)
  expect(found.map(({ name }) => name)).toContain(
    join(hierarchies[0]?.mountPoint ?? '', top, 'deep/er/tsstack', rootId),
  )
  await world.start()
  expect(await world.observe('one')).toMatchObject({ state: 'running' })
})

test('supervisor, monitor and container killed together leave no group after down', async () => {
  await upAndKill(world, below(top))
  const { monitor } = helpersOf(world)
  process.kill(monitor.pid, 'SIGKILL')
  await gone(monitor.pid)
  await world.start()
})
