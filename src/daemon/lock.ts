/** One supervisor per state root: a lock that ends with its holder, however it ends. */

import { ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../errors.ts'
import { SUPERVISOR_POLL_MS, SUPERVISOR_START_MS_MAX } from '../limits.ts'
import { tryLock } from '../linux/index.ts'
import type { Places } from './places.ts'
import { shortSocketPath } from './socket-path.ts'

/**
 * Takes the lock for as long as this process lives; `held` when another supervisor has it and
 * answers. One that is just ending is waited for.
 * @throws {EngineError} SUPERVISOR when the holder neither answers nor ends.
 */
export async function takeLock(places: Places): Promise<'taken' | 'held'> {
  // Never closed: the kernel gives the lock back when the process is gone.
  const fd = openSync(places.lock, 'a+', 0o600)
  const end = performance.now() + SUPERVISOR_START_MS_MAX
  while (!tryLock(fd)) {
    if (await answers(places)) return 'held'
    if (performance.now() > end) throw stuck(places)
    await sleep(SUPERVISOR_POLL_MS)
  }
  ftruncateSync(fd)
  writeSync(fd, `${process.pid}\n`)
  return 'taken'
}

function answers({ socket }: Places): Promise<boolean> {
  return new Promise((resolve) => {
    const { path, release } = shortSocketPath(socket)
    const probe = connect({ path })
    const finish = (answer: boolean): void => {
      release()
      probe.destroy()
      resolve(answer)
    }
    probe.once('connect', () => finish(true))
    probe.once('error', () => finish(false))
  })
}

function stuck({ lock, log }: Places): EngineError {
  const pid = readFileSync(lock, 'utf8').trim()
  return new EngineError(
    'SUPERVISOR',
    `Cannot start the supervisor: process ${pid} holds "${lock}" and does not answer`,
    { hint: `wait: it may be ending still; "${log}" says what it did last` },
  )
}
