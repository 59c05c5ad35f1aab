/**
 * Sees what others change in the kernel of what is ours, says it, and puts it right: when links,
 * addresses, firewall, limits or mounts change, and from time to time.
 */

import { errorText } from '../../errors.ts'
import { HEAL_DELAY_MS, HEAL_DELAY_MS_MAX, HEAL_EVERY_MS, HEAL_ROUNDS_MAX } from '../../limits.ts'
import {
  namespaceId,
  watchNetwork,
  watchWrites,
  type NetworkChange,
  type WriteWatch,
  type Written,
} from '../../linux/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import type { EngineEvent } from '../types.ts'
import { stackNames } from '../records/stack.ts'
import { breather } from './breath.ts'
import { factsOf, isDrifted, type Fact } from './facts.ts'
import { MountCare } from './mount-care.ts'
import { isSourceGone } from './mount-facts.ts'

/** Between two looks, as many times as long as the last one took: a fifth of the time at most. */
const PAUSE_PER_LOOK = 4
const RESTART = 'only a start of it puts that back: run "tsstack restart" with its service'

export class Healer {
  readonly #machine: Machine
  readonly #network: Disposable | undefined
  readonly #unsubscribe: () => void
  readonly #slow: NodeJS.Timeout
  /** On the files of every container's group. */
  readonly #writes: WriteWatch | undefined
  /** Containers whose limits it watches. */
  readonly #watched = new Set<string>()
  /** Containers whose limits somebody has written since they were looked at, or that are new. */
  readonly #touched = new Set<string>()
  /** Containers by the ids of their network namespaces. */
  readonly #namespaces = new Map<number, string>()
  /** Containers whose network was changed from the inside since it was looked at, or that are new. */
  readonly #stirred = new Set<string>()
  readonly #mounts: MountCare
  /** Actions of plans that are being carried out: most changes are theirs. */
  #actions = 0
  #soon: NodeJS.Timeout | undefined
  #healing: Promise<void> = Promise.resolve()
  #isClosed = false
  /** By stack: what only the user can put right, and was told of. */
  readonly #told = new Map<string, ReadonlySet<string>>()
  /** By fact: what was said of a cure that failed; once is enough. */
  readonly #failed = new Map<string, string>()
  #isThorough = false
  /** Looks in a row that could not be finished. */
  #failures = 0
  /** Milliseconds that the last look took, with the breaths in it. */
  #tookMs = 0

  constructor(machine: Machine) {
    this.#machine = machine
    this.#network = watchNetwork((change) => this.#hearNetwork(change))
    this.#writes = watchWrites((written) => this.#hearWrite(written))
    this.#mounts = new MountCare(machine, () => this.#lookSoon())
    this.#slow = setInterval(() => this.#lookAtAll(), HEAL_EVERY_MS)
    this.#slow.unref()
    this.#unsubscribe = machine.subscribe((event) => this.#hear(event))
    machine.lookInside = (name) => {
      this.#stirred.add(name)
      this.#lookSoon()
    }
    for (const name of machine.containers.keys()) this.#touched.add(name)
    this.#lookAtAll()
  }

