/** What is seen while files are followed: what changed, what that means, why it cannot be. */

import { relative } from 'node:path'
import { RemoteError } from '../daemon/index.ts'
import type { Answer, ServerMessage } from '../daemon/index.ts'
import type { Plan } from '../planner/index.ts'
import type { Context } from './context.ts'
import { Footer } from './footer.ts'
import { reportOutcomes } from './outcome.ts'
import { hasColor, sayBytes } from './output.ts'
import { renderError } from './render-error.ts'
import { safeText } from './safe-text.ts'
import type { UpView } from './up-view.ts'

/** So many names fit into a line. */
const NAMES_MAX = 5

type Message<Kind extends ServerMessage['kind']> = Extract<ServerMessage, { kind: Kind }>

/** The first round looks like a plain `up`, which `first` shows; the later ones are shown here. */
export class WatchView {
  readonly #context: Context
  readonly #first: UpView
  readonly #footer: Footer
  /** When the files of this round changed; undefined in the first one. */
  #begun: number | undefined
  #isRejected = false
  #watched = ''
  readonly #notes = new Set<string>()

  constructor(context: Context, first: UpView) {
    this.#context = context
    this.#first = first
    this.#footer = new Footer((text) => context.paint('red', text))
  }

  get isWatching(): boolean {
    return this.#watched !== ''
  }

  get status(): number {
    return this.#first.status
  }

  async show(answer: Answer): Promise<void> {
    if (answer.kind === 'message' && answer.message.kind === 'plan' && this.#begun !== undefined) {
      await this.#announce(answer.message.plan)
      return
    }
    if (answer.kind === 'message' && this.#hear(answer.message)) return
    await this.#footer.above(
      () => this.#first.show(answer),
      () => this.#first.isMidLine,
    )
  }

  /** The next round is a first one again: another supervisor. */
  restart(): void {
    this.#begun = performance.now()
    this.say('the supervisor was replaced: watching again')
  }

  say(text: string): void {
    if (this.#first.isMidLine) sayBytes(Buffer.from('\n'))
    this.#footer.say(text)
  }

  async end(): Promise<void> {
    this.#footer.set('')
    await this.#first.end()
  }

  /** False for what is none of our business. */
  #hear(message: ServerMessage): boolean {
    const { kind } = message
    const isLater = this.#begun !== undefined
    if (kind === 'changed') this.#begin(message)
    else if (kind === 'rejected') this.#reject(message)
    else if (kind === 'watching') this.#settle(message)
    else if (kind === 'result' && isLater && !message.interrupted) this.#conclude(message)
    else if (kind === 'stopping') return this.#leave()
    else return isLater && kind === 'event' && message.event.kind === 'action'
    return true
  }

  #begin({ files }: Message<'changed'>): void {
    this.#begun = performance.now()
    this.say(`${this.#paint('changed:')} ${namesText(files)}`)
  }

  /** What follows looks like the end of a plain `up`. */
  #leave(): false {
    this.#begun = undefined
    this.#footer.set('')
    return false
  }

  #reject({ error }: Message<'rejected'>): void {
    this.#isRejected = true
    const remote = new RemoteError(error)
    this.say(renderError(remote, this.#context.paint, false))
    const rest = this.isWatching ? 'the stack stays as it was' : 'nothing is started'
    this.say(`not applied: ${rest} until the files are in order`)
    const summary = (error.rendered ?? error.message).split('\n')[0] ?? ''
    this.#footer.set(`not applied: ${summary}`)
  }

  #mend(): void {
    if (!this.#isRejected) return
    this.#isRejected = false
    this.#footer.set('')
    this.say('the files are in order again')
  }

  #settle({ files }: Message<'watching'>): void {
    this.#mend()
    const watched = namesText(files)
    if (watched !== this.#watched) this.say(`${this.#paint('watching:')} ${watched}`)
    this.#watched = watched
  }

  async #announce(plan: Plan): Promise<void> {
    this.#mend()
    const { describe } = await import('../planner/index.ts')
    // A note that was read once is not news at each change.
    const notes = plan.notes.filter((note) => !this.#notes.has(note))
    for (const note of notes) this.#notes.add(note)
    this.say(describe({ ...plan, notes }, { color: hasColor(2) }))
  }

  #conclude({ outcomes, interrupted }: Message<'result'>): void {
    const status = reportOutcomes(outcomes, { interrupted, paint: this.#context.paint })
    const tookMs = Math.round(performance.now() - (this.#begun ?? performance.now()))
    if (status === 0 && outcomes.length > 0) this.say(`applied in ${tookMs} ms`)
  }

  #paint(text: string): string {
    return hasColor(2) ? this.#context.paint('bold', text) : text
  }
}

function namesText(files: readonly string[]): string {
  const names = files.map((file) => {
    const name = relative(process.cwd(), file)
    return safeText(name === '' || name.startsWith('../..') ? file : name)
  })
  const rest = names.length - NAMES_MAX
  return rest > 1 ? `${names.slice(0, NAMES_MAX).join(', ')} and ${rest} more` : names.join(', ')
}
