/** Before the machine goes down: what runs is stopped as its file says, and comes up at the boot. */

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { SHUTDOWN_TURN_MS_MAX } from '../limits.ts'
import { type ObservedContainer, startsAtBoot } from '../planner/index.ts'
import type { Places } from './places.ts'
import { say } from './say.ts'
import { stopStack } from './stop-stack.ts'
import type { Supervisor } from './supervisor.ts'

type Parts = Pick<Supervisor, 'engine' | 'turns'>

/** Attempts that ended for the machine, by the names of their containers. */
type Ended = Readonly<Record<string, number>>

/**
 * Resolves when every container of every stack has ended: stacks beside each other, each in its
 * order and with its grace. A stack that cannot be stopped is told in the log.
 */
export async function stopForShutdown(places: Places, parts: Parts): Promise<void> {
  const names = (await parts.engine.stacks()).map(({ name }) => name)
  const observed = await Promise.all(names.map((name) => parts.engine.observe(name)))
  const containers = observed.flatMap((each) => each.containers)
  const up = containers.filter((each) => startsAtBoot(each))
  // Before any of them is stopped: from then on it looks like one that its user has stopped.
  remember(places, Object.fromEntries(up.map(({ name, attempt }) => [name, attempt])))
  await Promise.all(names.map((name) => stop(parts, name)))
}

/** Tells what {@link stopForShutdown} has stopped, unless it was started since. */
export function endedForShutdown(places: Places): (container: ObservedContainer) => boolean {
  const ended = readEnded(places)
  return ({ name, attempt }) => attempt > 0 && ended[name] === attempt
}

/** When it has come up again. */
export function forgetShutdown({ shutdown }: Places): void {
  rmSync(shutdown, { force: true })
}

async function stop({ engine, turns }: Parts, stack: string): Promise<void> {
  using _turn = await turnOf(turns, stack)
  try {
    const { outcomes } = await stopStack(engine, stack, { onEvent: () => {} })
    for (const outcome of outcomes) {
      if (outcome.kind === 'failed') say(`${outcome.action.id}: ${outcome.error.message}`)
    }
    if (outcomes.length > 0) say(`stopped stack "${stack}" before a shutdown`)
  } catch (error) {
    say(`Cannot stop stack "${stack}": ${String(error)}`)
  }
}

/** None when a command holds the stack: the machine does not wait for it. */
async function turnOf(turns: Parts['turns'], stack: string): Promise<Disposable | undefined> {
  const signal = AbortSignal.timeout(SHUTDOWN_TURN_MS_MAX)
  const holder = { command: 'shutdown', pid: process.pid }
  try {
    return await turns.take({ stack, holder, signal, onWait: () => {} })
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
}

function remember({ shutdown }: Places, ended: Ended): void {
  writeFileSync(`${shutdown}.new`, JSON.stringify(ended), { mode: 0o600, flush: true })
  renameSync(`${shutdown}.new`, shutdown)
}

function readEnded({ shutdown }: Places): Ended {
  try {
    const value: unknown = JSON.parse(readFileSync(shutdown, 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Ended) : {}
  } catch {
    // The power was cut, or there was no service manager that asked.
    return {}
  }
}
