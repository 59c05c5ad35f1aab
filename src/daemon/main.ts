/**
 * Entry of the supervisor process: `daemon.js --state DIRECTORY --run DIRECTORY [--report-fd 3]
 * [--stay] [--revived N --failed M]`.
 */

import { closeSync, renameSync, statSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { EngineError } from '../errors.ts'
import { SUPERVISOR_LOG_BYTES_MAX, TAKE_OVERS_MAX } from '../limits.ts'
import { type Busy, replaceSupervisor } from './client.ts'
import { placesIn } from './places.ts'
import type { Places } from './places.ts'
import { runSupervisor } from './run.ts'
import { say, sayError } from './say.ts'
import type { StartReport } from './start.ts'
import { toWire } from './wire-error.ts'

const { values } = parseArgs({
  options: {
    state: { type: 'string' },
    run: { type: 'string' },
    'report-fd': { type: 'string' },
    'outside-fd': { type: 'string' },
    stay: { type: 'boolean' },
    revived: { type: 'string' },
    failed: { type: 'string' },
  },
})
let reportFd = values['report-fd'] === undefined ? undefined : Number(values['report-fd'])

await main(placesIn({ state: values.state ?? '', run: values.run ?? '' }))

async function main(places: Places): Promise<void> {
  process.title = `tsstack supervisor ${places.state}`
  try {
    rotateLog(places)
    if (values.revived !== undefined) sayRevived()
    const end = values.stay === true ? await stay(places) : await supervise(places)
    if (end === 'held' && values.stay === true) throw alreadySupervised(places)
    if (end === 'held') report({ kind: 'held' })
    process.exit(0)
  } catch (error) {
    sayError(error)
    report({ kind: 'error', error: toWire(error) })
    process.exit(1)
  }
}

function supervise(places: Places): Promise<'ended' | 'held'> {
  return runSupervisor({
    places,
    stay: values.stay ?? false,
    outside: values['outside-fd'] === undefined ? undefined : Number(values['outside-fd']),
    past: { revived: Number(values.revived ?? 0), failed: Number(values.failed ?? 0) },
    onReady: () => report({ kind: 'ready' }),
  })
}

/** In the place of one that a command has started; the next command may have been quicker again. */
async function stay(places: Places): Promise<'ended' | 'held'> {
  for (let tries = 0; tries < TAKE_OVERS_MAX; tries += 1) {
    await replaceSupervisor({ places, command: 'tsstack daemon', onBusy: sayBusy })
    if ((await supervise(places)) === 'ended') return 'ended'
  }
  return 'held'
}

/**
 * To the command that started us, once: see `start.ts`. Closed at once, so that nothing inherits
 * it.
 */
function report(message: StartReport): void {
  if (reportFd === undefined) return
  try {
    writeSync(reportFd, JSON.stringify(message))
    closeSync(reportFd)
  } catch {
    // Whoever started us has gone.
  }
  reportFd = undefined
}

/** Our own output goes on into the renamed file until the next start: small, and never lost. */
function rotateLog({ log }: Places): void {
  const stat = statSync(log, { throwIfNoEntry: false })
  if (stat !== undefined && stat.size > SUPERVISOR_LOG_BYTES_MAX) renameSync(log, `${log}.1`)
}

function sayRevived(): void {
  say(`a supervisor has ended without a word: pid ${process.pid} takes over`)
}

/** Into the journal. */
function sayBusy({ pid }: { readonly pid: number }, { holder, stack }: Busy): void {
  const who = `${holder.command} (pid ${holder.pid}) is changing stack "${stack}" there`
  say(`waiting for supervisor ${pid}: ${who}`)
}

function alreadySupervised({ state }: Places): EngineError {
  return new EngineError('SUPERVISOR', `Cannot supervise "${state}": another one does already`, {
    hint: 'tsstack info says which',
  })
}
