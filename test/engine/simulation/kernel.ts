/**
 * A kernel of nothing but memory: processes, groups, cables and bridges that a simulation can make,
 * break and count. It outlives supervisors as the real one does.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { vi } from 'vitest'
import { KernelError } from '../../../src/errors.ts'
import type { ReportListener } from '../../../src/engine/container/reports.ts'
import type { Draft } from '../../../src/engine/container/start.ts'
import { watchAttempt } from '../../../src/engine/attempts.ts'
import type { LiveContainer, Machine } from '../../../src/engine/machine.ts'
import type { Processes } from '../../../src/engine/processes.ts'
import {
  STATUS_MAGIC,
  STATUS_OFFSETS,
  WHOLE_STATUS_BYTES,
} from '../../../src/engine/records/attempt.ts'
import { beginAttemptRecord, writeAttemptRecord } from '../../../src/engine/records/container.ts'
import type { Random } from './random.ts'

/** Far from any pid of this machine. */
const PID_FIRST = 1_000_000_000
const SIGKILL = 9

/** What a service's program does, as its command says it: `server`, `job 500`, `crash 20`. */
export interface Program {
  readonly kind: 'server' | 'job' | 'crash' | 'stubborn'
  readonly lastsMs: number
}

export interface FakeProcess {
  readonly pid: number
  readonly container: string
  readonly cgroup: string
  readonly status: string
  readonly fifo: string
  readonly begunAt: number
  /** Clock ticks since boot, as /proc says them. */
  readonly startTime: number
  /** Its program runs, and the monitor has said so. */
  isStarted: boolean
  /** The wait status; undefined while it runs. */
  ended: number | undefined
  monitorLives: boolean
  listener: ReportListener | undefined
}

export type Failure = 'before' | 'after cgroup' | 'after cable' | 'exec' | 'detach' | 'rmdir'

export class FakeKernel {
  readonly processes: Map<number, FakeProcess> = new Map()
  readonly groups: Set<string> = new Set()
  readonly cables: Set<string> = new Set()
  readonly bridges: Set<string> = new Set()
  bootId = 'boot 1'
  /** The next call of this kind fails. */
  failing: Failure | undefined
  /** Milliseconds from the start of a program until who has launched it goes on. */
  launchMs = 0
  readonly #random: Random
  #pid = PID_FIRST

  constructor(random: Random) {
    this.#random = random
  }

  get living(): readonly FakeProcess[] {
    return [...this.processes.values()].filter(({ ended }) => ended === undefined)
  }

  /** Nobody hears of anything any more; everything runs on. */
  forgetListeners(): void {
    for (const process of this.processes.values()) {
      process.listener = undefined
      if (process.ended !== undefined) this.#dropCables(process)
    }
  }

  /** The power is gone: what is left is what the disk has. */
  reboot(): void {
    for (const kind of [this.processes, this.groups, this.cables, this.bridges]) kind.clear()
    this.bootId = `boot ${Number(this.bootId.slice(5)) + 1}`
  }

  /** Ends a process by itself or by a signal, and tells whoever listens. */
  end(process: FakeProcess, waitStatus: number): void {
    if (process.ended !== undefined) return
    process.ended = waitStatus
    // A child that is killed before it has executed its program is reported by its silence alone.
    if (process.isStarted) writeStatus(process, { at: Date.now(), uptimeMs: uptime() })
    if (!process.listener) this.#dropCables(process)
    if (process.isStarted) process.listener?.exited(waitStatus)
    this.#after(this.#random.between(0, 3), () => this.#gone(process))
  }

