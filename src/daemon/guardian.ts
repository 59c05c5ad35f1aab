/** Keeps a guardian beside this supervisor, so that its death is mended without any command. */

import { openSync } from 'node:fs'
import { close, pidfdOpen, reapChildren, spawn, waitForExit } from '../linux/index.ts'
import {
  REVIVALS_AT_ONCE_MAX,
  REVIVE_DELAY_MS_MAX,
  REVIVE_DELAY_MS_MIN,
  SUPERVISOR_STABLE_MS,
} from '../limits.ts'
import { GUARDIAN_FD, guardianProgram } from './guardian-program.ts'
import type { Places } from './places.ts'

export interface Guardian {
  /** This supervisor has adopted everything and serves clients. */
  ready(): void
  /** It ends on purpose: nobody takes over. */
  dismiss(): void
}

/** How supervisors have fared before this one; kept in the words they are started with. */
export interface Revivals {
  /** Supervisors in a row that a guardian has started and that did not live for ten seconds. */
  readonly revived: number
  /** Those of them, in a row, that died before they were ready. */
  readonly failed: number
}

/**
 * Starts a guardian. The pause before the next supervisor grows with those that failed before they
 * were ready, and with a hundred that were killed soon after: so that one that cannot live does not
 * take the machine with it. After ten seconds of life the count starts over.
 */
export function keepGuardian(
  places: Places,
  past: Revivals,
  { outside, isReady }: { readonly outside: number | undefined; readonly isReady: boolean },
): Guardian {
  const failed = isReady ? 0 : past.failed + 1
  let next: Revivals = { revived: past.revived + 1, failed }
  let pid = startGuardian(places, next, outside)
  let startedAt = performance.now()
  const restart = (): void => {
    pid = startGuardian(places, next, outside)
    startedAt = performance.now()
  }
  const expect = (revivals: Revivals): void => {
    next = revivals
    end(pid)
    restart()
  }
  const onChildEnd = (): void => {
    if (reapChildren([pid]).length > 0) return
    // One that cannot live at all is not started again and again.
    if (performance.now() - startedAt >= REVIVE_DELAY_MS_MIN) restart()
  }
  process.on('SIGCHLD', onChildEnd)
  const stable = setTimeout(() => {
    if (next.revived > 1) expect({ revived: 1, failed: 0 })
  }, SUPERVISOR_STABLE_MS).unref()
  return {
    ready: () => expect({ revived: past.revived + 1, failed: 0 }),
    dismiss: () => {
      clearTimeout(stable)
      process.off('SIGCHLD', onChildEnd)
      end(pid)
    },
  }
}

/**
 * It is our child and not yet reaped, or `reapChildren` would have told: the pid is its own. It is
 * waited for, as it lives in the control group that we remove.
 */
function end(pid: number): void {
  if (reapChildren([pid]).length === 0) return
  process.kill(pid, 'SIGKILL')
  waitForExit(pid)
}

function startGuardian(places: Places, next: Revivals, outside: number | undefined): number {
  const supervisor = pidfdOpen(process.pid)
  const nothing = openSync('/dev/null', 'r')
  try {
    return spawn(guardianProgram(nextSupervisor(next)), {
      title: `tsstack: guardian of ${places.state}`,
      descriptors: {
        0: nothing,
        1: 1,
        2: 2,
        [GUARDIAN_FD.supervisor]: supervisor,
        ...(outside === undefined ? {} : { [outside]: outside }),
      },
      fallbackDirectory: places.run,
    })
  } finally {
    close(supervisor)
    close(nothing)
  }
}

/** As this one was started, but for the pipe on which it reported to a command. */
function nextSupervisor({ revived, failed }: Revivals): Parameters<typeof guardianProgram>[0] {
  const [node = process.execPath, file = '', ...words] = process.argv
  const changed = ['--report-fd', '--revived', '--failed']
  const kept = changed.reduce(withoutOption, words)
  const past = ['--revived', String(revived), '--failed', String(failed)]
  const args = [node, ...process.execArgv, file, ...kept, ...past]
  const env = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`)
  return { delayMs: reviveDelayMs({ revived, failed }), executable: process.execPath, args, env }
}

/** Milliseconds before the next supervisor is started, after `failed` that were never ready. */
export function reviveDelayMs({ revived, failed }: Revivals): number {
  const doublings = Math.max(0, failed - 1, revived - REVIVALS_AT_ONCE_MAX)
  return Math.min(REVIVE_DELAY_MS_MIN * 2 ** Math.min(doublings, 20), REVIVE_DELAY_MS_MAX)
}

function withoutOption(words: readonly string[], name: string): string[] {
  const at = words.indexOf(name)
  return at < 0 ? [...words] : words.toSpliced(at, 2)
}
