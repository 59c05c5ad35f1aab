/** Starts the supervisor of a state root, from the command line. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { EngineError, errorText } from '../errors.ts'
import type { Places } from './places.ts'
import { makePrivateDirectory } from './private-directory.ts'
import type { WireError } from './protocol.ts'
import { codeCacheDirectory } from './tidy-code-cache.ts'
import { RemoteError } from './wire-error.ts'

/** What a new supervisor says once, through descriptor 3, before it closes it. */
export type StartReport =
  | { readonly kind: 'ready' }
  /** Another supervisor has the lock, and answers. */
  | { readonly kind: 'held' }
  | { readonly kind: 'error'; readonly error: WireError }

export const REPORT_FD = 3
/**
 * A nursery of 4 MiB instead of 16: less resident while a stack is made, and a quarter of the
 * collections that 1 MiB needs. What a change has needed is given back after it: tidy-memory.ts.
 */
const FLAGS = ['--max-semi-space-size=4']
const O_CLOEXEC = 0o2000000 // include/uapi/asm-generic/fcntl.h
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Resolves when the supervisor answers, or when another one was first.
 * @throws {RemoteError} with the reason that the supervisor gave.
 * @throws {EngineError} SUPERVISOR when there is no process for it.
 */
export async function startSupervisor(places: Places): Promise<'ready' | 'held'> {
  const child = spawnSupervisor(places)
  const { promise: failed, reject } = Promise.withResolvers<never>()
  child.once('error', (cause) => reject(unstartable(cause)))
  try {
    const said = text(child.stdio[REPORT_FD] as Readable)
    return readReport(places, await Promise.race([said, failed]))
  } finally {
    child.unref()
  }
}

/** What a supervisor of `places` has said of its start. Throws its reason, or that it said none. */
export function readReport(places: Places, said: string): 'ready' | 'held' {
  const report = parseReport(said)
  if (report === undefined) throw silent(places)
  if (report.kind === 'error') throw new RemoteError(report.error)
  return report.kind
}

/** What a supervisor is started with: the words after node's path, and its environment. */
export function supervisorCommand(places: Places): {
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string>>
} {
  const where = ['--state', places.state, '--run', places.run]
  const words = [...FLAGS, supervisorFile(), ...where, '--report-fd', String(REPORT_FD)]
  return { words, env: cleanEnvironment() }
}

function spawnSupervisor(places: Places): ChildProcess {
  const log = openLog(places)
  try {
    const { words, env } = supervisorCommand(places)
    return spawn(process.execPath, words, {
      cwd: '/',
      env,
      // A session of its own: it outlives the terminal, and gets none of its signals.
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
    })
  } finally {
    closeSync(log)
  }
}

/** Beside this file: `daemon.js` when built, `main.ts` in the source tree. */
export function supervisorFile(): string {
  const name = import.meta.url.endsWith('.ts') ? './main.ts' : './daemon.js'
  return fileURLToPath(new URL(name, import.meta.url))
}

/** Nothing of the caller's but what is ours; NODE_OPTIONS or LD_PRELOAD least of all. */
function cleanEnvironment(): Record<string, string> {
  const own = Object.entries(process.env).filter(([name]) => name.startsWith('TSSTACK_'))
  const cache = codeCacheDirectory()
  return {
    PATH,
    HOME: '/',
    LANG: 'C.UTF-8',
    // One heap of C for all threads: 4 MB less resident, and none of them needs much of it.
    MALLOC_ARENA_MAX: '1',
    ...(cache !== undefined && { NODE_COMPILE_CACHE: join(cache, 'supervisor') }),
    ...(Object.fromEntries(own) as Record<string, string>),
  }
}

export function openLog({ state, log }: Places): number {
  makePrivateDirectory(state)
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT
  try {
    return openSync(log, flags | constants.O_NOFOLLOW | O_CLOEXEC, 0o600)
  } catch (cause) {
    const seen = errorText(cause)
    throw new EngineError('STATE_DIRECTORY', `Cannot write to "${log}": ${seen}`, {
      hint: 'make its file system writable, or choose another place with TSSTACK_ROOT',
      cause,
    })
  }
}

function parseReport(line: string): StartReport | undefined {
  try {
    return JSON.parse(line) as StartReport
  } catch {
    return undefined
  }
}

function unstartable(cause: Error): EngineError {
  return new EngineError('SUPERVISOR', `Cannot start the supervisor: ${cause.message}`, {
    hint: `"${process.execPath}" has to be there, and room for one more process: ulimit -u`,
    cause,
  })
}

function silent({ log }: Places): EngineError {
  return new EngineError('SUPERVISOR', 'Cannot start the supervisor: it ended without a word', {
    hint: `its last words may be in "${log}"`,
  })
}
