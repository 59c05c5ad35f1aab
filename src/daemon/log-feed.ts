/** Sends the log lines of several containers to one client. */

import { setImmediate } from 'node:timers/promises'
import type { Engine, LogBlock, LogOptions } from '../engine/index.ts'
import { BlockPacker } from './log-lines.ts'
import { Following, mergeBeginnings, mergeByTime } from './merge.ts'
import type { LogSource, Resume } from './protocol.ts'
import { afterPoint } from './resumed-log.ts'
import type { ClientSession } from './supervisor.ts'

type LogRange = Pick<LogOptions, 'tail' | 'since' | 'until'>

export class LogFeed {
  readonly #resume: Resume | undefined
  readonly #engine: Engine
  readonly #session: ClientSession
  readonly #packer = new BlockPacker()
  readonly #sources: LogSource[] = []
  /** By container: of one that was replaced the new one, while the old one is read to its end. */
  readonly #following = new Map<string, Promise<void>>()
  /** With the service that each is about. */
  readonly #pumps = new Map<Promise<void>, string>()
  #flush: Promise<void> | undefined

  /** `resume`: what the client has already. */
  constructor(engine: Engine, session: ClientSession, resume?: Resume) {
    this.#resume = resume
    this.#engine = engine
    this.#session = session
  }

  /** Sends what there is of all `sources`, in the order of time, until the client is gone. */
  async sendExisting(sources: readonly LogSource[], options: LogRange): Promise<void> {
    const { connection, signal } = this.#session
    this.#announce(sources)
    const logs = sources.map(({ container }) =>
      this.#engine.logs(container, { ...options, follow: false, signal }),
    )
    for await (const { from, value } of mergeByTime(logs, ({ time }) => time)) {
      this.#packer.add(from, value)
      if (this.#packer.isFull) await connection.sendBytes('logs', this.#packer.take())
      if (signal.aborted) return
    }
    if (!this.#packer.isEmpty) await connection.sendBytes('logs', this.#packer.take())
  }

  /** Sends what there is of all `sources` in the order of time, then what they write, as it comes. */
  followAll(sources: readonly LogSource[], options: LogRange): void {
    const first = this.#announce(sources)
    const streams = sources.map(({ container }) => this.#open(container, options))
    const merged = this.#sendBeginnings(first, streams)
    sources.forEach((source, at) => {
      const stream = streams[at]
      if (stream)
        this.#start(
          source,
          merged.then(() => this.#pump(first + at, stream)),
        )
    })
  }

  /**
   * Begins to send what `source` writes, as it comes. Nothing happens when it is followed already.
   */
  follow(source: LogSource, options: LogRange): void {
    const { container } = source
    if (this.#following.has(container)) return
    const number = this.#announce([source])
    this.#start(source, this.#pump(number, this.#open(container, options)))
  }

  #open(container: string, options: LogRange): Following<LogBlock> {
    const { signal } = this.#session
    const point = this.#resume?.points.find((each) => each.container === container)
    const range = this.#resume ? { ...options, since: point?.time ?? this.#resume.at } : options
    return new Following((onCaughtUp) => {
      const blocks = this.#engine.logs(container, { ...range, follow: true, signal, onCaughtUp })
      return point ? afterPoint(blocks, point) : blocks
    })
  }

  #start({ container, service }: LogSource, work: Promise<void>): void {
    const forget = (): void => {
      if (this.#following.get(container) === work) this.#following.delete(container)
    }
    // The next container of that name is another one, with a log of its own.
    const unsubscribe = this.#engine.subscribe((event) => {
      if (event.kind !== 'container' || event.container !== container) return
      if (event.state === 'removed') forget()
    })
    const end = (): void => {
      unsubscribe()
      forget()
      this.#pumps.delete(work)
    }
    // Failures are reported by `settled`, which everyone who follows awaits.
    work.then(end, end)
    this.#following.set(container, work)
    this.#pumps.set(work, service)
  }

  get isFollowing(): boolean {
    return this.#following.size > 0
  }

  /** Resolves when all that is followed now of these services has come to its end. */
  async settled(awaits: (service: string) => boolean = () => true): Promise<void> {
    const pumps = [...this.#pumps].filter(([, service]) => awaits(service))
    await Promise.all(pumps.map(([pump]) => pump))
    await this.#flushSoon()
  }

  async #sendBeginnings(first: number, streams: readonly Following<LogBlock>[]): Promise<void> {
    for await (const { from, value } of mergeBeginnings(streams, ({ time }) => time)) {
      if (this.#session.signal.aborted) return
      await this.#add(first + from, value)
    }
  }

  async #pump(number: number, stream: Following<LogBlock>): Promise<void> {
    for await (const block of stream.rest()) {
      if (this.#session.signal.aborted) return
      await this.#add(number, block)
    }
  }

  async #add(number: number, block: LogBlock): Promise<void> {
    this.#packer.add(number, block)
    const flushed = this.#flushSoon()
    if (this.#packer.isFull) await flushed
  }

  /** One pack for all that arrives in this turn of the event loop. */
  #flushSoon(): Promise<void> {
    this.#flush ??= this.#flushLater()
    return this.#flush
  }

  async #flushLater(): Promise<void> {
    await setImmediate()
    this.#flush = undefined
    if (this.#packer.isEmpty) return
    await this.#session.connection.sendBytes('logs', this.#packer.take())
  }

  /** Returns the number of the first of `sources`. */
  #announce(sources: readonly LogSource[]): number {
    const first = this.#sources.length
    this.#sources.push(...sources)
    this.#session.connection.send({ kind: 'log-sources', containers: this.#sources })
    return first
  }
}

/** What a client has to know of a container to label its lines. */
export function logSourceOf(container: {
  readonly name: string
  readonly service: string
  readonly index: number
}): LogSource {
  return { container: container.name, service: container.service, index: container.index }
}
