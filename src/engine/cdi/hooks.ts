/**
 * Runs the hooks of CDI devices: programs of the host's that change a container's files, as making
 * links to a driver's libraries, before its program runs.
 */

import {
  closeSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { EngineError, isErrno } from '../../errors.ts'
import {
  CLONE_NEW,
  close,
  effectiveCapabilities,
  type Fd,
  pidfdOpen,
  pipe,
  type WaitResult,
} from '../../linux/index.ts'
import { runJoined } from '../container/run-joined.ts'
import { OCI_VERSION } from '../container/oci.ts'
import type { CdiHook } from './registry.ts'

/** Those that are run, all when everything is mounted and the program is not there yet. */
export const HOOK_NAMES: readonly string[] = ['prestart', 'createRuntime', 'createContainer']

/** Where a child waits while hooks change its files; see child-mounts.ts. */
export interface Gate {
  /** Ends of the child's: it writes a byte when it is there, and reads one to go on. */
  readonly child: { readonly ready: Fd; readonly go: Fd }
  /** Throws LAUNCH for the first that fails. */
  pass(hooks: readonly CdiHook[], how: HookRun): Promise<void>
  /** A child that waits still ends. */
  close(): void
}

export interface HookRun {
  readonly container: string
  /** Of the attempt's; the bundle is made in it. */
  readonly directory: string
  /** Where the container's root is, in the mount namespace of its child. */
  readonly root: string
  readonly hostname: string
  readonly monitor: number
  /** Id of the host that is root in there; absent: ours. */
  readonly owner?: number | undefined
}

export function openGate(): Gate {
  const [ready, go] = [pipe(), pipe()]
  const open = new Set([ready.read, ready.write, go.read, go.write])
  const closeAll = (): void => {
    for (const fd of open) close(fd)
    open.clear()
  }
  return {
    child: { ready: ready.write, go: go.read },
    close: closeAll,
    async pass(hooks, how) {
      // The child has its own, whose end is to be seen.
      for (const fd of [ready.write, go.read]) {
        open.delete(fd)
        close(fd)
      }
      open.delete(ready.read)
      // Why a child that is gone has failed, it has said itself.
      if (!(await hasByte(ready.read))) return
      await runAll(hooks, how)
      sendOn(go.write)
    },
  }
}

/** One that was killed meanwhile needs no word: its end is told by its monitor. */
function sendOn(fd: Fd): void {
  try {
    writeSync(fd, '\n')
  } catch (error) {
    if (!isErrno(error, 'EPIPE')) throw error
  }
}

/** False when nobody can write any longer. */
function hasByte(fd: Fd): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = new Socket({ fd, readable: true, writable: false })
  socket.once('data', () => resolve(true))
  socket.once('error', () => resolve(false))
  socket.once('close', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

/** What the specification of OCI says a hook finds: its state as input, by it the bundle. */
async function runAll(hooks: readonly CdiHook[], how: HookRun): Promise<void> {
  const pid = containerOf(how.monitor)
  const { container: id, directory: bundle, root, hostname } = how
  const config = { ociVersion: OCI_VERSION, root: { path: root }, hostname }
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config), { mode: 0o600 })
  const state = { ociVersion: OCI_VERSION, id, status: 'creating', pid, bundle, annotations: {} }
  writeFileSync(join(bundle, 'hook-state.json'), JSON.stringify(state), { mode: 0o600 })
  const pidfd = pidfdOpen(pid)
  try {
    const inOrder = HOOK_NAMES.flatMap((name) => hooks.filter(({ hookName }) => hookName === name))
    for (const hook of inOrder) await run(hook, { ...how, pidfd })
  } finally {
    close(pidfd)
  }
}

/**
 * The monitor's child with mounts of its own: where it has other users, there is another one
 * beside it.
 */
function containerOf(monitor: number): number {
  const own = mountsOf(monitor)
  const children = readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'utf8').trim()
  return Number(children.split(' ').find((pid) => mountsOf(Number(pid)) !== own))
}

function mountsOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/mnt`)
}

/** Seconds for one that says nothing of its own: a cache of libraries takes a second or two. */
const TIMEOUT_S_DEFAULT = 60
const OUTPUT_BYTES_MAX = 4096

async function run(
  { hookName, path, args = [], env = [], timeout = TIMEOUT_S_DEFAULT }: CdiHook,
  { container, directory, owner, pidfd }: HookRun & { readonly pidfd: Fd },
): Promise<void> {
  const input = openSync(join(directory, 'hook-state.json'), 'r')
  const output = openSync(join(directory, 'hook-output'), 'w+', 0o600)
  try {
    const { end, isLate } = await runJoined({
      title: `tsstack: hook ${container}`,
      pidfd,
      // Not that of its users: the bundle is for root of the host alone to read.
      namespaces: CLONE_NEW.mnt,
      ...(owner === undefined
        ? {}
        : { owner: { id: owner, capabilities: effectiveCapabilities() } }),
      path,
      args: args.length === 0 ? [path] : args,
      env,
      streams: { input, output },
      timeout,
      fallbackDirectory: directory,
    })
    if (end.kind === 'exited' && end.code === 0) return
    const why = isLate ? `it took longer than ${timeout} s` : whyOf(end)
    const message = `Cannot give its CDI devices to "${container}": ${hookName} hook`
    throw new EngineError('LAUNCH', `${message} "${path}" failed: ${why}`, {
      hint: wordsIn(output),
    })
  } finally {
    closeSync(input)
    closeSync(output)
  }
}

function whyOf(end: WaitResult): string {
  if (end.kind !== 'exited') return 'it was ended by a signal'
  return end.code === 127 ? 'it cannot be executed' : `exit status ${end.code}`
}

function wordsIn(output: Fd): string | undefined {
  const bytes = Buffer.alloc(OUTPUT_BYTES_MAX)
  const text = bytes.toString('utf8', 0, readSync(output, bytes, 0, bytes.length, 0)).trim()
  return text === '' ? undefined : text
}
