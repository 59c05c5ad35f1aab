/** `tsstack daemon` of an ordinary user: starts the supervisor, and stays for a service manager. */

import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../../errors.ts'
import { SUPERVISOR_POLL_MS } from '../../limits.ts'
import { childEnd } from '../../linux/index.ts'
import { replaceSupervisor } from '../client.ts'
import type { Places } from '../places.ts'
import { beginRootless } from './start.ts'

/** Another supervisor lets go once running commands are done; what stayed outside ends after it. */
const TAKE_OVER_MS_MAX = 60_000

/**
 * Resolves when the supervisor has ended as it was told to; SIGTERM and SIGINT are passed on to it.
 * Throws SUPERVISOR when it ends otherwise, or when another one holds its place for long.
 */
export async function stayRootless(places: Places): Promise<void> {
  const told = Promise.withResolvers<'SIGTERM' | 'SIGINT'>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => told.resolve(signal))
  }
  const pid = await takeOver(places)
  void told.promise.then((signal) => process.kill(pid, signal))
  const end = await childEnd(pid)
  if (end.kind === 'exited' && end.code === 0) return
  throw new EngineError('SUPERVISOR', 'Cannot go on supervising: the supervisor was ended', {
    hint: `its last words may be in "${places.log}"`,
  })
}

async function takeOver(places: Places): Promise<number> {
  const since = performance.now()
  while (performance.now() - since < TAKE_OVER_MS_MAX) {
    await replaceSupervisor({ places, command: 'tsstack daemon' })
    const { report, pid } = await beginRootless(places, ['--stay'])
    if (report === 'ready' && pid !== undefined) return pid
    await sleep(SUPERVISOR_POLL_MS)
  }
  throw new EngineError('SUPERVISOR', `Cannot supervise "${places.state}": another one does`, {
    hint: 'see which: tsstack info',
  })
}
