/** Shows what `up` and `down` do: a moving picture on a terminal, a line per change elsewhere. */

import type { EngineEvent } from '../daemon/index.ts'
import type { Action, Plan } from '../planner/index.ts'
import { mannerOf } from './manner.ts'
import { isDrawn, say } from './output.ts'
import { safeText } from './safe-text.ts'

export interface Progress {
  /** What is about to happen. */
  begin(plan: Plan): void
  event(event: EngineEvent): void
  /** Resolves when everything is on the screen. */
  end(): Promise<void>
}

/** listr2 is loaded only where it is seen. */
export async function createProgress(): Promise<Progress> {
  const { progress } = mannerOf()
  if (progress === 'quiet') return new QuietProgress()
  if (progress === 'json') {
    const { JsonProgress } = await import('./progress-json.ts')
    return new JsonProgress()
  }
  if (!isDrawn()) return new PlainProgress()
  const { TerminalProgress } = await import('./progress-terminal.ts')
  return new TerminalProgress()
}

/** `container shop-web-1: started`, one line when it is so. */
export class PlainProgress implements Progress {
  begin(plan: Plan): void {
    for (const note of plan.notes) say(`note: ${safeText(note)}`)
  }

  event(event: EngineEvent): void {
    const line = lineOf(event)
    if (line !== undefined) say(line)
  }

  end(): Promise<void> {
    return Promise.resolve()
  }
}

/** Shows nothing: failures are told by whoever knows them. */
export class QuietProgress implements Progress {
  begin(): void {}
  event(): void {}
  end(): Promise<void> {
    return Promise.resolve()
  }
}

/** Past participle of each kind of action, by what it is done to. */
const DONE: Readonly<Record<Action['kind'], string>> = {
  'create-network': 'created',
  'remove-network': 'removed',
  'create-volume': 'created',
  'remove-volume': 'removed',
  'create-container': 'created',
  'update-container': 'updated',
  'start-container': 'started',
  'stop-container': 'stopped',
  'remove-container': 'removed',
  'pause-container': 'paused',
  'unpause-container': 'unpaused',
  'signal-container': 'signalled',
  'settle-update': 'well',
}

/** `container shop-web-1`. */
export function subjectText(action: Action): string {
  if ('network' in action) return `network ${safeText(action.network.name)}`
  if ('volume' in action) return `volume ${safeText(action.volume.name)}`
  if (action.kind === 'settle-update') return `update of ${safeText(action.name)}, ${action.reason}`
  return `container ${safeText('container' in action ? action.container.name : action.name)}`
}

export function doneText(action: Action): string {
  if (action.kind === 'signal-container' && action.signal === 'SIGKILL') return 'killed'
  return DONE[action.kind]
}

function lineOf(event: EngineEvent): string | undefined {
  if (event.kind === 'warning') return `warning: ${safeText(event.message)}`
  if (event.kind !== 'action') return undefined
  const { action, phase, message } = event
  const why = message === undefined ? '' : `: ${safeText(message)}`
  const subject = subjectText(action)
  if (phase === 'done') return `${subject}: ${doneText(action)}`
  if (phase === 'waiting') return `${subject}: waiting${why}`
  // A failure is told in full, with its cure, when everything else is done.
  if (phase === 'failed') return `${subject}: failed`
  return phase === 'skipped' ? `${subject}: skipped${why}` : undefined
}
