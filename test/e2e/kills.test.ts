/**
 * Services that count while their supervisor is killed, again and again: none is restarted, and no
 * line is lost or doubled. `npm run test:kills` is the full proof: 20 services, 50 kills.
 */
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pidIn } from '../support/pid-file.ts'
import type { Sandbox } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import { Scene, shell } from './cli-scene.ts'

const full = process.env['TSSTACK_KILLS'] === 'full'
const SERVICES = full ? 20 : 4
const KILLS = full ? 50 : 4
/** Of the number that each has reached at the end, at least. */
const DIGITS = 3

let scene: Scene
let sandbox: Sandbox
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox } = scene)
})
afterEach(() => scene.close())

const COUNTER = 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done'

test(
  `${SERVICES} services count on while their supervisor is killed ${KILLS} times`,
  async () => {
    const names = Array.from({ length: SERVICES }, (_, at) => `s${at + 1}`)
    const services = names.map((name) => [name, [shell(COUNTER), 'restart: always']] as const)
    scene.write(Object.fromEntries(services))
    await scene.ok('up', '-d')
    const before = await lives()
    const adoptedMs: number[] = []
    for (let kill = 0; kill < KILLS; kill += 1) {
      adoptedMs.push(await killAndWait())
      // At another moment of the next one's life each time.
      await sleep((kill * 37) % 400)
    }
    expect(await lives()).toEqual(before)
    for (const name of names) await until(() => lastOf(name), RegExp(`\\d{${DIGITS}}`))
    await scene.ok('stop', '-t', '0')
    for (const name of names) {
      const { stdout } = await scene.ok('logs', '--no-log-prefix', name)
      const numbers = stdout.trim().split('\n').map(Number)
      expect(numbers.length).toBeGreaterThan(10 ** (DIGITS - 1))
      expect(firstGap(numbers), name).toBe(undefined)
    }
    const sorted = adoptedMs.toSorted((a, b) => a - b)
    const [median = 0, longest = 0] = [sorted[Math.floor(KILLS / 2)], sorted.at(-1)]
    console.log(`adopted in ${median} ms (median), ${longest} ms (longest)`)
    await scene.ok('down')
    expect(await sandbox.leaks()).toBe('')
  },
  full ? 580_000 : 400_000,
)

const lastOf = async (name: string): Promise<string> =>
  (await scene.ok('logs', '--no-log-prefix', '-n', '1', name)).stdout

/** Identity of every container's program: none of it changes unless something was restarted. */
async function lives(): Promise<unknown> {
  const list = JSON.parse((await scene.ok('ps', '--json')).stdout) as readonly {
    readonly name: string
    readonly pid: number
    readonly attempt: number
    readonly startedAt: string
  }[]
  return list.map(({ name, pid, attempt, startedAt }) => ({ name, pid, attempt, startedAt }))
}

/** Milliseconds from the kill until the next supervisor, which has adopted everything, answers. */
async function killAndWait(): Promise<number> {
  const lock = join(sandbox.root, 'state/supervisor.lock')
  const begun = performance.now()
  process.kill(pidIn(lock), 'SIGKILL')
  while (!(await answers())) await sleep(5)
  return Math.round(performance.now() - begun)
}

/** The socket of a dead supervisor refuses. */
function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(join(sandbox.root, 'run/tsstack.sock'))
    const finish = (answer: boolean): void => {
      probe.destroy()
      resolve(answer)
    }
    probe.once('data', () => finish(true))
    probe.once('error', () => finish(false))
    probe.once('end', () => finish(false))
  })
}

function firstGap(numbers: readonly number[]): string | undefined {
  const at = numbers.findIndex((number, index) => number !== index)
  return at < 0 ? undefined : `${numbers[at - 1]}, ${numbers[at]} at line ${at + 1}`
}
