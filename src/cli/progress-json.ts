/** `--progress json`: a line of data for each step, with the fields of Compose. */

import type { EngineEvent } from '../daemon/index.ts'
import type { Action } from '../planner/index.ts'
import { say } from './output.ts'
import type { Progress } from './progress.ts'

type Status = 'Working' | 'Done' | 'Warning' | 'Error'

export class JsonProgress implements Progress {
  begin(): void {}

  event(event: EngineEvent): void {
    if (event.kind === 'warning') return tell({ status: 'Warning', text: event.message })
    if (event.kind !== 'action' || event.phase === 'skipped') return
    const { action, phase, message } = event
    const [working, done] = WORDS[action.kind]
    const common = { id: subject(action), ...(message !== undefined && { details: message }) }
    if (phase === 'begun') tell({ ...common, status: 'Working', text: working })
    if (phase === 'waiting') tell({ ...common, status: 'Working', text: 'Waiting' })
    if (phase === 'done') tell({ ...common, status: 'Done', text: done })
    if (phase === 'failed') tell({ ...common, status: 'Error', text: 'Error' })
  }

  end(): Promise<void> {
    return Promise.resolve()
  }
}

/** Control characters are escaped by JSON itself. */
export function tell(line: {
  readonly id?: string
  readonly status: Status
  readonly text: string
  readonly details?: string
}): void {
  say(JSON.stringify(line))
}

/** While it is done, and when it is: Compose's own words where it has them. */
const WORDS: Readonly<Record<Action['kind'], readonly [working: string, done: string]>> = {
  'create-network': ['Creating', 'Created'],
  'remove-network': ['Removing', 'Removed'],
  'create-volume': ['Creating', 'Created'],
  'remove-volume': ['Removing', 'Removed'],
  'create-container': ['Creating', 'Created'],
  'update-container': ['Updating', 'Updated'],
  'start-container': ['Starting', 'Started'],
  'stop-container': ['Stopping', 'Stopped'],
  'remove-container': ['Removing', 'Removed'],
  'pause-container': ['Pausing', 'Paused'],
  'unpause-container': ['Unpausing', 'Unpaused'],
  'signal-container': ['Killing', 'Killed'],
  'settle-update': ['Settling', 'Settled'],
}

function subject(action: Action): string {
  if ('network' in action) return `Network ${action.network.name}`
  if ('volume' in action) return `Volume ${action.volume.name}`
  return `Container ${'container' in action ? action.container.name : action.name}`
}
