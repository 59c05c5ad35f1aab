/** Keeps a guardian beside this supervisor, so that its death is mended without any command. */

import { openSync } from 'node:fs'
import { close, pidfdOpen, reapChildren, spawn, waitForExit } from '../linux/index.ts'
import { REVIVE_DELAY_MS_MAX, REVIVE_DELAY_MS_MIN, SUPERVISOR_STABLE_MS } from '../limits.ts'
import { GUARDIAN_FD, guardianProgram } from './guardian-program.ts'
import type { Places } from './places.ts'

export interface Guardian {
  /** This supervisor ends on purpose: nobody takes over. */
  dismiss(): void
}

/**
 * Starts a guardian. `revived`: how many supervisors in a row a guardian has started, the present
 * one included; the pause before the next grows with it, so that one that cannot live does not
 * take the machine with it. After ten seconds of life the count starts over.
 */
export function keepGuardian(places: Places, revived: number): Guardian {
  let pid = startGuardian(places, revived)
  let startedAt = performance.now()
  let isDismissed = false
  const onChildEnd = (): void => {
    if (isDismissed || reapChildren([pid]).length > 0) return
    // One that cannot live at all is not started again and again.
    if (performance.now() - startedAt < REVIVE_DELAY_MS_MIN) return
    replace(0)
  }
  const replace = (count: number): void => {
    pid = startGuardian(places, count)
    startedAt = performance.now()
  }
  process.on('SIGCHLD', onChildEnd)
  const stable = setTimeout(() => {
    if (revived === 0 || isDismissed) return
    end(pid)
    replace(0)
  }, SUPERVISOR_STABLE_MS).unref()
  return {
    dismiss: () => {
      isDismissed = true
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

function startGuardian(places: Places, revived: number): number {
  const supervisor = pidfdOpen(process.pid)
  const nothing = openSync('/dev/null', 'r')
  try {
    return spawn(guardianProgram(nextSupervisor(revived)), {
      title: `tsstack: guardian of ${places.state}`,
      descriptors: { 0: nothing, 1: 1, 2: 2, [GUARDIAN_FD.supervisor]: supervisor },
      fallbackDirectory: places.run,
    })
  } finally {
    close(supervisor)
    close(nothing)
  }
}

/** As this one was started, but for the pipe on which it reported to a command. */
function nextSupervisor(revived: number): Parameters<typeof guardianProgram>[0] {
  const [node = process.execPath, file = '', ...words] = process.argv
  const kept = withoutOption(withoutOption(words, '--report-fd'), '--revived')
  const args = [node, ...process.execArgv, file, ...kept, '--revived', String(revived + 1)]
  const env = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`)
  const delayMs = Math.min(REVIVE_DELAY_MS_MIN * 2 ** Math.min(revived, 20), REVIVE_DELAY_MS_MAX)
  return { delayMs, executable: process.execPath, args, env }
}

function withoutOption(words: readonly string[], name: string): readonly string[] {
  const at = words.indexOf(name)
  return at < 0 ? words : words.toSpliced(at, 2)
}
