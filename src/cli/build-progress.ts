/** What a build says, in lines: `web  [build 2/5] RUN make`. */

import type { BuildEvent } from '../daemon/index.ts'
import { say, sayBytes } from './output.ts'
import { safeLine, safeText } from './safe-text.ts'

export interface BuildView {
  begin(services: readonly string[]): void
  event(service: string, event: BuildEvent): void
  /** Resolves when everything is on the screen. */
  end(isDone: boolean): Promise<void>
}

/** Lines of a step that failed are worth seeing again; more than this nobody reads. */
const KEPT_LINES = 200

/** For everything but a terminal; `isQuiet`: only what failed. */
export class BuildLog implements BuildView {
  readonly #isQuiet: boolean
  readonly #kept = new StepOutput()

  constructor({ isQuiet }: { readonly isQuiet: boolean }) {
    this.#isQuiet = isQuiet
  }

  begin(): void {
    // The first step says it.
  }

  event(service: string, event: BuildEvent): void {
    this.#kept.event(service, event)
    if (this.#isQuiet) {
      if (event.kind === 'step' && event.phase === 'failed') this.#kept.show(service, event.id)
      return
    }
    if (event.kind === 'output') sayBytes(prefixed(service, event.bytes))
    else say(`${safeText(service)}  ${eventText(event)}`)
  }

  end(): Promise<void> {
    return Promise.resolve()
  }
}

/** The last lines of each step that runs. */
export class StepOutput {
  readonly #lines = new Map<string, string[]>()

  event(service: string, event: BuildEvent): void {
    if (event.kind === 'warning') return
    const key = `${service} ${event.id}`
    if (event.kind === 'output') {
      const lines = this.#lines.get(key) ?? []
      lines.push(...linesOf(event.bytes))
      lines.splice(0, Math.max(0, lines.length - KEPT_LINES))
      this.#lines.set(key, lines)
    } else if (event.phase === 'done' || event.phase === 'cached') this.#lines.delete(key)
  }

  show(service: string, id: number): void {
    for (const line of this.#lines.get(`${service} ${id}`) ?? []) {
      say(`${safeText(service)}  | ${line}`)
    }
  }
}

/** `[build 2/5] RUN make: 1.2s`. */
export function eventText(event: Exclude<BuildEvent, { kind: 'output' }>): string {
  if (event.kind === 'warning') {
    const hint = event.hint === undefined ? '' : `; ${safeText(event.hint)}`
    return `warning: ${safeText(event.message)}${hint}`
  }
  const title = titleText(event.title)
  if (event.phase === 'begun') return title
  const took = event.tookMs === undefined ? '' : ` in ${tookText(event.tookMs)}`
  return `${title}: ${event.phase}${took}`
}

/** `340 ms`, `1.2 s`. */
export function tookText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

/** A long instruction is known by its beginning. */
export function titleText(title: string): string {
  const text = safeText(title)
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}

/** Whole lines, made safe for a terminal. */
export function linesOf(bytes: Uint8Array): readonly string[] {
  const lines = Buffer.from(bytes).toString('utf8').split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map(safeLine)
}

function prefixed(service: string, bytes: Uint8Array): Uint8Array {
  const lines = linesOf(bytes).map((line) => `${safeText(service)}  | ${line}\n`)
  return Buffer.from(lines.join(''))
}
