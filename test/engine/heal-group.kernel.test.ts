/** A container's first process that somebody of the host moves out of its control group. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { detectCgroups } from '../../src/linux/index.ts'
import { sh, useWorld, type World } from './support.ts'

const { mode, hierarchies: mounted } = detectCgroups()
/** A group of cpuset takes nobody before it has processors of its own. */
const hierarchies = mounted.filter(
  ({ controllers, version }) => version === 2 || !controllers.includes('cpuset'),
)
const isV2 = mode === 'v2'
const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

/** Outside of everything of ours, in every hierarchy. */
const ELSEWHERE = `elsewhere-${process.pid}`
const elsewhere = hierarchies.map(({ mountPoint }) => join(mountPoint, ELSEWHERE))

afterEach(() => {
  for (const directory of elsewhere) if (existsSync(directory)) rmdirSync(directory)
})

let world: World
useWorld((opened) => (world = opened))

async function pidOf(): Promise<number> {
  const { pid } = await world.observe('one')
  if (pid === undefined) throw new Error('It does not run')
  return pid
}

async function start(): Promise<number> {
  await world.up({ one: { ...sh(WAIT), resources: { pidsMax: 50 } } })
  await world.line('one', /up/)
  world.events.splice(0)
  return pidOf()
}

function move(pid: number, directories: readonly string[]): void {
  for (const directory of directories) {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'cgroup.procs'), `${pid}`)
  }
}

const groupsOf = (pid: number): string => readFileSync(`/proc/${pid}/cgroup`, 'utf8')

async function told(pattern: RegExp): Promise<void> {
  for (;;) {
    const next = world.nextEvent()
    if (world.events.some((one) => one.kind === 'drift' && pattern.test(one.message))) return
    await next
  }
}

async function groupFact(): Promise<{ readonly desired: string; readonly actual: string }> {
  const fact = (await world.engine.facts('tst')).find(({ field }) => field === 'group')
  if (fact === undefined) throw new Error('Nobody looks at its group')
  return { desired: fact.desired, actual: fact.actual }
}

test('one that was moved out of its groups is moved back, and that is said', async () => {
  const pid = await start()
  const before = groupsOf(pid)
  const { desired, actual } = await groupFact()
  expect([desired, actual]).toEqual([expect.stringContaining(`pid ${pid} in /tsstack/`), desired])
  await world.engine.close()
  move(pid, elsewhere)
  expect(groupsOf(pid)).not.toBe(before)
  await world.start()
  expect((await groupFact()).actual).toContain(`pid ${pid} in /${ELSEWHERE}`)
  await told(/"tst-one-1": group was pid \d+ in \/elsewhere-\S+.*; it is pid \d+ in \S+ again/)
  expect(groupsOf(pid)).toBe(before)
  expect(await groupFact()).toEqual({ desired, actual: desired })
  expect(await pidOf()).toBe(pid)
})

test.skipIf(isV2)(
  'one that was moved in a single hierarchy of v1 is moved back there',
  async () => {
    const pid = await start()
    const before = groupsOf(pid)
    const memory = hierarchies.findIndex(({ controllers }) => controllers.includes('memory'))
    await world.engine.close()
    move(pid, elsewhere.slice(memory, memory + 1))
    await world.start()
    expect((await groupFact()).actual).toContain(`/${ELSEWHERE} (memory`)
    await told(/"tst-one-1": group was pid \d+ in \/elsewhere-\S+ \(memory/)
    expect(groupsOf(pid)).toBe(before)
  },
)

test.skipIf(!isV2)('on v2 that is seen at once, and mended', async () => {
  const pid = await start()
  const before = groupsOf(pid)
  move(pid, elsewhere)
  await told(/"tst-one-1": group was pid \d+ in \/elsewhere-/)
  expect(groupsOf(pid)).toBe(before)
})

test('one in a group below its own is where it belongs', async () => {
  const pid = await start()
  const [, path = ''] = /:(\/tsstack\/.*)$/m.exec(groupsOf(pid)) ?? []
  const below = hierarchies.map(({ mountPoint }) => join(mountPoint, path, 'below'))
  move(pid, below)
  const { desired, actual } = await groupFact()
  expect(actual).toBe(desired)
  expect(groupsOf(pid)).toContain('/below')
})
