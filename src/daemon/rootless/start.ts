/** Starts the supervisor of an ordinary user: as root of namespaces that are the user's own. */

import { createReadStream, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { UsageError } from '../../errors.ts'
import {
  close,
  enterAsRoot,
  type Fd,
  messagePair,
  OUTSIDE_FD,
  outsideProgram,
  pidfdOpen,
  pipe,
  spawn,
} from '../../linux/index.ts'
import type { Places } from '../places.ts'
import { makePrivateDirectory } from '../private-directory.ts'
import { openLog, readReport, REPORT_FD, supervisorCommand } from '../start.ts'
import { readRootlessView, rootlessFacts } from './facts.ts'
import { helperLives, startHelper, writeHelper } from './helper.ts'
import { mapIds } from './ids.ts'
import { livingNamespaces } from './living.ts'

/** Of the supervisor, and of those that a guardian starts after it. */
const OUTSIDE_END_FD = 4

/**
 * Resolves when the supervisor answers. Its namespaces are new ones, or those of containers that
 * still run.
 * @throws {UsageError} NOT_ROOT with what is missing on this host.
 */
export async function startRootless(places: Places): Promise<'ready' | 'held'> {
  return (await beginRootless(places)).report
}

/** The same; with the supervisor's pid, which is a child of ours, when it is a new one. */
export async function beginRootless(
  places: Places,
  more: readonly string[] = [],
): Promise<{ readonly report: 'ready' | 'held'; readonly pid?: number }> {
  refuseIncomplete(places)
  if (helperLives(places.run)) return { report: 'held' }
  makePrivateDirectory(places.state)
  makePrivateDirectory(places.run)
  const log = openLog(places)
  const [inside, outside] = messagePair()
  const report = pipe()
  const nothing = openSync('/dev/null', 'r')
  const living = livingNamespaces(places)
  const { words, env } = supervisorCommand(places)
  const resolvConf = join(places.run, 'resolv.conf')
  let pid: number
  try {
    writeFileSync(resolvConf, textOf('/etc/resolv.conf'))
    pid = await enterAsRoot(
      {
        executable: process.execPath,
        args: [process.execPath, ...words, '--outside-fd', String(OUTSIDE_END_FD), ...more],
        env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        descriptors: {
          0: nothing,
          1: log,
          2: log,
          [REPORT_FD]: report.write,
          [OUTSIDE_END_FD]: inside,
        },
        title: `tsstack: rootless ${places.state}`,
        cover: { file: resolvConf, over: '/etc/resolv.conf' },
        ...(living === undefined ? {} : { join: living }),
      },
      (pid) => prepare(pid, { places, outside, resolvConf, isNew: living === undefined }),
    )
  } catch (error) {
    close(report.read)
    throw error
  } finally {
    const joined = living ? Object.values(living) : []
    for (const fd of [log, inside, outside, report.write, nothing, ...joined]) close(fd)
  }
  const said = await text(createReadStream('', { fd: report.read }))
  return { report: readReport(places, said), pid }
}

/** Throws for what nothing runs without; the rest is for `doctor`, and said when it is asked for. */
function refuseIncomplete({ run }: Places): void {
  const missing = rootlessFacts(readRootlessView()).find(({ state }) => state === 'missing')
  if (missing === undefined) return
  throw new UsageError(
    `Cannot start tsstack in "${run}" without root: ${missing.name}: ${missing.detail}`,
    { code: 'NOT_ROOT', hint: `${missing.hint ?? ''}; or run it with sudo` },
  )
}

/** From outside: who the users in there are, and a way out of there. */
async function prepare(
  pid: number,
  start: {
    readonly places: Places
    readonly outside: Fd
    readonly resolvConf: string
    readonly isNew: boolean
  },
): Promise<void> {
  const { places, outside, resolvConf, isNew } = start
  if (isNew) await mapIds(pid)
  const helper = await startHelper(pid, places.run, sayNoOutside)
  // In place: it is bound over the host's from the moment that the supervisor runs.
  if (helper) {
    writeHelper(places.run, helper)
    writeFileSync(resolvConf, resolverText(textOf(resolvConf), helper.resolver))
  }
  const held = helper === undefined ? undefined : pidfdOpen(helper.pid)
  const nothing = openSync('/dev/null', 'r')
  try {
    spawn(outsideProgram(), {
      title: `tsstack: outside of ${places.state}`,
      descriptors: {
        0: nothing,
        1: nothing,
        2: nothing,
        [OUTSIDE_FD.requests]: outside,
        ...(held === undefined ? {} : { [OUTSIDE_FD.helper]: held }),
      },
      fallbackDirectory: places.run,
    })
  } finally {
    close(nothing)
    if (held !== undefined) close(held)
  }
}

function sayNoOutside(why: string): void {
  process.stderr.write(`warning: containers reach nothing outside: ${why}\n`)
}

/** The host's own words, but for its resolvers, which may listen where we cannot reach them. */
function resolverText(host: string, resolver: string): string {
  const others = host.split('\n').filter((line) => !/^\s*nameserver\s/.test(line))
  return [`nameserver ${resolver}`, ...others].join('\n')
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // A host without resolvers.
    return ''
  }
}
