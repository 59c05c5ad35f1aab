/** Runs a program in namespaces of a container and waits for it, as hooks are run. */

import { readFileSync } from 'node:fs'
import { childEnd, type Fd, spawn, type WaitResult } from '../../linux/index.ts'
import { type JoinInput, joinProgram } from './bundle-join.ts'

export interface JoinedRun extends Omit<JoinInput, 'pidfd'> {
  readonly title: string
  /** Of the container's pid 1. */
  readonly pidfd: Fd
  readonly streams: { readonly input: Fd; readonly output: Fd }
  /** Seconds after which it is killed; absent: it may take its time. */
  readonly timeout: number | undefined
  readonly fallbackDirectory: string
}

const PIDFD = 3

export async function runJoined(
  run: JoinedRun,
): Promise<{ readonly end: WaitResult; readonly isLate: boolean }> {
  const { title, pidfd, streams, timeout, fallbackDirectory, ...input } = run
  const pid = spawn(joinProgram({ ...input, pidfd: PIDFD }), {
    title,
    descriptors: { 0: streams.input, 1: streams.output, 2: streams.output, [PIDFD]: pidfd },
    fallbackDirectory,
  })
  let isLate = false
  const kill = (): void => {
    isLate = true
    endTree(pid)
  }
  const timer = timeout === undefined ? undefined : setTimeout(kill, timeout * 1000)
  const end = await childEnd(pid)
  clearTimeout(timer)
  return { end, isLate }
}

/** Itself, when it has none. */
function lastChildOf(pid: number): number {
  const [child = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return child === '' ? pid : lastChildOf(Number(child))
}

/** The program is the only child of the one that we have spawned. */
function endTree(pid: number): void {
  try {
    for (const each of new Set([lastChildOf(pid), pid])) process.kill(each, 'SIGKILL')
  } catch (error) {
    // It has ended meanwhile: nothing is left to be killed.
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ENOENT' && code !== 'ESRCH') throw error
  }
}
