/**
 * Follows files for `develop.watch`, in the process of the command: changes that come together are
 * dealt with together, one service at a time.
 */

import { basename, join, relative } from 'node:path'
import { watch, type FSWatcher } from 'chokidar'
import { WATCH_QUIET_MS, WATCH_WAIT_MS_MAX } from '../../limits.ts'
import type { DevelopRule } from '../protocol.ts'
import { statOf, type Synced } from './archive.ts'
import { Matcher } from './matcher.ts'

/** What is to be done for a service, in this order. */
export interface Develop {
  readonly service: string
  readonly rebuild: boolean
  /** To be there, and to be gone. */
  readonly synced: readonly Synced[]
  readonly removed: readonly string[]
  readonly restart: boolean
  readonly execs: readonly NonNullable<DevelopRule['exec']>[]
}

/** Rejections are told to `onError`; the next change is another chance. */
export interface Developing {
  readonly perform: (develop: Develop) => Promise<void>
  readonly onError: (error: unknown) => void
}

export class DevelopFollower {
  readonly #developing: Developing
  readonly #services = new Map<string, ServiceFollower>()
  /** By the text of the rule that they follow. */
  readonly #watchers = new Map<string, FSWatcher>()

  constructor(developing: Developing) {
    this.#developing = developing
  }

  /**
   * Follows these from now on, and no others; resolves when they are watched. What was followed
   * before goes on: a change between two watchers would be missed.
   */
  async follow(rules: readonly DevelopRule[]): Promise<void> {
    const wanted = new Map(rules.map((rule) => [JSON.stringify(rule), rule]))
    const gone = [...this.#watchers.keys()].filter((text) => !wanted.has(text))
    const fresh = [...wanted].filter(([text]) => !this.#watchers.has(text))
    await Promise.all([
      this.#unwatch(gone),
      ...fresh.map(([text, rule]) => this.#watch(text, rule)),
    ])
  }

  async close(): Promise<void> {
    await this.#unwatch([...this.#watchers.keys()])
    for (const service of this.#services.values()) service.close()
  }

  async #unwatch(texts: readonly string[]): Promise<void> {
    const watchers = texts.flatMap((text) => this.#watchers.get(text) ?? [])
    for (const text of texts) this.#watchers.delete(text)
    await Promise.all(watchers.map((each) => each.close()))
  }

  async #watch(text: string, rule: DevelopRule): Promise<void> {
    const matcher = new Matcher(rule)
    const service = this.#service(rule.service)
    const ready = Promise.withResolvers<void>()
    let isReady = false
    const watcher = watch(rule.path, {
      ignoreInitial: !rule.initialSync,
      followSymlinks: false,
      atomic: false,
      ignorePermissionErrors: true,
      ignored: (path, stats) => stats?.isDirectory() === true && matcher.isClosed(path),
    })
    this.#watchers.set(text, watcher)
    watcher.on('all', (event, path) => {
      const isDirectory = event.endsWith('Dir')
      if (!matcher.accepts(path, { isDirectory })) return
      service.change(rule, path, { isFirst: !isReady })
    })
    watcher.on('error', (error) => this.#developing.onError(error))
    watcher.once('ready', () => {
      isReady = true
      ready.resolve()
    })
    await ready.promise
  }

  #service(name: string): ServiceFollower {
    const known = this.#services.get(name) ?? new ServiceFollower(name, this.#developing)
    this.#services.set(name, known)
    return known
  }
}

/** The changes of one service that nothing has been done about. */
class ServiceFollower {
  readonly #name: string
  readonly #developing: Developing
  /** By rule: paths, and whether all of them were there at the beginning. */
  #pending = new Map<DevelopRule, { readonly paths: Set<string>; isFirst: boolean }>()
  #since: number | undefined
  #timer: NodeJS.Timeout | undefined
  #work: Promise<void> | undefined

  constructor(name: string, developing: Developing) {
    this.#name = name
    this.#developing = developing
  }

  change(rule: DevelopRule, path: string, { isFirst }: { readonly isFirst: boolean }): void {
    const known = this.#pending.get(rule) ?? { paths: new Set<string>(), isFirst: true }
    known.paths.add(path)
    known.isFirst &&= isFirst
    this.#pending.set(rule, known)
    this.#since ??= performance.now()
    this.#arm()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#pending.clear()
  }

  /** After a pause in which nothing more happens, or when it has been long enough. */
  #arm(): void {
    if (this.#work !== undefined || this.#pending.size === 0) return
    const waited = performance.now() - (this.#since ?? performance.now())
    const left = Math.min(WATCH_QUIET_MS, Math.max(0, WATCH_WAIT_MS_MAX - waited))
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#begin(), left)
  }

  #begin(): void {
    const pending = this.#pending
    this.#pending = new Map()
    this.#since = undefined
    this.#work = this.#developing
      .perform(developOf(this.#name, pending))
      .catch((error: unknown) => this.#developing.onError(error))
      .finally(() => {
        this.#work = undefined
        this.#arm()
      })
  }
}

type Pending = ReadonlyMap<
  DevelopRule,
  { readonly paths: ReadonlySet<string>; readonly isFirst: boolean }
>

/** A container that is made anew needs nothing else. */
function developOf(service: string, pending: Pending): Develop {
  const rules = [...pending]
  const nothing = { service, synced: [], removed: [], restart: false, execs: [] }
  if (rules.some(([{ action }]) => action === 'rebuild')) return { ...nothing, rebuild: true }
  const files = rules
    .filter(([{ action }]) => action.startsWith('sync'))
    .flatMap(([rule, { paths }]) =>
      [...paths]
        // What is followed is gone: it comes back, or the rule will be taken out.
        .filter((path) => path !== rule.path || statOf(path) !== undefined)
        .toSorted()
        .map((path) => placeOf(rule, path)),
    )
  const later = rules.filter(([, { isFirst }]) => !isFirst).map(([rule]) => rule)
  return {
    service,
    rebuild: false,
    synced: files.filter(({ path }) => statOf(path) !== undefined),
    removed: files.filter(({ path }) => statOf(path) === undefined).map(({ target }) => target),
    restart: later.some(({ action }) => action === 'restart' || action === 'sync+restart'),
    execs: later.flatMap(({ exec }) => (exec === undefined ? [] : [exec])),
  }
}

function placeOf({ path: base, target = '/' }: DevelopRule, path: string): Synced {
  const inside = relative(base, path)
  if (inside === '' && target.endsWith('/')) return { path, target: join(target, basename(path)) }
  return { path, target: join(target, inside) }
}
