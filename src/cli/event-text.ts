/** Events of the engine in the words of `docker compose events`. */

import type { EngineEvent } from '../daemon/index.ts'
import { safeText } from './safe-text.ts'

type ContainerEvent = Extract<EngineEvent, { kind: 'container' }>

/** Docker's names for what happens to a container. */
const ACTIONS: Readonly<Record<ContainerEvent['state'], string>> = {
  created: 'create',
  started: 'start',
  paused: 'pause',
  unpaused: 'unpause',
  exited: 'die',
  removed: 'destroy',
  oom: 'oom',
  healthy: 'health_status: healthy',
  unhealthy: 'health_status: unhealthy',
}

/**
 * `2026-11-21 14:36:00.123 container start shop-web-1 (service=web)`; undefined for what only a
 * plan's reader wants to know.
 */
export function eventText(event: EngineEvent): string | undefined {
  const time = localTime(event.time)
  if (event.kind === 'warning' || event.kind === 'drift') {
    return `${time} ${event.kind} ${safeText(event.message)}`
  }
  if (event.kind !== 'container') return undefined
  const { service, container, exitCode, state } = event
  const code = exitCode === undefined ? '' : `, exitCode=${exitCode}`
  const what = `container ${ACTIONS[state]} ${safeText(container)}`
  return `${time} ${what} (service=${safeText(service)}${code})`
}

/** The fields of docs/json.md; null for what only a plan's reader wants to know. */
export function eventJson(event: EngineEvent): unknown {
  const common = { time: new Date(event.time).toISOString(), stack: event.stack }
  if (event.kind === 'warning' || event.kind === 'drift') {
    return { ...common, type: event.kind, message: event.message }
  }
  if (event.kind !== 'container') return null
  return {
    ...common,
    type: 'container',
    action: ACTIONS[event.state],
    container: event.container,
    service: event.service,
    exitCode: event.exitCode ?? null,
    // The fields of Compose that have another name here.
    id: event.container,
    attributes: {
      name: event.container,
      ...(event.exitCode !== undefined && { exitCode: `${event.exitCode}` }),
    },
  }
}

/** `2026-11-21 14:36:00.123`, in the zone of the reader. */
function localTime(time: number): string {
  const local = new Date(time - new Date(time).getTimezoneOffset() * 60_000)
  return local.toISOString().replace('T', ' ').replace('Z', '')
}
