/** A task per image, drawn by listr2: the step it is at, and the last lines that it says. */

import { Listr } from 'listr2'
import type { ListrTaskWrapper } from 'listr2'
import type { BuildEvent } from '../daemon/index.ts'
import {
  type BuildView,
  eventText,
  linesOf,
  StepOutput,
  titleText,
  tookText,
} from './build-progress.ts'
import { say } from './output.ts'
import { safeText } from './safe-text.ts'

// The renderers are generic in ways that do not matter to a title.
// oxlint-disable-next-line typescript/no-explicit-any -- listr2 names its renderer types here
type Task = ListrTaskWrapper<unknown, any, any>

/** Lines of output below each task. */
const SHOWN_LINES = 5

interface Row {
  readonly ended: PromiseWithResolvers<void>
  task: Task | undefined
  steps: number
  cached: number
  begun: number
}

export class DrawnBuild implements BuildView {
  readonly #rows = new Map<string, Row>()
  readonly #kept = new StepOutput()
  readonly #after: (() => void)[] = []
  #current: string | undefined
  #drawing: Promise<unknown> = Promise.resolve()

  begin(services: readonly string[]): void {
    const tasks = services.map((service) => {
      const ended = Promise.withResolvers<void>()
      // Not drawn yet when it fails at once.
      ended.promise.catch(() => undefined)
      const row: Row = { ended, task: undefined, steps: 0, cached: 0, begun: performance.now() }
      this.#rows.set(service, row)
      return {
        title: `image of ${safeText(service)}`,
        task: (_: unknown, task: Task): Promise<void> => {
          row.task = task
          return ended.promise
        },
        rendererOptions: { outputBar: SHOWN_LINES },
      }
    })
    const list = new Listr(tasks, {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      rendererOptions: { showErrorMessage: false, collapseErrors: false },
    })
    this.#drawing = list.run().catch(() => undefined)
  }

  event(service: string, event: BuildEvent): void {
    if (this.#current !== undefined && this.#current !== service) this.#finish(this.#current)
    this.#current = service
    this.#kept.event(service, event)
    const row = this.#rows.get(service)
    if (row === undefined) return
    if (event.kind === 'warning') this.#after.push(() => say(eventText(event)))
    else if (event.kind === 'output') {
      for (const line of linesOf(event.bytes)) if (row.task) row.task.output = line
    } else this.#step(service, row, event)
  }

  async end(isDone: boolean): Promise<void> {
    for (const [service, row] of this.#rows) {
      if (isDone) this.#finish(service)
      else row.ended.reject(new Error('failed'))
    }
    await this.#drawing
    for (const show of this.#after) show()
  }

  #step(service: string, row: Row, event: Extract<BuildEvent, { kind: 'step' }>): void {
    if (event.phase === 'begun' && row.task) {
      row.task.title = `image of ${safeText(service)} ${titleText(event.title)}`
    }
    if (event.phase === 'done' || event.phase === 'cached') row.steps += 1
    if (event.phase === 'cached') row.cached += 1
    if (event.phase === 'failed') this.#after.push(() => this.#kept.show(service, event.id))
  }

  #finish(service: string): void {
    const row = this.#rows.get(service)
    if (row === undefined) return
    const { steps, cached, begun, task } = row
    const took = tookText(performance.now() - begun)
    if (task)
      task.title = `image of ${safeText(service)}: ${steps} steps, ${cached} cached, ${took}`
    row.ended.resolve()
  }
}
