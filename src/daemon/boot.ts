/** After a reboot: the stacks that were up come up again, each in its order. */

import { readFileSync, writeFileSync } from 'node:fs'
import { bootId } from '../linux/index.ts'
import { type ObservedContainer, startsAtBoot } from '../planner/index.ts'
import type { Places } from './places.ts'
import { say } from './say.ts'
import { endedForShutdown, forgetShutdown } from './shutdown.ts'
import type { Supervisor } from './supervisor.ts'

/**
 * Brings up what ran before the machine went down, once for each boot; stacks do not wait for each
 * other. Nothing is replaced: what changed in files meanwhile is for `up`.
 */
export async function bringUpAtBoot(
  places: Places,
  supervisor: Pick<Supervisor, 'engine' | 'turns'>,
): Promise<void> {
  const boot = bootId()
  if (readBoot(places) === boot) return
  const stacks = await supervisor.engine.stacks()
  const wasEnded = endedForShutdown(places)
  const wanted = (each: ObservedContainer): boolean => startsAtBoot(each) || wasEnded(each)
  await Promise.all(stacks.map(({ name }) => bringUp(supervisor, name, wanted)))
  // Not before: one that dies in between is followed by one that goes on.
  writeFileSync(places.boot, `${boot}\n`, { mode: 0o600 })
  forgetShutdown(places)
}

async function bringUp(
  { engine, turns }: Pick<Supervisor, 'engine' | 'turns'>,
  stack: string,
  wanted: (container: ObservedContainer) => boolean,
): Promise<void> {
  const desired = engine.desired(stack)
  if (desired === undefined) return
  const known = new Set(desired.containers.map(({ service }) => service))
  const { containers } = await engine.observe(stack)
  const services = new Set(
    containers.filter((each) => wanted(each) && known.has(each.service)).map(serviceOf),
  )
  if (services.size === 0) return
  say(`bringing up stack "${stack}" after a reboot: ${[...services].join(', ')}`)
  using _turn = await turns.take({
    stack,
    holder: { command: 'tsstack daemon', pid: process.pid },
    signal: new AbortController().signal,
    onWait: () => undefined,
  })
  const options = { services: [...services], noRecreate: true }
  const { outcomes } = await engine.apply(stack, desired, options)
  for (const outcome of outcomes) {
    if (outcome.kind === 'failed') say(`${outcome.action.id}: ${outcome.error.message}`)
  }
}

const serviceOf = ({ service }: { readonly service: string }): string => service

function readBoot({ boot }: Places): string | undefined {
  try {
    return readFileSync(boot, 'utf8').trim()
  } catch {
    // There was none before.
    return undefined
  }
}
