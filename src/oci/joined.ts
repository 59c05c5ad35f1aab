/** Starts a program in a container that there is, confined as its own process is. */

import { closeSync } from 'node:fs'
import {
  bundleExecProgram,
  findExecutable,
  launchFailure,
  listenToPipe,
  type Undo,
} from '../engine/index.ts'
import { EngineError, isErrno, UsageError } from '../errors.ts'
import {
  close,
  closeCgroupJoin,
  describeFailure,
  detectCgroups,
  type Failure,
  type Fd,
  O,
  openIn,
  openPath,
  pidfdSendSignal,
  pipe,
  type Program,
  RLIMITS,
  spawn,
  waitForExit,
} from '../linux/index.ts'
import { ownerOf, ownStreams, withHome } from './assemble.ts'
import { handConsole, openTerminal, type Terminal } from './console.ts'
import { hasEnded, openInit } from './lifecycle.ts'
import { limitsOf, processParts } from './process.ts'
import type { RuntimeSpec, SpecProcess } from './spec.ts'
import type { Container } from './store.ts'

export interface Joined {
  readonly container: Container
  readonly spec: RuntimeSpec
  readonly process: SpecProcess
  readonly consoleSocket?: string
  readonly preserveFds?: number
  /** Its program, when the first argument does not name it. */
  readonly path?: string
  /** Default: the caller's. */
  readonly streams?: readonly [Fd, Fd, Fd]
  /** Descriptors that nobody needs once the program runs. */
  readonly temporary: Undo
}

/** Resolves with its pid once it has executed its program; it is a child of ours. */
export async function startJoined(given: Joined): Promise<number> {
  const { container, spec, temporary } = given
  const { pidfd, root } = openTarget(container, temporary)
  const process = withHome(given.process, root)
  const terminal = process.terminal === true ? openOwnTerminal(process, root, temporary) : undefined
  const streams = streamsOf(given, terminal)
  ownStreams(streams, ownerOf({ ...spec, process }))
  const join = detectCgroups().open(container.cgroup).join({ inSight: true })
  temporary.push(() => closeCgroupJoin(join))
  const reports = pipe()
  const passed = new Numbers(streams, {
    preserved: given.preserveFds ?? 0,
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
    executable: executableOf({ ...given, process }, root),
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
  if (terminal && given.consoleSocket !== undefined) handConsole(given.consoleSocket, terminal)
  return pid
}

function streamsOf({ streams }: Joined, terminal: Terminal | undefined): readonly Fd[] {
  if (terminal) return [terminal.slave, terminal.slave, terminal.slave]
  return streams ?? [0, 1, 2]
}

function executableOf({ path, process }: Joined, rootFd: Fd): string {
  const { args = [], env = [], cwd } = process
  return findExecutable({ rootFd, name: path ?? args[0] ?? '', env, cwd })
}

/** Both refer to the container's own pid 1, whatever becomes of its pid. */
function openTarget(
  container: Container,
  temporary: Undo,
): { readonly pidfd: Fd; readonly root: Fd } {
  const pidfd = openInit(container)
  if (pidfd === undefined) throw ended(container)
  temporary.push(() => close(pidfd))
  try {
    const root = openPath(`/proc/${container.pid}/root`, O.DIRECTORY)
    temporary.push(() => close(root))
    pidfdSendSignal(pidfd, 0)
    return { pidfd, root }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) throw ended(container)
    throw error
  }
}

function ended({ id }: Container): UsageError {
  return new UsageError(`Cannot run a program in container "${id}": it is stopped`)
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
  container: Container,
  how: {
    readonly program: Program
    readonly passed: Numbers
    readonly reports: { readonly read: Fd; readonly write: Fd }
  },
): Promise<number> {
  const { id } = container
  const { program, passed, reports } = how
  const stage = spawn(program, {
    title: `tsstack-oci: exec ${id}`,
    descriptors: passed.descriptors,
    fallbackDirectory: '/run',
  })
  closeSync(reports.write)
  const told = Promise.withResolvers<void>()
  let pid: number | undefined
  let failure: Failure | undefined
  listenToPipe(reports.read, {
    started: (number) => (pid = number),
    failed: (reported) => (failure = reported),
    exited: () => {},
    gone: () => told.resolve(),
  })
  waitForExit(stage)
  await told.promise
  if ((failure || pid === undefined) && hasEnded(container)) throw ended(container)
  if (failure) throw launchFailure(id, describeFailure(program.notes, failure))
  if (pid === undefined) {
    throw new EngineError('LAUNCH', `Cannot run a program in container "${id}": it was killed`)
  }
  return pid
}
