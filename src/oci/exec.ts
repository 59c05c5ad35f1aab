/** Runs another program in a container that runs: `exec`. */

import { closeSync } from 'node:fs'
import {
  bundleExecProgram,
  findExecutable,
  launchFailure,
  listenToPipe,
  Undo,
} from '../engine/index.ts'
import { EngineError, UsageError } from '../errors.ts'
import {
  childEnd,
  close,
  closeCgroupJoin,
  describeFailure,
  detectCgroups,
  type Failure,
  type Fd,
  O,
  openIn,
  openPath,
  pidfdOpen,
  pidfdSendSignal,
  pipe,
  type Program,
  RLIMITS,
  spawn,
  waitForExit,
} from '../linux/index.ts'
import { ownerOf, ownStreams, withHome } from './assemble.ts'
import { readBundle, readProcess } from './bundle.ts'
import { handConsole, openTerminal, type Terminal } from './console.ts'
import { writePidFile } from './create.ts'
import { find, type Which } from './lifecycle.ts'
import { limitsOf, processParts } from './process.ts'
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
    const pid = await launch({ container, spec, process, options, temporary })
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

interface Launch {
  readonly container: Container
  readonly spec: RuntimeSpec
  readonly process: SpecProcess
  readonly options: ExecOptions
  /** Descriptors that nobody needs once the program runs. */
  readonly temporary: Undo
}

async function launch(given: Launch): Promise<number> {
  const { container, spec, options, temporary } = given
  const { pidfd, root } = openTarget(container, temporary)
  const process = withHome(given.process, root)
  const terminal = process.terminal === true ? openOwnTerminal(process, root, temporary) : undefined
  const streams = terminal ? [terminal.slave, terminal.slave, terminal.slave] : [0, 1, 2]
  ownStreams(streams, ownerOf({ ...spec, process }))
  const join = detectCgroups().open(container.cgroup).join()
  temporary.push(() => closeCgroupJoin(join))
  const reports = pipe()
  const passed = new Numbers(streams, {
    preserved: options.preserveFds ?? 0,
    report: reports.write,
  })
  const program = bundleExecProgram({
    ...processParts(process, spec),
    rlimits: limitsOf(process.rlimits).map(({ name, ...limit }) => ({
      resource: RLIMITS[name],
      ...limit,
    })),
    ...(process.oomScoreAdj === undefined ? {} : { oomScoreAdj: process.oomScoreAdj }),
    name: container.id,
    executable: findExecutable({
      rootFd: root,
      name: process.args?.[0] ?? '',
      env: process.env ?? [],
      cwd: process.cwd,
    }),
    init: false,
    ownedStreams: [],
    outlivesParent: true,
    descriptors: passed.numbers,
    namespaces: container.namespaces,
    pidfd: passed.pass(pidfd),
    tasks: join.tasks,
    ...(join.cloneInto === undefined ? {} : { cgroupFd: passed.pass(join.cloneInto) }),
  })
  const pid = await born(container, { program, passed, reports })
  if (terminal && options.consoleSocket !== undefined) handConsole(options.consoleSocket, terminal)
  return pid
}

/** Both refer to the container's own pid 1, whatever becomes of its pid. */
function openTarget(
  { pid = 0 }: Container,
  temporary: Undo,
): { readonly pidfd: Fd; readonly root: Fd } {
  const pidfd = pidfdOpen(pid)
  temporary.push(() => close(pidfd))
  const root = openPath(`/proc/${pid}/root`, O.DIRECTORY)
  temporary.push(() => close(root))
  pidfdSendSignal(pidfd, 0)
  return { pidfd, root }
}

/** Of the container's own devpts. */
function openOwnTerminal(process: SpecProcess, root: Fd, temporary: Undo): Terminal {
  const devpts = openIn(root, 'dev/pts', { flags: O.PATH | O.DIRECTORY })
  temporary.push(() => close(devpts))
  return openTerminal(devpts, process, temporary)
}

/** Numbers of the child: the caller's, then the report, then what does not outlive the start. */
class Numbers {
  readonly numbers: { readonly report: number; readonly firstClosed: number; firstPassed: number }
  readonly descriptors: Record<number, Fd> = {}
  #next: number

  constructor(streams: readonly Fd[], given: { readonly preserved: number; readonly report: Fd }) {
    for (const [number, fd] of streams.entries()) this.descriptors[number] = fd
    for (let number = 3; number < 3 + given.preserved; number += 1) {
      this.descriptors[number] = number
    }
    const report = 3 + given.preserved
    this.descriptors[report] = given.report
    this.numbers = { report, firstClosed: report, firstPassed: report + 1 }
    this.#next = report + 1
  }

  pass(fd: Fd): number {
    this.descriptors[this.#next] = fd
    return this.#next++
  }
}

/** Resolves with its pid once the program runs: by that its end of the reports is closed. */
async function born(
  { id }: Container,
  how: {
    readonly program: Program
    readonly passed: Numbers
    readonly reports: { readonly read: Fd; readonly write: Fd }
  },
): Promise<number> {
  const { program, passed, reports } = how
  const stage = spawn(program, {
    title: `tsstack-oci: exec ${id}`,
    descriptors: passed.descriptors,
    fallbackDirectory: '/run',
  })
  closeSync(reports.write)
  const ended = Promise.withResolvers<void>()
  let pid: number | undefined
  let failure: Failure | undefined
  listenToPipe(reports.read, {
    started: (number) => (pid = number),
    failed: (reported) => (failure = reported),
    exited: () => {},
    gone: () => ended.resolve(),
  })
  waitForExit(stage)
  await ended.promise
  if (failure) throw launchFailure(id, describeFailure(program.notes, failure))
  if (pid === undefined) {
    throw new EngineError('LAUNCH', `Cannot run a program in container "${id}": it was killed`)
  }
  return pid
}

function exitCodeOf(end: Awaited<ReturnType<typeof childEnd>>): number {
  if (end.kind === 'exited') return end.code
  return end.kind === 'signaled' ? 128 + end.signal : 1
}