  /** A namespace that no process and no descriptor of a supervisor holds takes its cables along. */
  #dropCables({ container }: FakeProcess): void {
    if (this.living.some((one) => one.container === container)) return
    for (const cable of this.cables) {
      if (cable.startsWith(`${container} `)) this.cables.delete(cable)
    }
  }

  /** A link that cannot be deleted now goes with its namespace, which nobody holds any more. */
  loseCable(cable: string): void {
    this.#after(this.#random.between(1, 50), () => this.cables.delete(cable))
  }

  /** The monitor is killed, and its program with it: nobody has written down how that ended. */
  killMonitor(process: FakeProcess): void {
    if (process.ended !== undefined) return
    process.ended = SIGKILL
    this.#gone(process)
  }

  take(kind: Failure): boolean {
    if (this.failing !== kind) return false
    this.failing = undefined
    return true
  }

  readonly calls: Processes = {
    launch: (machine, container, draft) => this.#launch(machine, container, draft),
    listen: (path, listener) => this.#listen(path, listener),
    hold: (pid) => (this.processes.get(pid)?.ended === undefined ? pid : undefined),
    release: () => undefined,
    signal: (pid, signal) => this.#signal(pid, signal),
    listensTo: () => true,
    isAlive: ({ pid, startTime }) =>
      startTime === this.processes.get(pid)?.startTime &&
      this.processes.get(pid)?.monitorLives === true,
    end: ({ pid, startTime }) => {
      const process = [...this.processes.values()].find((one) => one.pid === pid)
      if (process?.startTime === startTime) this.killMonitor(process)
    },
    networkOf: () => undefined,
  }

  async #launch(machine: Machine, container: LiveContainer, draft: Draft): Promise<void> {
    const { own, record } = container
    rmSync(own.run, { recursive: true, force: true })
    beginAttemptRecord(own, draft.record)
    if (this.take('before')) throw new Error('simulated: no memory')
    this.groups.add(draft.record.cgroup)
    if (this.take('after cgroup')) throw new Error('simulated: no namespace')
    const { network } = record.spec
    const networks = network.kind === 'networks' ? network.attachments : []
    const interfaces = networks.map((one) => {
      if (!this.bridges.has(one.network)) throw new Error(`simulated: no bridge "${one.network}"`)
      this.cables.add(`${record.name} ${one.network}`)
      return { network: one.network, hostInterface: '' }
    })
    draft.record = { ...draft.record, interfaces }
    draft.connection = { netns: undefined, interfaces, dns: undefined }
    if (this.take('after cable')) throw new Error('simulated: no processes left')
    await draft.turn.come()
    const process = this.#spawn(container, draft.record.cgroup)
    const { attempt, started } = watchAttempt(machine, container, {
      record: draft.record,
      netns: undefined,
      dns: undefined,
    })
    draft.started = started
    attempt.record = {
      ...draft.record,
      monitor: { pid: process.pid, startTime: process.startTime },
    }
    writeAttemptRecord(own, attempt.record)
    await started
    // Its program may have ended meanwhile, and all of it be cleaned up.
    // By a timer of the supervisor's own: one that has died does not go on.
    if (this.launchMs > 0) await new Promise<void>((go) => setTimeout(go, this.launchMs))
  }

  #spawn({ own, record }: LiveContainer, cgroup: string): FakeProcess {
    this.#pid += 1
    const process: FakeProcess = {
      pid: this.#pid,
      container: record.name,
      cgroup,
      status: own.status,
      fifo: own.fifo,
      begunAt: Date.now(),
      startTime: Math.floor(uptime() / 10),
      isStarted: false,
      ended: undefined,
      monitorLives: true,
      listener: undefined,
    }
    this.processes.set(process.pid, process)
    writeFileSync(own.fifo, '')
    const isFailing = this.take('exec')
    this.#after(this.#random.between(0, 3), () => {
      if (process.ended !== undefined) return
      if (isFailing) {
        process.ended = 127 << 8
        this.#gone(process)
        return
      }
      process.isStarted = true
      writeStatus(process, undefined)
      process.listener?.started(process.pid)
      this.#runProgram(process, programOf(record.spec.command))
    })
    return process
  }

  #runProgram(process: FakeProcess, { kind, lastsMs }: Program): void {
    if (kind === 'server' || kind === 'stubborn') return
    this.#after(lastsMs, () => this.end(process, kind === 'job' ? 0 : 1 << 8))
  }

  #listen(path: string, listener: ReportListener): { close: () => void } {
    const process = [...this.processes.values()].findLast(({ fifo }) => fifo === path)
    if (!process) throw new Error(`simulated: nobody writes to "${path}"`)
    process.listener = listener
    if (!process.monitorLives) this.#after(0, () => listener.gone())
    return { close: () => (process.listener = undefined) }
  }

  #signal(pid: number, signal: number): void {
    const process = this.processes.get(pid)
    if (!process || process.ended !== undefined) return
    this.#after(this.#random.between(0, 300), () => this.end(process, signal))
  }

  #gone(process: FakeProcess): void {
    if (!process.monitorLives) return
    process.monitorLives = false
    process.listener?.gone()
  }

  /** On the fake clock; what belongs to another boot does not happen any more. */
  #after(ms: number, happen: () => void): void {
    const { bootId } = this
    pending.add({ at: uptime() + ms, happen: () => this.bootId === bootId && happen() })
    armPending()
  }
}

