/**
 * The reconciler against chance: a seed decides what is edited, killed, broken and waited for.
 * After every step the invariants hold; at the end the stack converges, and goes without a trace.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { vi } from 'vitest'
import { applyDesired } from '../../../src/engine/apply.ts'
import type { Machine } from '../../../src/engine/machine.ts'
import { observeStack } from '../../../src/engine/observe.ts'
import type { ApplyResult } from '../../../src/engine/index.ts'
import type { DesiredState, ObservedContainer } from '../../../src/planner/index.ts'
import { clearPending, FakeKernel, type Failure, loseTimers, programOf } from './kernel.ts'
import { openMachine } from './machine.ts'
import { Random } from './random.ts'
import { randomStack } from './stack.ts'

const STACK = 'sim'
/** Records are synced, which a disk takes milliseconds for. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const STEPS = 25
const FAILURES: readonly Failure[] = [
  'before',
  'after cgroup',
  'after cable',
  'exec',
  'detach',
  'rmdir',
]

/** Runs one seed; throws with the steps that led there when an invariant is broken. */
export async function simulate(seed: number): Promise<void> {
  const directory = mkdtempSync(join(MEMORY, 'tsstack-sim-'))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
  clearPending()
  const simulation = new Simulation(seed, directory)
  try {
    await simulation.run()
  } catch (error) {
    const steps = simulation.steps.join('\n  ')
    throw new Error(`seed ${seed}, after:\n  ${steps}\n${String(error)}`, { cause: error })
  } finally {
    vi.useRealTimers()
    rmSync(directory, { recursive: true, force: true })
  }
}

class Simulation {
  readonly steps: string[] = []
  readonly #random: Random
  readonly #kernel: FakeKernel
  readonly #directory: string
  #machine: Machine | undefined
  #desired: DesiredState | undefined
  /** The one change under way: commands take turns. */
  #applying: Promise<ApplyResult> | undefined

  constructor(seed: number, directory: string) {
    this.#random = new Random(seed)
    this.#kernel = new FakeKernel(this.#random)
    this.#kernel.launchMs = this.#random.between(0, 1) * 40
    this.#directory = directory
  }

  async run(): Promise<void> {
    await this.#startSupervisor()
    for (let step = 0; step < STEPS; step += 1) {
      await this.#step()
      await vi.advanceTimersByTimeAsync(0)
      this.#checkAlways()
    }
    await this.#converge()
    await this.#vanish()
  }

  get #now(): Machine {
    if (!this.#machine) throw new Error('unreachable: no supervisor')
    return this.#machine
  }

