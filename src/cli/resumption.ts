/** What a command asks the next supervisor when the one that served it has gone away. */

import { unpackBlocks } from '../daemon/index.ts'
import type { Answer, LogPoint, LogSource, Request, Resume } from '../daemon/index.ts'

/** Requests that change nothing: while nothing has been heard, another may answer them. */
const LOOKS: ReadonlySet<string> = new Set<Request['kind']>([
  'observe',
  'stacks',
  'status',
  'history',
  'processes',
  'usage',
  'facts',
  'details',
  'events',
  'plan',
  'plan-down',
  'plan-change',
  'volumes',
  'networks',
  'wait',
])

export class Resumption {
  readonly #request: Request
  readonly #since = Date.now()
  #sources: readonly LogSource[] = []
  readonly #points = new Map<string, LogPoint>()
  #heardAt: number | undefined
  #stack: string | undefined
  #isDone = false

  constructor(request: Request) {
    this.#request = request
  }

  hear(answer: Answer): void {
    this.#heardAt = Date.now()
    if (answer.kind === 'logs') return this.#count(answer.bytes)
    if (answer.kind !== 'message') return
    const { message } = answer
    if (message.kind === 'log-sources') this.#sources = message.containers
    if (message.kind === 'plan') this.#stack = message.plan.stack
    if (message.kind === 'result') this.#isDone = true
  }

  /**
   * The same again, or what is left of it; `done`: only the last word is missing. Undefined: nobody
   * can say what has become of it.
   */
  next(): Request | 'done' | undefined {
    const request = this.#request
    if (request.kind === 'up') return this.#restOfUp(request)
    if (request.kind === 'rejoin') return { ...request, resume: this.#resume() }
    if (request.kind === 'down') return this.#isDone ? 'done' : request
    if (request.kind === 'logs') return this.#restOfLogs(request)
    if (request.kind === 'wait' && request.downProject) return undefined
    return LOOKS.has(request.kind) && this.#heardAt === undefined ? request : undefined
  }

  /** Making a stack as it is desired can be done twice. */
  #restOfUp(request: Extract<Request, { kind: 'up' }>): ReturnType<Resumption['next']> {
    // Who follows files has a way of its own: follow-files.ts.
    if (request.watch !== undefined) return undefined
    if (!this.#isDone || this.#stack === undefined) return request
    if (!request.attach) return 'done'
    const { options, follow, abort } = request
    return {
      kind: 'rejoin',
      stack: this.#stack,
      options,
      resume: this.#resume(),
      since: this.#since,
      ...(follow && { follow }),
      ...(abort && { abort }),
    }
  }

  #restOfLogs(request: Extract<Request, { kind: 'logs' }>): Request | undefined {
    if (this.#heardAt === undefined) return request
    if (!request.logs.follow) return undefined
    const { tail: _tail, ...logs } = request.logs
    return { ...request, logs: { ...logs, resume: this.#resume() } }
  }

  #resume(): Resume {
    return { at: this.#heardAt ?? Date.now(), points: [...this.#points.values()] }
  }

  #count(pack: Uint8Array): void {
    for (const { source, time, bytes } of unpackBlocks(pack)) {
      const container = this.#sources[source]?.container
      if (container === undefined) continue
      const known = this.#points.get(container)
      if (known !== undefined && known.time > time) continue
      const before = known?.time === time ? known.bytes : 0
      this.#points.set(container, { container, time, bytes: before + bytes.length })
    }
  }
}
