/**
 * The clock of the machine is really set, an hour back and an hour forth: for a machine of our own
 * only, and one after the other with nobody else on it:
 *
 *   TSSTACK_VM_RUN=… npm run test:vm -- --env TSSTACK_SET_CLOCK=1 test/engine/clock.kernel.test.ts
 */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const NAME = 'tst-one-1'
const HOUR_S = 3600
/** Everybody else on a machine would notice. */
const isOurs = process.env['TSSTACK_SET_CLOCK'] === '1'
const clockTest = test.skipIf(!isOurs)

/** Sets the clock of the machine, by seconds. @see date(1) */
function setClock(bySeconds: number): void {
  const seconds = Math.floor(Date.now() / 1000) + bySeconds
  execFileSync('date', ['--set', `@${seconds}`], { stdio: 'ignore' })
}

clockTest.each([HOUR_S, -HOUR_S])(
  'a back-off grows as ever while the clock is set by %i s',
  async (by) => {
    // Each start says when it was, by a clock that cannot be set.
    await world.up({
      one: { ...sh('cut -d" " -f1 /proc/uptime; exit 1'), restart: { condition: 'always' } },
    })
    const starts: number[] = []
    for await (const { bytes } of world.engine.logs(NAME, { follow: true })) {
      for (const line of Buffer.from(bytes).toString().trim().split('\n')) starts.push(Number(line))
      if (starts.length >= 6) break
      setClock(by)
    }
    await world.down()
    const gaps = starts.slice(1).map((at, index) => Math.round((at - (starts[index] ?? 0)) * 1000))
    // /proc/uptime has hundredths.
    const least = [100, 200, 400, 800, 1600].map((ms) => ms - 20)
    expect(gaps.every((gap, index) => gap >= (least[index] ?? 0))).toBe(true)
    expect(await world.leaks()).toBe('')
  },
)

clockTest.each([HOUR_S, -HOUR_S])(
  'probes come in their time while the clock is set by %i s',
  async (by) => {
    const check = {
      test: ['/bin/sh', '-c', 'echo >> /tmp/probes; [ -e /tmp/ready ]'],
      intervalMs: 200,
      timeoutMs: 10_000,
      retries: 3,
      startPeriodMs: 60_000,
      startIntervalMs: 200,
    }
    await world.up({ one: { ...sh('exec sleep 1000'), healthcheck: check } })
    setClock(by)
    const probed = 'while [ $(cat /tmp/probes 2>/dev/null | wc -l) -lt 8 ]; do sleep 0.1; done'
    expect(await world.exec('one', probed)).toMatchObject({ exitCode: 0 })
    // All have failed, and the minute that a slow starter has is not over, whatever the clock says.
    expect(await world.observe('one')).toMatchObject({ health: 'starting' })
    // Nor does the next supervisor, which knows the start from records, think otherwise.
    await world.restart()
    expect(await world.exec('one', `rm /tmp/probes; ${probed}`)).toMatchObject({ exitCode: 0 })
    expect(await world.observe('one')).toMatchObject({ health: 'starting' })
    await world.exec('one', 'touch /tmp/ready')
    expect(await world.when('one', ({ health }) => health === 'healthy')).toBeDefined()
    await world.down()
    expect(await world.leaks()).toBe('')
  },
)

clockTest(
  'what is written after the clock was set back comes last, and is shown to who follows',
  async () => {
    const write = 'for i in 1 2 3; do while [ ! -e /tmp/$i ]; do sleep 0.05; done; echo $i; done'
    await world.up({ one: sh(`${write}; exec sleep 1000`) })
    const next = async (line: string): Promise<string> => {
      const found = world.line('one', new RegExp(line))
      await world.exec('one', `touch /tmp/${line}`)
      return found
    }
    await next('1')
    const between = Date.now()
    const followed: string[] = []
    const following = (async () => {
      for await (const { bytes } of world.engine.logs(NAME, { follow: true, since: between + 1 })) {
        followed.push(...Buffer.from(bytes).toString().trim().split('\n'))
        if (followed.length === 2) return
      }
    })()
    await next('2')
    setClock(-HOUR_S)
    await next('3')
    await following
    expect(followed).toEqual(['2', '3'])
    const all: string[] = []
    for await (const { bytes } of world.engine.logs(NAME, { follow: false })) {
      all.push(...Buffer.from(bytes).toString().trim().split('\n'))
    }
    expect(all).toEqual(['1', '2', '3'])
    setClock(HOUR_S)
  },
)
