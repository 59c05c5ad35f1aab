/** Runs another program in a running container, as safely confined as the container's own. */

import { openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import {
  CLONE_NEW,
  close,
  closeCgroupJoin,
  describeFailure,
  type Failure,
  type Fd,
  O,
  hasTimeNamespaces,
  openIn,
  openPath,
  openPty,
  pidfdSendSignal,
  pidfdOpen,
  pipe,
  setWindowSize,
  spawn,
} from '../../linux/index.ts'
import { EngineError } from '../../errors.ts'
import { imageSettings } from '../image-pins.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import { exitCodeOf } from '../records/attempt.ts'
import { findExecutable, type ImageSettings, resolveUser } from '../rootfs/index.ts'
import type { ExecRequest, ExecSession } from '../types.ts'
import { Undo } from '../undo.ts'
import { checkRoom } from '../descriptors.ts'
import { appArmorProfile } from './app-armor.ts'
import { writeJoiningChild } from './child.ts'
import { describeContainer } from './describe.ts'
import { DescriptorTable } from './descriptors.ts'
import { NO_EDITS } from './edits.ts'
import { ExecOutput } from './exec-output.ts'
import { launchFailure } from './launch-failure.ts'
import { type MonitorInput, monitorProgram } from './monitor.ts'
import type { OciConfig } from './oci.ts'
import { ownCapabilities } from './limits.ts'
import { cachedProgram } from './program-cache.ts'
import { programInput } from './program-input.ts'
import { sendSignal } from './processes.ts'
import { listenToPipe } from './reports.ts'
import { signalNumber } from './stop.ts'

/**
 * The namespaces of a container that its monitor joins; its network may be shared, never absent.
 * Into the cgroup namespace the child goes itself, once it is in the container's group: with
 * nsdelegate nobody in a cgroup namespace may bring in a process from outside of it (ENOENT,
 * cgroups(7)).
 */
const JOINED = ['mnt', 'pid', 'net', 'ipc', 'uts'] as const

/** Resolves once the program runs. Throws EXEC_NOT_FOUND and the like with the program's name. */
export async function execInContainer(
  machine: Machine,
  container: LiveContainer,
  request: ExecRequest,
): Promise<ExecSession> {
  checkRoom(`run a program in "${container.record.name}"`, 'stays')
  const temporary = new Undo()
  try {
    const profile = await profileOf(container, request)
    // From here to the launch in one go: when the attempt ends, its descriptor's number may be
    // another's.
    const target = openTarget(container, temporary)
    const image = imageSettings(machine.paths, container.record.spec)
    const config = describeExec(container, request, { root: target.root, image, profile })
    const streams = request.tty
      ? openTerminal(request, target.root, temporary)
      : request.detach === true
        ? openNothing(temporary)
        : openPipes(temporary)
    try {
      return await launch(machine, { container, config, target, streams, temporary })
    } catch (error) {
      for (const { stream } of outputsOf(streams)) stream.destroy()
      streams.stdin.destroy()
      throw error
    }
  } finally {
    await temporary.run()
  }
}

interface Target {
  readonly pidfd: Fd
  /** O_PATH descriptor of the container's root directory. */
  readonly root: Fd
}

/** Both refer to the container's own pid 1, whatever becomes of its pid. */
function openTarget({ attempt, record }: LiveContainer, temporary: Undo): Target {
  const process = attempt?.exit ? undefined : attempt?.process
  if (process?.pidfd === undefined) throw notRunning(record.name)
  try {
    const root = openPath(`/proc/${process.pid}/root`, O.DIRECTORY)
    temporary.push(() => close(root))
    // Still alive after the look at /proc: then what was found there was its own.
    pidfdSendSignal(process.pidfd, 0)
    return { pidfd: process.pidfd, root }
  } catch (cause) {
    throw notRunning(record.name, cause)
  }
}

function notRunning(name: string, cause?: unknown): EngineError {
  return new EngineError('NOT_RUNNING', `Cannot run a program in "${name}": it does not run`, {
    hint: 'start it with "tsstack up"',
    cause,
  })
}

function profileOf({ record }: LiveContainer, { privileged }: ExecRequest) {
  const { name, spec } = record
  return appArmorProfile(name, { ...spec, privileged: privileged ?? spec.privileged })
}

function describeExec(
  container: LiveContainer,
  request: ExecRequest,
  given: {
    readonly root: Fd
    readonly image: ImageSettings
    readonly profile: string | undefined
  },
): OciConfig {
  const { root, image, profile } = given
  const { spec, name } = container.record
  const user = request.user ?? spec.user ?? image.user
  const workingDir = request.workingDir ?? spec.workingDir
  return describeContainer(
    {
      ...spec,
      entrypoint: [],
      command: request.command.length > 0 ? request.command : (container.attempt?.words ?? []),
      environment: { ...spec.environment, ...request.environment },
      tty: request.tty,
      privileged: request.privileged ?? spec.privileged,
      ...(workingDir === undefined ? {} : { workingDir }),
    },
    {
      name,
      cgroupsPath: '/',
      rootPath: '/',
      user: resolveUser({ rootFd: root, user, groupAdd: spec.groupAdd }),
      image,
      ownCapabilities: ownCapabilities(),
      users: container.users,
      ...(profile === undefined ? {} : { edits: { ...NO_EDITS, apparmor: profile } }),
    },
  )
}

/** Our ends of the program's stdio, and the ends that it gets. */
interface Streams {
  readonly given: readonly [stdin: Fd, stdout: Fd, stderr: Fd]
  readonly stdin: Writable
  readonly stdout: ExecOutput
  readonly stderr: ExecOutput | undefined
  /** Present with a terminal. */
  readonly master?: Fd
  /** What it gets is the host's own, and stays root's. */
  readonly isShared?: boolean
}

function openPipes(temporary: Undo): Streams {
  const pipes: Pipe[] = []
  try {
    for (const _ of ['stdin', 'stdout', 'stderr']) pipes.push(pipe())
  } catch (error) {
    for (const fd of pipes.flatMap(({ read, write }) => [read, write])) close(fd)
    throw error
  }
  const [input, output, error] = pipes as [Pipe, Pipe, Pipe]
  for (const fd of [input.read, output.write, error.write]) temporary.push(() => close(fd))
  return {
    given: [input.read, output.write, error.write],
    stdin: new Socket({ fd: input.write, readable: false, writable: true }),
    stdout: readPipe(output.read),
    stderr: readPipe(error.read),
  }
}

type Pipe = ReturnType<typeof pipe>

/** Pipes that end at once on our side: the program gets /dev/null. */
function openNothing(temporary: Undo): Streams {
  const nothing = openSync('/dev/null', 'r+')
  temporary.push(() => close(nothing))
  return { ...openPipes(temporary), given: [nothing, nothing, nothing], isShared: true }
}

function readPipe(fd: Fd): ExecOutput {
  return new ExecOutput(new Socket({ fd, readable: true, writable: false }), fd)
}

/** A pty of the container's own devpts, never the caller's terminal. */
function openTerminal(request: ExecRequest, root: Fd, temporary: Undo): Streams {
  const devpts = openIn(root, 'dev/pts', { flags: O.PATH | O.DIRECTORY })
  temporary.push(() => close(devpts))
  const { master, slave } = openPty(devpts)
  temporary.push(() => close(slave))
  if (request.size) setWindowSize(master, request.size)
  const terminal = openMaster(master)
  const stdout = new ExecOutput(terminal, master)
  return { given: [slave, slave, slave], stdin: terminal, stdout, stderr: undefined, master }
}

/** node opens it a second time. */
function openMaster(master: Fd): ReadStream {
  try {
    return new ReadStream(master)
  } catch (error) {
    close(master)
    throw error
  }
}

async function launch(
  machine: Machine,
  exec: {
    readonly container: LiveContainer
    readonly config: OciConfig
    readonly target: Target
    readonly streams: Streams
    readonly temporary: Undo
  },
): Promise<ExecSession> {
  const { container, config, target, streams, temporary } = exec
  const { process } = config
  const executable = findExecutable({
    rootFd: target.root,
    name: process.args[0] ?? '',
    env: process.env,
    cwd: process.cwd,
  })
  const join = machine.cgroups.open(container.attempt?.record.cgroup ?? '').join({ inSight: true })
  temporary.push(() => closeCgroupJoin(join))
  const table = new DescriptorTable({ stdio: streams.given })
  const pidfd = table.pass(target.pidfd)
  const input = {
    ...programInput(config, {
      name: container.record.name,
      executable,
      init: false,
      ownedStreams: streams.isShared === true ? [] : [0, 1, 2],
    }),
    pidfd,
  }
  const monitor: MonitorInput = {
    cloneFlags: 0,
    keepsStatus: false,
    enter: { pidfd, flags: joinedFlags(), tasks: join.tasks },
    ...(join.cloneInto === undefined ? {} : { cgroupFd: table.pass(join.cloneInto) }),
  }
  const program = cachedProgram({ child: input, monitor }, (kind) =>
    monitorProgram(kind.monitor, (draft, tasks) =>
      writeJoiningChild(draft, { ...kind.child, tasks }),
    ),
  )
  const reports = pipe()
  temporary.push(() => close(reports.write))
  const pid = spawnOr(() => close(reports.read), program, {
    title: `tsstack: exec ${container.record.name}`,
    descriptors: table.passed(reports.write),
    fallbackDirectory: container.own.run,
  })
  machine.children.add(pid)
  // The pipes end when the program's ends are closed, so ours of them go now.
  await temporary.run()
  return follow(reports.read, streams, (failure) =>
    launchFailure(container.record.name, describeFailure(program.notes, failure)),
  )
}

/** Spawns; should that fail, `undo` takes back what nobody else will. */
function spawnOr(undo: () => void, ...given: Parameters<typeof spawn>): number {
  try {
    return spawn(...given)
  } catch (error) {
    undo()
    throw error
  }
}

/** Resolves with the session once the program runs, or rejects with the call that failed. */
function follow(
  reports: Fd,
  streams: Streams,
  describe: (failure: Failure) => Error,
): Promise<ExecSession> {
  const started = Promise.withResolvers<ExecSession>()
  const exited = Promise.withResolvers<{ readonly exitCode: number }>()
  let pidfd: Fd | undefined
  let failure: Failure | undefined
  const end = (exitCode: number): void => {
    for (const output of outputsOf(streams)) output.programExited()
    exited.resolve({ exitCode })
  }
  listenToPipe(reports, {
    started: (pid) => {
      pidfd = tryPidfd(pid)
      if (failure) return
      started.resolve({
        stdin: streams.stdin,
        stdout: streams.stdout.stream,
        stderr: streams.stderr?.stream,
        resize: (size) => {
          if (streams.master !== undefined) setWindowSize(streams.master, size)
        },
        signal: (name) => {
          if (pidfd !== undefined) sendSignal(pidfd, signalNumber(name))
        },
        exited: exited.promise,
      })
    },
    failed: (reported) => (failure = reported),
    exited: (waitStatus) => end(exitCodeOf(waitStatus)),
    gone: () => {
      if (pidfd !== undefined) close(pidfd)
      pidfd = undefined
      // Has no effect after an exit was reported: the monitor was killed, and its child with it.
      end(137)
      started.reject(failure ? describe(failure) : new Error('The exec monitor ended at once'))
    },
  })
  return started.promise
}

function outputsOf({ stdout, stderr }: Streams): readonly ExecOutput[] {
  return stderr ? [stdout, stderr] : [stdout]
}

function tryPidfd(pid: number): Fd | undefined {
  try {
    return pidfdOpen(pid)
  } catch {
    // It has ended already; the report of that follows.
    return undefined
  }
}

function joinedFlags(): number {
  const times = hasTimeNamespaces() ? CLONE_NEW.time : 0
  return JOINED.reduce((flags, name) => flags | CLONE_NEW[name], times)
}