  #hear(event: EngineEvent): void {
    if (event.kind === 'action') {
      if (event.phase === 'begun') this.#actions += 1
      else if (event.phase !== 'skipped') this.#actions -= 1
    }
    if (event.kind !== 'container') return
    if (event.state === 'exited') {
      // Its group goes, and the watch with it.
      this.#touched.delete(event.container)
      this.#watched.delete(event.container)
      this.#stirred.delete(event.container)
      this.#mounts.forget(event.container)
      for (const [id, name] of this.#namespaces) {
        if (name === event.container) this.#namespaces.delete(id)
      }
    }
    if (event.state !== 'started') return
    this.#touched.add(event.container)
    this.#stirred.add(event.container)
    this.#mounts.change(event.container)
    this.#lookSoon()
  }

  #hearNetwork({ isHere, elsewhere, isOverrun }: NetworkChange): void {
    if (isOverrun) return this.#lookAtAll()
    // Namespaces of others have ids as well.
    const names = [...elsewhere].flatMap((id) => this.#namespaces.get(id) ?? [])
    for (const name of names) this.#stirred.add(name)
    if (isHere || names.length > 0) this.#lookSoon()
  }

  /** Also at what no event tells of. */
  #lookAtAll(): void {
    this.#isThorough = true
    for (const name of this.#machine.containers.keys()) {
      this.#stirred.add(name)
      this.#mounts.change(name)
    }
    this.#lookSoon()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#unsubscribe()
    clearInterval(this.#slow)
    clearTimeout(this.#soon)
    this.#network?.[Symbol.dispose]()
    this.#writes?.[Symbol.dispose]()
    this.#mounts[Symbol.dispose]()
    await this.#healing
  }

  /** Changes come in crowds, most of them our own: one look for all of them. */
  #lookSoon(waitedMs = 0): void {
    if (this.#soon !== undefined || this.#isClosed) return
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      // Whoever carries out a plan needs the time: it may be looked at a little later.
      if (this.#actions > 0 && waitedMs < HEAL_DELAY_MS_MAX) {
        return this.#lookSoon(waitedMs + HEAL_DELAY_MS)
      }
      this.#healing = this.#healing.then(() => this.#look())
    }, this.#pauseMs())
    this.#soon.unref()
  }

  /** Longer where a look takes long: in a storm of restarts something changes all the time. */
  #pauseMs(): number {
    return Math.min(Math.max(HEAL_DELAY_MS, PAUSE_PER_LOOK * this.#tookMs), HEAL_DELAY_MS_MAX)
  }

  async #look(): Promise<void> {
    const begun = performance.now()
    await this.#heal()
    this.#tookMs = performance.now() - begun
  }

  async #heal(): Promise<void> {
    if (this.#isClosed) return
    const before = this.#failures
    // Watched before they are looked at: what is written meanwhile is not missed.
    const touched = new Set(this.#touched)
    this.#touched.clear()
    const stirred = new Set(this.#stirred)
    this.#stirred.clear()
    const remounted = this.#mounts.take()
    const isThorough = this.#isThorough
    this.#isThorough = false
    const breathe = breather()
    try {
      for (const name of touched) {
        this.#watchLimits(name)
        this.#watchInside(name)
        await breathe()
      }
      for (const stack of stackNames(this.#machine.paths)) {
        const isWhole = await this.#healStack(stack, { touched, stirred, remounted })
        if (!isWhole) {
          this.#again({ touched, stirred, remounted })
          this.#isThorough ||= isThorough
          return this.#lookSoon()
        }
        if (isThorough) await this.#tell(stack)
      }
      this.#healFirewall()
      // What cannot be mended is not tried over and over: the slow timer comes back to it.
      if (this.#failures === before) this.#failures = 0
    } catch (error) {
      // Something ended while it was looked at: another look sees what is left of it.
      this.#say('', `cannot look after the kernel: ${errorText(error)}`)
      this.#again({ touched, stirred, remounted })
      this.#failures += 1
      if (this.#failures <= HEAL_ROUNDS_MAX) this.#lookSoon()
    }
  }

  /** The next look looks at these as well. */
  #again({ touched, stirred, remounted }: Changed): void {
    for (const name of touched) this.#touched.add(name)
    for (const name of stirred) this.#stirred.add(name)
    for (const name of remounted) this.#mounts.change(name)
  }

  /** It is being changed: what this look was to see of it, another one does. */
  #later(name: string, changed: Changed): void {
    const own = (names: ReadonlySet<string>) => new Set(names.has(name) ? [name] : [])
    const { touched, stirred, remounted } = changed
    this.#again({ touched: own(touched), stirred: own(stirred), remounted: own(remounted) })
    this.#lookSoon()
  }

  /**
   * What is mended first may show what else is missing: a bridge, and then its cables. False: a
   * plan has begun meanwhile, and what was seen may be its doing.
   */
  async #healStack(stack: string, changed: Changed): Promise<boolean> {
    const { touched, stirred, remounted } = changed
    const wasBusy = this.#actions > 0
    const told = new Set<string>()
    const limitsOf = ({ record }: LiveContainer): boolean =>
      touched.has(record.name) || !this.#watched.has(record.name)
    const insideOf = ({ record }: LiveContainer): boolean => stirred.has(record.name)
    const mountsOf = ({ record }: LiveContainer): boolean => remounted.has(record.name)
    // While a plan is carried out, nothing of it may come in between.
    const pause = wasBusy ? {} : { breathe: breather() }
    const onChanging = ({ record }: LiveContainer): void => this.#later(record.name, changed)
    const options = { mendable: true, limitsOf, insideOf, mountsOf, onChanging, ...pause }
    for (let round = 0; round < HEAL_ROUNDS_MAX; round += 1) {
      const facts = await factsOf(this.#machine, stack, options)
      if (!wasBusy && this.#actions > 0) return false
      const drifted = facts.filter(
        (fact) => isDrifted(fact) && fact.mend !== undefined && !told.has(keyOf(fact)),
      )
      if (drifted.length === 0) return true
      for (const fact of nextOf(drifted)) {
        told.add(keyOf(fact))
        const isMended = await this.#mend(stack, fact)
        if (!isMended) this.#later(fact.name, changed)
      }
    }
    return true
  }

  /** False: it is being changed. */
  async #mend(stack: string, fact: Fact): Promise<boolean> {
    const what = `${fact.subject} "${fact.name}": ${fact.field} was ${fact.actual}`
    if (fact.isPatient === true) this.#mounts.mended(fact.name)
    try {
      if ((await fact.mend?.()) === false) return false
      this.#failed.delete(keyOf(fact))
      this.#say(stack, `${what}; it is ${fact.desired} again`)
    } catch (error) {
      const message = `${what}, and cannot be made ${fact.desired}: ${errorText(error)}`
      if (this.#failed.get(keyOf(fact)) !== message) this.#say(stack, message)
      this.#failed.set(keyOf(fact), message)
      if (fact.isPatient !== true) {
        this.#failures += 1
        if (this.#failures <= HEAL_ROUNDS_MAX) this.#lookSoon()
      }
    }
    return true
  }

  /** What only the user can put right is said once, for as long as it is so. */
  async #tell(stack: string): Promise<void> {
    const pause = this.#actions > 0 ? {} : { breathe: breather() }
    const options = { limitsOf: never, insideOf: never, mountsOf: hasLostSource, ...pause }
    const facts = await factsOf(this.#machine, stack, options)
    const drifted = facts.filter((fact) => isDrifted(fact) && fact.mend === undefined)
    const present = new Set(drifted.map(keyOf))
    const known = this.#told.get(stack) ?? new Set()
    this.#told.set(stack, present)
    for (const fact of drifted.filter((one) => !known.has(keyOf(one)))) {
      const { subject, name, field, desired, actual, cure = RESTART } = fact
      this.#say(
        stack,
        `${subject} "${name}": ${field} was ${actual} instead of ${desired}; ${cure}`,
      )
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

  #hearWrite({ owner, file }: Written): void {
    // More was written than could be told: by whom is anyone's guess.
    if (owner === undefined) for (const name of this.#watched) this.#touched.add(name)
    else if (isLimit(file)) this.#touched.add(owner)
    // v2 tells when nobody is left in a group: the last one may have been moved elsewhere.
    else if (file === 'cgroup.events') this.#stirred.add(owner)
    else return
    this.#lookSoon()
  }

  /** Where the machine has no watches left, or the group has just gone, every look looks here. */
  #watchLimits(name: string): void {
    const container: LiveContainer | undefined = this.#machine.containers.get(name)
    if (!container?.attempt || this.#watched.has(name)) return
    const group = this.#machine.cgroups.open(container.attempt.record.cgroup)
    const watch = this.#writes
    if (watch && group.limitDirectories().every((directory) => watch.add(directory, name))) {
      this.#watched.add(name)
    }
  }

  /** Of one that is about to end, or of another's namespace, nothing is heard. */
  #watchInside(name: string): void {
    const attempt = this.#machine.containers.get(name)?.attempt
    if (attempt?.netns === undefined || attempt.record.interfaces.length === 0) return
    const id = namespaceId(attempt.netns)
    if (id >= 0) this.#namespaces.set(id, name)
  }
}

/** Names of containers, by what of them has changed. */
type Changed = { readonly [K in 'touched' | 'stirred' | 'remounted']: ReadonlySet<string> }

const never = (): boolean => false

const hasLostSource = ({ record }: LiveContainer): boolean => record.spec.mounts.some(isSourceGone)

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