interface Pending {
  readonly at: number
  readonly happen: () => void
}

/** The kernel's own timers: a supervisor that dies takes its timers along, but not these. */
const pending = new Set<Pending>()
let armed: NodeJS.Timeout | undefined

/** Sets the clock for the next event. */
function armPending(): void {
  clearTimeout(armed)
  const first = [...pending].toSorted((a, b) => a.at - b.at)[0]
  if (!first) return
  armed = setTimeout(
    () => {
      pending.delete(first)
      armPending()
      first.happen()
    },
    Math.max(0, first.at - uptime()),
  )
}

export function clearPending(): void {
  pending.clear()
  uptimeBefore = 0
}

let uptimeBefore = 0

/** Milliseconds since boot, which run on while the clock is set. */
export const uptime = (): number => uptimeBefore + performance.now()

/** A supervisor's timers end with it. Vitest takes the clock back as well: time goes on here. */
export function loseTimers(): void {
  const [now, up] = [Date.now(), uptime()]
  vi.clearAllTimers()
  vi.setSystemTime(now)
  uptimeBefore = up - performance.now()
  armPending()
}

export function programOf(command: readonly string[] = []): Program {
  const [kind = 'server', lasts = '0'] = command
  return { kind: kind as Program['kind'], lastsMs: Number(lasts) }
}

export const busy = (path: string): KernelError =>
  new KernelError({
    call: `rmdir("${path}")`,
    syscall: 'rmdir',
    errno: 16,
    errnoName: 'EBUSY',
    errnoText: 'Device or resource busy',
  })

interface End {
  readonly at: number
  readonly uptimeMs: number
}

/** As the monitor writes it: `end` in milliseconds, or undefined while it runs. */
function writeStatus(process: FakeProcess, end: End | undefined): void {
  const bytes = Buffer.alloc(WHOLE_STATUS_BYTES)
  const word = (offset: number, value: bigint): unknown => bytes.writeBigInt64LE(value, offset)
  const time = (offset: number, ms: number): void => {
    word(offset, BigInt(Math.floor(ms / 1000)))
    word(offset + 8, BigInt(Math.round((ms % 1000) * 1e6)))
  }
  bytes.writeBigUInt64LE(STATUS_MAGIC, STATUS_OFFSETS.magic)
  word(STATUS_OFFSETS.pid, BigInt(process.pid))
  time(STATUS_OFFSETS.startedSeconds, process.begunAt)
  if (end !== undefined) {
    word(STATUS_OFFSETS.ended, 1n)
    word(STATUS_OFFSETS.waitStatus, BigInt(process.ended ?? 0))
    time(STATUS_OFFSETS.endedSeconds, end.at)
    time(STATUS_OFFSETS.endedUptimeSeconds, end.uptimeMs)
  }
  try {
    writeFileSync(process.status, bytes)
  } catch (error) {
    // Its directory went with the container, as the file of a real monitor would.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
