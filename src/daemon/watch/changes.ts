/** Waits until files differ from what was read of them, and are whole again. */

import { closeSync, constants, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { watch } from 'chokidar'
import type { FSWatcher } from 'chokidar'
import { Bell, onAbort } from '../../engine/index.ts'
import { WATCH_QUIET_MS, WATCH_WAIT_MS_MAX } from '../../limits.ts'
import { isOpenForWriting } from '../../linux/index.ts'
import { fingerprint } from './fingerprint.ts'
import type { Seen } from './fingerprint.ts'
import { placesToWatch } from './places.ts'
import { sayError } from '../say.ts'

export interface Awaited {
  readonly seen: Seen
  /** Folder of the project. */
  readonly base: string
  /** Ends the wait. */
  readonly signal: AbortSignal
}

/**
 * Resolves with the paths of `seen` that differ, after a pause in which nothing more happened; with
 * none when `signal` is aborted. A file that a program still has open for writing is waited for.
 */
export async function nextChange({ seen, base, signal }: Awaited): Promise<readonly string[]> {
  const paths = [...seen.keys()]
  const bell = new Bell()
  const ring = (): void => bell.ring()
  signal.addEventListener('abort', ring)
  await using lookout = new Lookout(ring, signal)
  try {
    while (!signal.aborted) {
      // What happens between the reading, the watching and this look is found by the look.
      while (await lookout.watch(placesToWatch(paths, base))) continue
      if (changedOf(seen).length > 0) {
        await untilQuiet(paths, signal)
        const changed = changedOf(seen)
        // A file that is again as it was read has not changed.
        if (changed.length > 0) return signal.aborted ? [] : changed
      }
      await bell.rung()
    }
    return []
  } finally {
    signal.removeEventListener('abort', ring)
  }
}

/** Watches the places that it was last given: folders that come bring others with them. */
class Lookout implements AsyncDisposable {
  readonly #ring: () => void
  readonly #signal: AbortSignal
  #places = ''
  #watcher: FSWatcher | undefined

  constructor(ring: () => void, signal: AbortSignal) {
    this.#ring = ring
    this.#signal = signal
  }

  /** False when they are watched already. */
  async watch(places: readonly string[]): Promise<boolean> {
    if (places.join('\0') === this.#places) return false
    this.#places = places.join('\0')
    await this.#watcher?.close()
    this.#watcher = watchPlaces(places, this.#ring)
    await untilReady(this.#watcher, this.#signal)
    return !this.#signal.aborted
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher?.close()
  }
}

function changedOf(seen: Seen): readonly string[] {
  return [...seen].filter(([path, before]) => fingerprint(path) !== before).map(([path]) => path)
}

function watchPlaces(places: readonly string[], ring: () => void): FSWatcher {
  const wanted = new Set(places)
  const watcher = watch([...places], {
    ignoreInitial: true,
    // A link is a place of its own, and so is what it leads to.
    followSymlinks: false,
    depth: 0,
    // Pauses are our own affair: see untilQuiet().
    atomic: false,
    ignorePermissionErrors: true,
    ignored: (path) => !wanted.has(path),
  })
  watcher.on('all', ring)
  // Without inotify watches the next look comes with the next change of another file.
  watcher.on('error', (error) => sayError(error))
  return watcher
}

async function untilReady(watcher: FSWatcher, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  watcher.once('ready', resolve)
  using _ending = onAbort(signal, resolve)
  await promise
}

/** A pause without a change and without a writer, at most {@link WATCH_WAIT_MS_MAX} later. */
async function untilQuiet(paths: readonly string[], signal: AbortSignal): Promise<void> {
  const end = performance.now() + WATCH_WAIT_MS_MAX
  do {
    const before = paths.map(fingerprint).join()
    await sleep(WATCH_QUIET_MS, undefined, { signal }).catch(() => undefined)
    if (paths.map(fingerprint).join() === before && !paths.some(isBeingWritten)) return
  } while (performance.now() < end && !signal.aborted)
}

function isBeingWritten(path: string): boolean {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return isOpenForWriting(fd)
    } finally {
      closeSync(fd)
    }
  } catch {
    return false
  }
}
