/** The program that connects a user's network namespace with the outside: pasta or slirp4netns. */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { startTime } from '../../linux/index.ts'
import { programPath } from './facts.ts'

const run = promisify(execFile)

export interface Helper {
  readonly pid: number
  /** Answers names inside, as the host's own resolver would. */
  readonly resolver: string
}

/** An address that pasta takes questions at and nobody else has, as Podman's. */
const PASTA_RESOLVER = '169.254.1.1'
/** slirp4netns(1): its own, in 10.0.2.0/24. */
const SLIRP_RESOLVER = '10.0.2.3'

/**
 * Starts it for the namespaces of process `pid`; resolves once there is a way out. Undefined
 * without such a program, or when it fails: then containers have no outside. `warn` is told why.
 */
export async function startHelper(
  pid: number,
  directory: string,
  warn: (why: string) => void,
): Promise<Helper | undefined> {
  const [pasta, slirp] = [programPath('pasta'), programPath('slirp4netns')]
  try {
    if (pasta !== undefined) return await startPasta(pasta, pid, directory)
    if (slirp !== undefined) return await startSlirp(slirp, pid)
    warn('neither pasta nor slirp4netns is installed')
  } catch (error) {
    warn(error instanceof Error ? error.message.trim() : String(error))
  }
  return undefined
}

/** Kept while it runs, so that others know. */
export function writeHelper(directory: string, { pid }: Helper): void {
  const record = { pid, startTime: startTime(pid) }
  writeFileSync(join(directory, RECORD), JSON.stringify(record), { mode: 0o600 })
}

/**
 * True while it runs: it ends with the supervisor and its guardian, so one of them lives, and the
 * next supervisor is on its way.
 */
export function helperLives(directory: string): boolean {
  try {
    const text = readFileSync(join(directory, RECORD), 'utf8')
    const known = JSON.parse(text) as { readonly pid: number; readonly startTime: number }
    return startTime(known.pid) === known.startTime
  } catch {
    // There has never been one.
    return false
  }
}

const RECORD = 'helper.json'

/** It goes into the background when all is set up. Ports are ours to publish, not its. */
async function startPasta(pasta: string, pid: number, directory: string): Promise<Helper> {
  const pidFile = join(directory, 'pasta.pid')
  rmSync(pidFile, { force: true })
  const none = ['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none']
  const words = ['--config-net', '--quiet', '--no-map-gw', ...none]
  const dns = ['--dns-forward', PASTA_RESOLVER]
  await run(pasta, [...words, ...dns, '--pid', pidFile, String(pid)])
  return { pid: Number(readFileSync(pidFile, 'utf8')), resolver: PASTA_RESOLVER }
}

async function startSlirp(slirp: string, pid: number): Promise<Helper> {
  const words = ['--configure', '--mtu=65520', '--disable-host-loopback', '--ready-fd=3']
  const child = spawn(slirp, [...words, String(pid), 'tap0'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const ready = child.stdio[3] as Readable
  const [byte] = (await Promise.race([
    once(ready, 'data'),
    once(child, 'exit').then(() => [undefined]),
  ])) as [Buffer | undefined]
  ready.destroy()
  if (byte === undefined) throw new Error('slirp4netns has ended at once')
  child.unref()
  return { pid: child.pid ?? 0, resolver: SLIRP_RESOLVER }
}