  async #step(): Promise<void> {
    const deeds: readonly (readonly [number, string, () => Promise<void> | void])[] = [
      [25, 'up', () => this.#up()],
      [5, 'down', () => this.#begin(undefined)],
      [15, 'exit', () => this.#exit()],
      [8, 'kill monitor', () => this.#killMonitor()],
      [12, 'crash', () => this.#crash()],
      [3, 'reboot', () => this.#reboot()],
      [7, 'drift', () => this.#drift()],
      [10, 'fail', () => this.#arm()],
      [12, 'wait', () => this.#wait()],
      [3, 'clock', () => this.#setClock()],
    ]
    let dice = this.#random.between(0, 99)
    for (const [weight, name, act] of deeds) {
      dice -= weight
      if (dice >= 0) continue
      this.steps.push(name)
      await act()
      return
    }
  }

  #note(text: string): void {
    this.steps[this.steps.length - 1] += ` ${text}`
  }

  async #up(): Promise<void> {
    if (!this.#desired || this.#random.chance(60)) this.#desired = randomStack(STACK, this.#random)
    this.#note(this.#desired.containers.map(({ name }) => name).join(' '))
    await this.#begin(this.#desired)
  }

  /** Waits for the change before it, as a turn does, and lets this one run for a while. */
  async #begin(desired: DesiredState | undefined): Promise<void> {
    await this.#finish()
    if (!desired) this.#desired = undefined
    this.#applying = this.#apply(desired)
    await vi.advanceTimersByTimeAsync(this.#random.pick([0, 1, 2, 5, 20, 500]))
  }

  #apply(desired: DesiredState | undefined): Promise<ApplyResult> {
    const applying = applyDesired(this.#now, {
      stack: STACK,
      desired,
      options: { removeOrphans: true },
    })
    // Looked at when it is waited for.
    applying.catch(() => undefined)
    return applying
  }

  /** Runs the clock until the change is done; it has a minute. */
  async #finish(): Promise<ApplyResult | undefined> {
    const applying = this.#applying
    if (!applying) return undefined
    const done = new AbortController()
    applying.then(
      () => done.abort(),
      () => done.abort(),
    )
    for (let round = 0; round < 600 && !done.signal.aborted; round += 1) {
      await vi.advanceTimersByTimeAsync(100)
    }
    if (!done.signal.aborted) throw new Error('an apply never ends')
    this.#applying = undefined
    return applying
  }

  #exit(): void {
    const { living } = this.#kernel
    if (living.length === 0) return
    const process = this.#random.pick(living)
    const status = this.#random.pick([0, 1 << 8, 9])
    this.#note(`${process.container} ${status}`)
    this.#kernel.end(process, status)
  }

  #killMonitor(): void {
    const { living } = this.#kernel
    if (living.length > 0) this.#kernel.killMonitor(this.#random.pick(living))
  }

  /** Everything that the supervisor had in mind is gone; the kernel runs on. */
  async #crash(): Promise<void> {
    this.#dropSupervisor()
    await vi.advanceTimersByTimeAsync(this.#random.pick([0, 10, 5000]))
    if (this.#random.chance(30)) this.#exit()
    await this.#startSupervisor()
  }

  async #reboot(): Promise<void> {
    this.#dropSupervisor()
    this.#kernel.reboot()
    rmSync(join(this.#directory, 'run'), { recursive: true, force: true })
    await this.#startSupervisor()
  }

  #dropSupervisor(): void {
    this.#machine = undefined
    this.#applying = undefined
    this.#kernel.forgetListeners()
    loseTimers()
  }

  async #startSupervisor(): Promise<void> {
    const opening = openMachine(this.#kernel, this.#directory)
    await vi.advanceTimersByTimeAsync(0)
    this.#machine = (await opening).machine
  }

  /** Somebody removes what is ours. */
  #drift(): void {
    const [bridge] = this.#kernel.bridges
    if (bridge !== undefined && this.#random.chance(50)) {
      this.#kernel.bridges.delete(bridge)
      for (const cable of this.#kernel.cables) this.#kernel.cables.delete(cable)
      this.#note('bridge')
      return
    }
    const { living } = this.#kernel
    if (living.length === 0) return
    const process = this.#random.pick(living)
    this.#note(`run directory of ${process.container}`)
    rmSync(join(process.status, '..'), { recursive: true, force: true })
  }

  #arm(): void {
    this.#kernel.failing = this.#random.pick(FAILURES)
    this.#note(this.#kernel.failing)
  }

  async #wait(): Promise<void> {
    const ms = this.#random.pick([1, 90, 110, 1000, 20_000])
    this.#note(`${ms} ms`)
    await vi.advanceTimersByTimeAsync(ms)
  }

  /** Somebody sets the clock of the machine; what has been begun takes as long as ever. */
  #setClock(): void {
    const ms = this.#random.pick([-3_600_000, -5000, 5000, 3_600_000])
    this.#note(`${ms} ms`)
    vi.setSystemTime(Date.now() + ms)
  }

  /** What is never false, whatever is under way. */
  #checkAlways(): void {
    const seen = new Set<string>()
    for (const { container } of this.#kernel.living) {
      if (seen.has(container)) throw new Error(`two attempts of "${container}" live at once`)
      seen.add(container)
    }
    if (this.#applying) return
    for (const container of seen) {
      if (!this.#now.containers.has(container)) throw new Error(`nobody knows "${container}"`)
    }
  }

  /** One `up` without anybody's interference, or two: everything is as the file says. */
  async #converge(): Promise<void> {
    this.steps.push('converge')
    await this.#settle()
    const desired = this.#desired ?? randomStack(STACK, this.#random)
    await vi.advanceTimersByTimeAsync(100)
    for (let round = 0; round < 3; round += 1) {
      this.#applying = this.#apply(desired)
      await this.#finish()
      await vi.advanceTimersByTimeAsync(100)
      await this.#waitForRestarts()
      if (this.#differences(desired).length === 0) break
    }
    const differences = this.#differences(desired)
    if (differences.length > 0) throw new Error(`it never converges: ${differences.join('; ')}`)
    this.#checkAlways()
    this.#checkLeaks()
  }

  /** What could not be restarted, for want of a bridge, waits for its back-off, as with Docker. */
  async #waitForRestarts(): Promise<void> {
    const pending = [...this.#now.containers.values()].flatMap(({ restart }) => restart ?? [])
    const left = pending.map(({ at }) => at() - Date.now())
    if (pending.length > 0) await vi.advanceTimersByTimeAsync(Math.max(0, ...left) + 100)
  }

  async #settle(): Promise<void> {
    this.#kernel.failing = undefined
    await this.#finish().catch(() => undefined)
    this.#applying = undefined
  }

  #differences(desired: DesiredState): readonly string[] {
    const observed = observeStack(this.#now, STACK).containers
    const wanted = placed(desired, observed)
    const extra = observed
      .filter(({ name }) => !wanted.some((one) => one.name === name))
      .map(({ name }) => `extra ${name}`)
    const missing = wanted.flatMap(({ name, spec }) => {
      const found = observed.find((one) => one.name === name)
      if (!found) return [`${name} is missing`]
      if (!isDeepStrictEqual(found.spec, spec)) return [`${name} is an old one`]
      const isToRun = programOf(spec.command).kind === 'server' && !hasCompleted(found)
      const lives = this.#kernel.living.some(({ container }) => container === name)
      if (isToRun && !lives) return [`${name} does not run`]
      return lives === (found.state === 'running') ? [] : [`${name} is said to be ${found.state}`]
    })
    return [...extra, ...missing]
  }

  /**
   * Nothing of the kernel's belongs to an attempt that is over; but for what could not be removed,
   * whose record is kept until it is.
   */
  #checkLeaks(): void {
    const { groups, cables, living } = this.#kernel
    const names = new Set(living.map(({ container }) => container))
    const restarting = [...this.#now.containers.values()].filter(({ attempt }) => attempt)
    for (const { record } of restarting) names.add(record.name)
    for (const name of readdirSync(join(this.#directory, 'run/containers'))) names.add(name)
    const left = [
      ...[...groups].filter((path) => !names.has(path.split('/').at(-1) ?? '')),
      ...[...cables].filter((cable) => !names.has(cable.split(' ')[0] ?? '')),
    ]
    if (left.length > 0) throw new Error(`left behind: ${left.join('; ')}`)
  }

  /** `down`, and nothing is left: neither in the kernel nor on the disk. */
  async #vanish(): Promise<void> {
    this.steps.push('vanish')
    this.#applying = this.#apply(undefined)
    const result = await this.#finish()
    const failed = result?.outcomes.filter(({ kind }) => kind !== 'done') ?? []
    if (failed.length > 0) throw new Error(`down failed: ${JSON.stringify(failed)}`)
    const { groups, cables, bridges, living } = this.#kernel
    const left = [
      ...living.map(({ container }) => container),
      ...groups,
      ...cables,
      ...bridges,
      ...readdirSync(join(this.#directory, 'state/stacks')),
      ...readdirSync(join(this.#directory, 'run/containers')),
    ]
    if (left.length > 0) throw new Error(`down leaves ${left.join('; ')}`)
  }
}

/** Containers of a service may have taken its spare places, as many as it is to have. */
function placed(
  desired: DesiredState,
  observed: readonly ObservedContainer[],
): DesiredState['containers'] {
  const present = new Set(observed.map(({ name }) => name))
  return (desired.services ?? []).flatMap((service) => {
    const own = desired.containers.filter((one) => one.service === service)
    const all = [...own, ...(desired.updates?.[service]?.spares ?? [])]
    const there = all.filter(({ name }) => present.has(name))
    return [...there, ...all.filter(({ name }) => !present.has(name))].slice(0, own.length)
  })
}

/** It has done what it had to do, and `up` does not run it again. */
function hasCompleted({ state, exitCode, spec }: ObservedContainer): boolean {
  const { condition } = spec.restart
  return state === 'exited' && exitCode === 0 && (condition === 'no' || condition === 'on-failure')
}
