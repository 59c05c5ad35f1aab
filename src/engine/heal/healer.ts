/**
 * Sees what others change in the kernel of what is ours, says it, and puts it right: when links,
 * addresses, firewall or limits change, and from time to time.
 */

import { watch, type FSWatcher } from 'node:fs'
import { HEAL_DELAY_MS, HEAL_EVERY_MS, HEAL_ROUNDS_MAX } from '../../limits.ts'
import { watchNetwork } from '../../linux/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import { stackNames } from '../records/stack.ts'
import { factsOf, isDrifted, type Fact } from './facts.ts'

export class Healer {
  readonly #machine: Machine
  readonly #network: Disposable | undefined
  readonly #unsubscribe: () => void
  readonly #slow: NodeJS.Timeout
  /** By container: watches on the files of its group. */
  readonly #limits = new Map<string, readonly FSWatcher[]>()
  #soon: NodeJS.Timeout | undefined
  #healing: Promise<void> = Promise.resolve()
  #isClosed = false
  /** Looks in a row that could not be finished. */
  #failures = 0

  constructor(machine: Machine) {
    this.#machine = machine
    this.#network = watchNetwork(() => this.#lookSoon())
    this.#slow = setInterval(() => this.#lookSoon(), HEAL_EVERY_MS)
    this.#slow.unref()
    this.#unsubscribe = machine.subscribe((event) => {
      if (event.kind !== 'container') return
      if (event.state === 'started') this.#watchLimits(event.container)
      if (event.state === 'exited') this.#leaveLimits(event.container)
    })
    for (const name of machine.containers.keys()) this.#watchLimits(name)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#unsubscribe()
    clearInterval(this.#slow)
    clearTimeout(this.#soon)
    this.#network?.[Symbol.dispose]()
    for (const name of this.#limits.keys()) this.#leaveLimits(name)
    await this.#healing
  }

  /** Changes come in crowds, most of them our own: one look for all of them. */
  #lookSoon(): void {
    if (this.#soon !== undefined || this.#isClosed) return
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      this.#healing = this.#healing.then(() => this.#heal())
    }, HEAL_DELAY_MS)
    this.#soon.unref()
  }

  async #heal(): Promise<void> {
    if (this.#isClosed) return
    const before = this.#failures
    try {
      for (const stack of stackNames(this.#machine.paths)) await this.#healStack(stack)
      this.#healFirewall()
      // What cannot be mended is not tried over and over: the slow timer comes back to it.
      if (this.#failures === before) this.#failures = 0
    } catch (error) {
      // Something ended while it was looked at: another look sees what is left of it.
      this.#say('', `cannot look after the kernel: ${messageOf(error)}`)
      this.#failures += 1
      if (this.#failures <= HEAL_ROUNDS_MAX) this.#lookSoon()
    }
  }

  /** What is mended first may show what else is missing: a bridge, and then its cables. */
  async #healStack(stack: string): Promise<void> {
    const told = new Set<string>()
    for (let round = 0; round < HEAL_ROUNDS_MAX; round += 1) {
      const drifted = factsOf(this.#machine, stack).filter(
        (fact) => isDrifted(fact) && fact.mend !== undefined && !told.has(keyOf(fact)),
      )
      if (drifted.length === 0) return
      for (const fact of nextOf(drifted)) {
        told.add(keyOf(fact))
        await this.#mend(stack, fact)
      }
    }
  }

  async #mend(stack: string, fact: Fact): Promise<void> {
    const what = `${fact.subject} "${fact.name}": ${fact.field} was ${fact.actual}`
    try {
      await fact.mend?.()
      this.#say(stack, `${what}; it is ${fact.desired} again`)
    } catch (error) {
      this.#failures += 1
      if (this.#failures <= HEAL_ROUNDS_MAX) this.#lookSoon()
      this.#say(stack, `${what}, and cannot be made ${fact.desired}: ${messageOf(error)}`)
    }
  }

  #healFirewall(): void {
    if (!this.#machine.net.repair()) return
    for (const stack of stackNames(this.#machine.paths)) {
      this.#say(stack, 'firewall: rules of ours were gone; they are there again')
    }
  }

  #say(stack: string, message: string): void {
    this.#machine.emit({ kind: 'drift', time: this.#machine.now(), stack, message })
  }

  /** inotify tells of writes to the files of a group, by whomever. */
  #watchLimits(name: string): void {
    const container: LiveContainer | undefined = this.#machine.containers.get(name)
    if (!container?.attempt || this.#limits.has(name)) return
    const { cgroup } = container.attempt.record
    const watches: FSWatcher[] = []
    for (const directory of this.#machine.cgroups.open(cgroup).directories()) {
      try {
        const one = watch(directory, { persistent: false }, (_, file) => {
          if (file !== null && isLimit(file)) this.#lookSoon()
        })
        one.on('error', () => undefined)
        watches.push(one)
      } catch {
        // The machine has no watches left, or the group has just gone: the slow timer looks.
      }
    }
    this.#limits.set(name, watches)
  }

  #leaveLimits(name: string): void {
    for (const one of this.#limits.get(name) ?? []) one.close()
    this.#limits.delete(name)
  }
}

/** Networks before what is connected to them. */
function nextOf(drifted: readonly Fact[]): readonly Fact[] {
  const networks = drifted.filter(({ subject }) => subject === 'network')
  return networks.length > 0 ? networks : drifted
}

function keyOf({ subject, name, field }: Fact): string {
  return `${subject} ${name} ${field}`
}

/** Of all that is written there, processes that come and go are no limits. */
function isLimit(file: string): boolean {
  return file !== 'tasks' && !file.startsWith('cgroup.')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
