/** Waits until a cgroup file says something, woken by the kernel where it tells of changes. */

import { watch } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { CGROUP_POLL_MS_MAX, CGROUP_POLL_MS_MIN, CGROUP_WATCH_MS_MAX } from '../../limits.ts'

/**
 * Looks at `isTrue` whenever the kernel reports a change of `file`, and after 1, 2, 4 … ms: of two
 * changes within 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV) it tells the second one late, or not at all,
 * as of a program that ends as soon as it was started. False after `timeoutMs`.
 */
export async function waitUntil(
  isTrue: () => boolean,
  options: {
    readonly file?: string | undefined
    readonly timeoutMs: number
    /** When it settles, it is looked at once more. */
    readonly hint?: Promise<void> | undefined
  },
): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs
  const changes = options.file === undefined ? undefined : watchFile(options.file)
  changes?.heed(options.hint)
  try {
    for (let pauseMs = CGROUP_POLL_MS_MIN; !isTrue();) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return false
      if (changes) await changes.next(Math.min(leftMs, pauseMs))
      else await delay(Math.min(leftMs, pauseMs))
      pauseMs = Math.min(pauseMs * 2, changes ? CGROUP_WATCH_MS_MAX : CGROUP_POLL_MS_MAX)
    }
    return true
  } finally {
    changes?.close()
  }
}

interface Changes {
  /**
   * Resolves at the next change, at once when one came since the last call, or after `timeoutMs`.
   */
  next(timeoutMs: number): Promise<void>
  /** Takes the end of `hint` for a change. */
  heed(hint: Promise<void> | undefined): void
  close(): void
}

/** `undefined` when the file is gone or inotify is exhausted: the caller then looks by itself. */
function watchFile(file: string): Changes | undefined {
  let changed = false
  let wake: (() => void) | undefined
  const onChange = () => {
    changed = true
    wake?.()
  }
  try {
    const watcher = watch(file, onChange).on('error', onChange)
    return {
      async next(timeoutMs) {
        if (!changed) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, timeoutMs)
            wake = () => {
              clearTimeout(timer)
              resolve()
            }
          })
        }
        changed = false
      },
      heed: (hint) => void hint?.then(onChange, onChange),
      close: () => watcher.close(),
    }
  } catch {
    return undefined
  }
}
