/**
 * Passes the log of one container on. The log mover writes its files whoever lives; what is passed
 * on is read from there, from where it was passed on last: so nothing is lost while no supervisor
 * lives, or while who is told is away.
 */

import { type FSWatcher, watch } from 'node:fs'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { errorText } from '../../../errors.ts'
import { LOG_SINK_RETRY_MS_MAX, LOG_SINK_RETRY_MS_MIN } from '../../../limits.ts'
import { Bell } from '../../bell.ts'
import { Cursor } from '../cursor.ts'
import { MessageCutter, type PlacedMessage } from './lines.ts'
import type { LogMessage } from './message.ts'
import { Position } from './position.ts'
import type { Sink } from './sink.ts'

/** Twice the longest record, and a little: most logs need less than a page of it. */
const CHUNK_BYTES = 160 * 1024
/** Milliseconds after which other work gets its turn. */
const TURN_MS = 5

export interface ForwarderOptions {
  /** Where the log is, and where to keep how far it was passed on. */
  readonly log: string
  readonly position: string
  readonly open: () => Promise<Sink>
  readonly encode: (message: LogMessage) => Buffer
  /** True when the container has ended: a last line without end will get none. */
  readonly isQuiet: () => boolean
  readonly say: (message: string) => void
}

export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #bell = new Bell()
  readonly #cursor: Cursor
  readonly #position: Position
  readonly #cutter = new MessageCutter()
  readonly #stopped = new AbortController()
  readonly #done: Promise<void>
  /** Ends the pause before the next try. */
  #pausing = new AbortController()
  /** Not all of what was read last was sent yet. */
  #rest: Iterator<PlacedMessage, void> | undefined
  #unsent: PlacedMessage | undefined
  #watcher: FSWatcher | undefined
  #sink: Sink | undefined
  #failures = 0
  #isEnding = false

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#cursor = new Cursor(options.log, { chunkBytes: CHUNK_BYTES })
    this.#position = new Position(options.position)
    this.#watcher = watch(options.log, { persistent: false }, () => this.#bell.ring())
    this.#done = this.#run()
  }

  /** Something has happened to the container. */
  wake(): void {
    this.#bell.ring()
  }

  /** The container is to be removed: resolves when all is passed on, or after `ms`. */
  async finish(ms: number): Promise<void> {
    this.#isEnding = true
    this.#pausing.abort()
    this.#bell.ring()
    const enough = new AbortController()
    const tooLate = sleep(ms, true, { signal: enough.signal }).catch(() => false)
    const isTooLate = await Promise.race([this.#done.then(() => false), tooLate])
    enough.abort()
    if (isTooLate) this.#options.say('what it wrote last could not be passed on in time')
    await this.close()
  }

  /** The next supervisor goes on. */
  async close(): Promise<void> {
    this.#stopped.abort()
    this.#pausing.abort()
    this.#bell.ring()
    await this.#done
  }

  async #run(): Promise<void> {
    this.#goToPosition()
    while (!this.#stopped.signal.aborted) {
      const isPassedOn = await this.#tryPassOn()
      if (isPassedOn && this.#isEnding) break
      if (isPassedOn) await this.#bell.rung()
      else await this.#pause()
    }
    this.#watcher?.close()
    this.#watcher = undefined
    this.#sink?.close()
    this.#cursor.close()
    this.#position.close()
  }

  /** Where an earlier supervisor was. */
  #goToPosition(): void {
    const start = this.#position.resume(this.#cursor.segments())
    if (start === 'lost') {
      this.#options.say('its files were rotated before they were passed on: some of it is missing')
    } else if (start !== undefined) this.#cursor.seek(start)
  }

  /** False when it has to be tried again. */
  async #tryPassOn(): Promise<boolean> {
    try {
      this.#sink ??= await this.#options.open()
      await this.#passOn(this.#sink)
      if (this.#failures > 0) this.#options.say('it is passed on again')
      this.#failures = 0
      return true
    } catch (error) {
      if (this.#failures === 0)
        this.#options.say(`it is kept until it can be passed on: ${textOf(error)}`)
      this.#failures += 1
      this.#sink?.close()
      this.#sink = undefined
      return false
    }
  }

  /** Sends all there is. What fails is the first thing to be sent the next time. */
  async #passOn(sink: Sink): Promise<void> {
    let begun = performance.now()
    for (;;) {
      this.#unsent ??= this.#nextMessage()
      const message = this.#unsent
      if (message === undefined || this.#stopped.signal.aborted) return
      const sending = sink.send(this.#options.encode(message))
      if (sending !== undefined) await sending
      this.#position.note(message.stream, message.end)
      this.#unsent = undefined
      if (performance.now() - begun < TURN_MS) continue
      await setImmediate()
      begun = performance.now()
    }
  }

  #nextMessage(): PlacedMessage | undefined {
    for (const _ of ['the rest of what was read', 'what has come since']) {
      // Asked before reading: what was written until then is read, and nothing comes after.
      this.#rest ??= this.#messages(this.#options.isQuiet())
      const { value } = this.#rest.next()
      if (value) return value
      this.#rest = undefined
    }
    return undefined
  }

  *#messages(isQuiet: boolean): Generator<PlacedMessage, void> {
    for (const record of this.#cursor.records()) {
      yield* this.#cutter.push(record, this.#position.sentOf(record))
    }
    if (isQuiet) yield* this.#cutter.finish()
  }

  async #pause(): Promise<void> {
    const doubled = LOG_SINK_RETRY_MS_MIN * 2 ** Math.min(this.#failures - 1, 20)
    const { signal } = this.#pausing
    await sleep(Math.min(doubled, LOG_SINK_RETRY_MS_MAX), undefined, { signal }).catch(() => {})
    if (signal.aborted && !this.#stopped.signal.aborted) {
      this.#failures = 1
      this.#pausing = new AbortController()
    }
  }
}

const textOf = (error: unknown): string => errorText(error)
