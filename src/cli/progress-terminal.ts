/** A task per network, volume and container, each moving through its actions, drawn by listr2. */

import { Listr } from 'listr2'
import type { ListrTaskWrapper } from 'listr2'
import type { EngineEvent } from '../daemon/index.ts'
import type { Action, Plan } from '../planner/index.ts'
import { say } from './output.ts'
import { doneText, subjectText } from './progress.ts'
import type { Progress } from './progress.ts'
import { safeText } from './safe-text.ts'

// The renderers are generic in ways that do not matter to a title.
// oxlint-disable-next-line typescript/no-explicit-any -- listr2 names its renderer types here
type Task = ListrTaskWrapper<unknown, any, any>

/** What one task waits for, and how it ends. */
interface Row {
  readonly subject: string
  readonly left: Set<string>
  readonly ended: PromiseWithResolvers<void>
  task: Task | undefined
}

export class TerminalProgress implements Progress {
  readonly #rows = new Map<string, Row>()
  #drawing: Promise<unknown> = Promise.resolve()

  begin(plan: Plan): void {
    for (const action of plan.actions) this.#rowOf(action).left.add(action.id)
    const tasks = [...this.#rows.values()].map((row) => ({
      title: row.subject,
      task: (_: unknown, task: Task): Promise<void> => {
        row.task = task
        return row.ended.promise
      },
    }))
    for (const note of plan.notes) say(`note: ${safeText(note)}`)
    const list = new Listr(tasks, {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      rendererOptions: { showErrorMessage: false, collapseErrors: false },
    })
    if (tasks.length > 0) this.#drawing = list.run().catch(() => undefined)
  }

  event(event: EngineEvent): void {
    if (event.kind === 'warning') say(`warning: ${safeText(event.message)}`)
    if (event.kind !== 'action') return
    const { action, phase, message } = event
    const row = this.#rowOf(action)
    const why = message === undefined ? '' : `: ${safeText(message)}`
    if (phase === 'done') this.#finish(row, action)
    else if (phase === 'begun') retitle(row, '')
    else if (phase === 'waiting') retitle(row, `waiting${why}`)
    else if (phase === 'failed') row.ended.reject(new Error(`${row.subject} failed`))
    else this.#skip(row, why)
  }

  async end(): Promise<void> {
    for (const row of this.#rows.values()) row.ended.resolve()
    await this.#drawing
  }

  #finish(row: Row, action: Action): void {
    retitle(row, doneText(action))
    row.left.delete(action.id)
    if (row.left.size === 0) row.ended.resolve()
  }

  #skip(row: Row, why: string): void {
    row.task?.skip(`${row.subject} skipped${why}`)
    row.ended.resolve()
  }

  #rowOf(action: Action): Row {
    const subject = subjectText(action)
    const known = this.#rows.get(subject)
    if (known) return known
    const ended = Promise.withResolvers<void>()
    // Whoever draws is told as well; without a drawing nobody has to be.
    ended.promise.catch(() => undefined)
    const row: Row = { subject, left: new Set(), ended, task: undefined }
    this.#rows.set(subject, row)
    return row
  }
}

function retitle({ subject, task }: Row, state: string): void {
  if (task) task.title = state === '' ? subject : `${subject}  ${state}`
}
