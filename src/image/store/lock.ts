/** Locks between processes that use one store: they end with their holder. */

import { closeSync, openSync, readdirSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../../errors.ts'
import { STORE_LOCK_MS_MAX, STORE_LOCK_POLL_MS } from '../../limits.ts'
import { tryLock } from '../../linux/index.ts'
import { type ImageStore, placeOf } from './places.ts'

export interface LockOptions {
  readonly kind?: 'exclusive' | 'shared'
  readonly signal?: AbortSignal | undefined
  /** Called once when somebody else has it. */
  readonly onWait?: () => void
}

/**
 * Waits for the lock `name`. Never used in the supervisor, which has no time to wait.
 * @throws {EngineError} STACK_BUSY after an hour
 */
export async function lock(
  store: ImageStore,
  name: string,
  { kind = 'exclusive', signal, onWait }: LockOptions = {},
): Promise<Disposable> {
  const fd = openSync(placeOf(store, 'locks', name), 'a', 0o600)
  try {
    const begun = performance.now()
    for (let isFirst = true; !tryLock(fd, kind); isFirst = false) {
      if (isFirst) onWait?.()
      if (performance.now() - begun > STORE_LOCK_MS_MAX) throw busy(name)
      await sleep(STORE_LOCK_POLL_MS, undefined, { signal })
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return { [Symbol.dispose]: () => closeSync(fd) }
}

/**
 * Held by whoever adds to the store: nothing that is not named yet may be collected meanwhile.
 * Whoever is alone throws away what a crash has left half made.
 */
export async function holdStore(store: ImageStore, signal?: AbortSignal): Promise<Disposable> {
  const fd = openSync(placeOf(store, 'locks', COLLECTION), 'a', 0o600)
  if (tryLock(fd)) removeDrafts(store)
  closeSync(fd)
  return lock(store, COLLECTION, { kind: 'shared', signal })
}

/** Held by whoever removes. */
export function lockCollection(store: ImageStore, options: LockOptions = {}): Promise<Disposable> {
  return lock(store, COLLECTION, options)
}

export function removeDrafts(store: ImageStore): void {
  for (const name of readdirSync(placeOf(store, 'drafts'))) {
    rmSync(placeOf(store, 'drafts', name), { recursive: true, force: true })
  }
}

const COLLECTION = 'collection'

function busy(name: string): EngineError {
  return new EngineError('STACK_BUSY', `Cannot go on: another process holds "${name}" for an hour`)
}
