/** Whether the supervisor may open as many files as a plan's containers need. */

import { closeSync, openSync, readdirSync } from 'node:fs'
import { EngineError, isOutOfFiles, moreFilesHint } from '../errors.ts'
import { getRlimit, setRlimit } from '../linux/index.ts'
import type { Plan } from '../planner/index.ts'

/** Kept for a container while it runs: with a network and mounts eight, and one more to spare. */
const OF_CONTAINER = 9
/** For those that are just being started, for programs in containers, and for clients. */
const OF_ALL = 64
/** What is open is counted only where it may matter. */
const PLENTY = 10
const PLENTY_FOR_ANYBODY = 65_536n
/** By what may take them: programs in containers and whoever follows; commands that end soon. */
const KEPT_FREE = { stays: 64, 'ends soon': 24 } as const

/**
 * Throws ACTION_FAILED before anything is changed: without descriptors a start fails half-way, in
 * whatever it was at.
 */
export function checkDescriptors({ actions }: Plan): void {
  const starts = actions.filter(({ kind }) => kind === 'start-container').length
  if (starts === 0) return
  const needed = starts * OF_CONTAINER + OF_ALL
  const { soft } = getRlimit('nofile')
  if (soft > BigInt(needed * PLENTY)) return
  const open = openFiles(soft)
  if (soft >= BigInt(open + needed)) return
  throw new EngineError(
    'ACTION_FAILED',
    `Cannot start ${starts} containers: the supervisor has ${open} files open and may have ` +
      `${soft}; ${needed} more are needed`,
    { hint: moreFilesHint() },
  )
}

/**
 * The same for something that is asked for while everything else runs. What stays has to leave more
 * than what ends soon: so that `ps`, `stop` and `down` work, whatever uses descriptors up. Without
 * one left nobody who connects could even be told.
 */
export function checkRoom(what: string, lasts: keyof typeof KEPT_FREE): void {
  const { soft } = getRlimit('nofile')
  if (soft > PLENTY_FOR_ANYBODY) return
  const open = openFiles(soft)
  const free = KEPT_FREE[lasts]
  if (soft >= BigInt(open + free)) return
  throw new EngineError(
    'SUPERVISOR',
    `Cannot ${what}: the supervisor has ${open} files open and may have ${soft}; ` +
      `${free} must be left`,
    { hint: `end programs and commands that run, or ${moreFilesHint()}` },
  )
}

/** To let clients in one after another, and to tell each that there is no room for it. */
const TO_ANSWER = 8n

/**
 * Somebody has lowered the soft limit below what is in use: no client could be let in, and the
 * kernel would go on telling of it, which costs all of a core (libuv's uv__server_io). The limit is
 * raised by as much as an answer needs; the result says so. Undefined: nothing had to be done.
 */
export function makeRoomToAnswer(): string | undefined {
  if (canOpen()) return undefined
  const { soft, hard } = getRlimit('nofile')
  try {
    // What is in use is seen with more alone.
    setRlimit('nofile', { soft: hard, hard })
    const highest = Math.max(...readdirSync('/proc/self/fd').map(Number))
    const wanted = BigInt(highest + 1) + TO_ANSWER
    setRlimit('nofile', { soft: wanted < hard ? wanted : hard, hard })
  } catch {
    // Nor does the hard limit leave one.
  }
  return `no file could be opened with a limit of ${soft}; ${moreFilesHint()}`
}

function canOpen(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'))
    return true
  } catch (error) {
    return !isOutOfFiles(error)
  }
}

/** What {@link checkRoom} throws. */
export const isNoRoom = (error: unknown): boolean =>
  error instanceof EngineError && error.code === 'SUPERVISOR'

/** All of them when none is left to count them with. */
function openFiles(limit: bigint): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch (error) {
    if (isOutOfFiles(error)) return Number(limit)
    throw error
  }
}
