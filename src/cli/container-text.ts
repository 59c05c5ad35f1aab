/** What `up` and `ps` say of a container. */

import type { ObservedContainer, ObservedPort } from '../planner/index.ts'
import { durationText } from './duration.ts'

/**
 * `running 3 minutes`, `exited (137) 2 seconds ago, out of memory`. `now` in milliseconds since the
 * epoch.
 */
export function stateText(container: ObservedContainer, now: number): string {
  const { state, startedAt, finishedAt, exitCode, oomKilled, failure } = container
  const since = (time: number | undefined): string =>
    time === undefined ? '' : ` ${durationText(now - time)}`
  if (state === 'running' || state === 'paused') return `${state}${since(startedAt)}`
  if (state === 'created') return failure === undefined ? 'created' : 'failed to start'
  const code = exitCode === undefined ? '' : ` (${exitCode})`
  const ago = finishedAt === undefined ? '' : `${since(finishedAt)} ago`
  return `${state}${code}${ago}${oomKilled ? ', out of memory' : ''}${againText(container, now)}`
}

/** `, again in 3 seconds (4th restart)`: what the back-off waits for. */
function againText({ state, nextStartAt, restarts }: ObservedContainer, now: number): string {
  if (state !== 'restarting' || nextStartAt === undefined) return ''
  const count =
    restarts === undefined ? '' : ` after ${restarts} restart${restarts === 1 ? '' : 's'}`
  return `, again in ${durationText(nextStartAt - now)}${count}`
}

/** What `ps` shows without being asked for all. */
export function isAlive({ state }: ObservedContainer): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting'
}

export function healthText({ health }: ObservedContainer): string {
  return health === 'none' ? '-' : health
}

export function addressText({ addresses }: ObservedContainer): string {
  const all = addresses.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6])
  return all.filter((each) => each !== undefined).join(', ') || '-'
}

/** `0.0.0.0:8080->80/tcp`, as Docker writes it. */
export function portsText({ ports }: ObservedContainer): string {
  return ports.map(portText).join(', ') || '-'
}

function portText({ hostIp, published, target, protocol }: ObservedPort): string {
  const host = hostIp.includes(':') ? `[${hostIp}]` : hostIp
  return `${host}:${published}->${target}/${protocol}`
}

/** By service, then by replica. */
export function byService(a: ObservedContainer, b: ObservedContainer): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1
  return a.index - b.index
}

/** A container as `--json` prints it: docs/json.md. Values of the environment are not in it. */
export function containerJson(container: ObservedContainer, stack: string): unknown {
  const { name, service, index, state, health, attempt, oomKilled, addresses, ports } = container
  return {
    stack,
    service,
    index,
    name,
    image: container.spec.image,
    state,
    health,
    attempt,
    pid: container.pid ?? null,
    startedAt: timeText(container.startedAt),
    finishedAt: timeText(container.finishedAt),
    exitCode: container.exitCode ?? null,
    oomKilled,
    failure: container.failure ?? null,
    restarts: container.restarts ?? 0,
    nextStartAt: timeText(container.nextStartAt),
    history: (container.history ?? []).map((end) => ({
      ...end,
      startedAt: timeText(end.startedAt),
      finishedAt: timeText(end.finishedAt),
    })),
    addresses,
    ports,
  }
}

function timeText(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString()
}
