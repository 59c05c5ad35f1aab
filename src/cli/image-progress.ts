/** Shows images on their way: a bar on a terminal, a line for each elsewhere. */

import type { Listr, ListrTaskWrapper } from 'listr2'
import type { ImageEvent } from '../image/index.ts'
import { mannerOf } from './manner.ts'
import { isDrawn, say } from './output.ts'
import type { tell } from './progress-json.ts'
import { safeText } from './safe-text.ts'
import { trafficText } from './size-text.ts'

export interface ImageProgress {
  event(event: ImageEvent): void
  /** Resolves when everything is on the screen. A failure is told by whoever knows it. */
  end(): Promise<void>
}

/** listr2 is loaded only where it is seen. */
export async function createImageProgress(): Promise<ImageProgress> {
  const { progress } = mannerOf()
  if (progress === 'quiet') return { event: () => {}, end: () => Promise.resolve() }
  if (progress === 'json') return jsonProgress((await import('./progress-json.ts')).tell)
  if (!isDrawn()) return new PlainImageProgress()
  const { Listr } = await import('listr2')
  return new TerminalImageProgress(Listr)
}

class PlainImageProgress implements ImageProgress {
  event(event: ImageEvent): void {
    const line = lineOf(event)
    if (line !== undefined) say(line)
  }

  end(): Promise<void> {
    return Promise.resolve()
  }
}

function jsonProgress(say: typeof tell): ImageProgress {
  return {
    event: ({ image, phase }) => {
      const id = `Image ${image}`
      if (phase === 'begun') say({ id, status: 'Working', text: 'Pulling' })
      if (phase === 'done') say({ id, status: 'Done', text: 'Pulled' })
    },
    end: () => Promise.resolve(),
  }
}

function lineOf(event: ImageEvent): string | undefined {
  const subject = `image ${safeText(event.image)}`
  if (event.phase === 'begun') return `${subject}: ${event.verb ?? 'fetching'}`
  if (event.phase === 'done') return `${subject}: ${doneText(event)}`
  return event.phase === 'note' ? `${subject}: ${safeText(event.message)}` : undefined
}

function doneText({ isNew, bytes }: Extract<ImageEvent, { phase: 'done' }>): string {
  return isNew ? `ready (${trafficText(bytes)} fetched)` : 'up to date'
}

// The renderers are generic in ways that do not matter to a title.
// oxlint-disable-next-line typescript/no-explicit-any -- listr2 names its renderer types here
type Task = ListrTaskWrapper<unknown, any, any>

/** One image at a time, as they come. */
interface Row {
  readonly image: string
  readonly layers: Map<string, { readonly bytes: number; readonly size: number }>
  readonly ended: PromiseWithResolvers<void>
  readonly drawing: Promise<unknown>
  task: Task | undefined
}

class TerminalImageProgress implements ImageProgress {
  readonly #Listr: typeof Listr
  #row: Row | undefined

  constructor(list: typeof Listr) {
    this.#Listr = list
  }

  event(event: ImageEvent): void {
    if (event.phase === 'begun') this.#begin(event.image)
    const row = this.#row
    if (row === undefined) return
    if (event.phase === 'layer') {
      row.layers.set(event.layer, { bytes: event.bytes, size: event.size })
      if (row.task) row.task.title = `${safeText(row.image)}  ${barText(row)}`
    } else if (event.phase === 'done') {
      if (row.task) row.task.title = `${safeText(row.image)}  ${doneText(event)}`
      row.ended.resolve()
    } else if (event.phase === 'note') say(`${safeText(event.image)}: ${safeText(event.message)}`)
  }

  async end(): Promise<void> {
    const row = this.#row
    this.#row = undefined
    row?.ended.resolve()
    await row?.drawing
  }

  #begin(image: string): void {
    this.#row?.ended.resolve()
    const ended = Promise.withResolvers<void>()
    const layers: Row['layers'] = new Map()
    const begin = (_: unknown, task: Task): Promise<void> => {
      row.task = task
      return ended.promise
    }
    const options = { registerSignalListeners: false } as const
    const list = new this.#Listr([{ title: safeText(image), task: begin }], options)
    const drawing = (this.#row?.drawing ?? Promise.resolve()).then(() => list.run())
    const row: Row = { image, layers, ended, drawing, task: undefined }
    this.#row = row
  }
}

const BAR_CELLS = 24

/** `[########----------------]  2/5 layers  34 MB of 100 MB`. */
function barText({ layers }: Row): string {
  const all = [...layers.values()]
  const bytes = all.reduce((sum, layer) => sum + layer.bytes, 0)
  const size = all.reduce((sum, layer) => sum + layer.size, 0)
  const done = all.filter((layer) => layer.bytes >= layer.size).length
  const cells = size === 0 ? 0 : Math.floor((bytes / size) * BAR_CELLS)
  const bar = '#'.repeat(cells) + '-'.repeat(BAR_CELLS - cells)
  return `[${bar}]  ${done}/${all.length} layers  ${trafficText(bytes)} of ${trafficText(size)}`
}
