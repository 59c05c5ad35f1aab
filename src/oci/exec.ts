/** Runs another program in a container that runs: `exec`. */

import { Undo } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import { childEnd, detectCgroups } from '../linux/index.ts'
import { readBundle, readProcess } from './bundle.ts'
import { writePidFile } from './create.ts'
import { startJoined } from './joined.ts'
import { find, type Which } from './lifecycle.ts'
import type { RuntimeSpec, SpecProcess } from './spec.ts'
import type { Container } from './store.ts'

export interface ExecOptions {
  /** A file with a process as config.json has it. */
  readonly process?: string
  /** Else this over the container's own process. */
  readonly change: ProcessChange
  readonly detach: boolean
  readonly ignorePaused: boolean
  readonly pidFile?: string
  readonly consoleSocket?: string
  readonly preserveFds?: number
}

export interface ProcessChange {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd?: string
  readonly user?: { readonly uid: number; readonly gid?: number }
  readonly additionalGids: readonly number[]
  readonly capabilities: readonly string[]
  readonly terminal: boolean
  readonly noNewPrivileges?: boolean
  readonly apparmor?: string
}

/** Resolves with the exit status, or with 0 once the program runs, when it is detached. */
export async function execInContainer(which: Which, options: ExecOptions): Promise<number> {
  const { container, status } = find(which)
  if (status !== 'running' && status !== 'created') {
    throw new UsageError(`Cannot run a program in container "${container.id}": it is ${status}`)
  }
  refusePaused(container, options)
  const { spec } = await readBundle(container.bundle)
  const process = await processOf(spec, options)
  refuseTerminal(process, options)
  const temporary = new Undo()
  try {
    const { consoleSocket, preserveFds } = options
    const pid = await startJoined({
      container,
      spec,
      process,
      temporary,
      ...(consoleSocket === undefined ? {} : { consoleSocket }),
      ...(preserveFds === undefined ? {} : { preserveFds }),
    })
    await temporary.run()
    if (options.pidFile !== undefined) writePidFile(options.pidFile, pid)
    return options.detach ? 0 : exitCodeOf(await childEnd(pid))
  } finally {
    await temporary.run()
  }
}

function refusePaused({ id, cgroup }: Container, { ignorePaused }: ExecOptions): void {
  if (ignorePaused || !detectCgroups().open(cgroup).isFrozen()) return
  throw new UsageError(`Cannot run a program in container "${id}": it is paused; resume it first`)
}

async function processOf(spec: RuntimeSpec, options: ExecOptions): Promise<SpecProcess> {
  if (options.process !== undefined) return readProcess(options.process)
  return changed(spec.process ?? { cwd: '/' }, options.change)
}

/** As runc: what is given by words is over what the container's own process has. */
function changed(process: SpecProcess, change: ProcessChange): SpecProcess {
  const { capabilities: sets = {}, user = {} } = process
  const { capabilities: more, noNewPrivileges, apparmor } = change
  const added = (set: readonly string[] = []) => [...new Set([...set, ...more])]
  return {
    ...process,
    terminal: change.terminal,
    args: change.args,
    env: [...(process.env ?? []), ...change.env],
    cwd: change.cwd ?? process.cwd,
    user: {
      ...user,
      ...change.user,
      additionalGids: [...(user.additionalGids ?? []), ...change.additionalGids],
    },
    ...(more.length === 0
      ? {}
      : {
          capabilities: {
            ...sets,
            bounding: added(sets.bounding),
            effective: added(sets.effective),
            permitted: added(sets.permitted),
          },
        }),
    ...(noNewPrivileges === undefined ? {} : { noNewPrivileges }),
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
  }
}

function refuseTerminal({ terminal }: SpecProcess, { consoleSocket }: ExecOptions): void {
  if ((terminal === true) === (consoleSocket !== undefined)) return
  throw new UsageError(
    terminal === true
      ? 'Cannot run a program at a terminal: give --console-socket, where it is handed to'
      : 'Cannot hand a terminal to --console-socket: the process asks for none; give --tty',
  )
}

function exitCodeOf(end: Awaited<ReturnType<typeof childEnd>>): number {
  if (end.kind === 'exited') return end.code
  return end.kind === 'signaled' ? 128 + end.signal : 1
}
