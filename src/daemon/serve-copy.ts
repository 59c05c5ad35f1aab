/** `cp`: files out of a container, or into containers, as an archive over the connection. */

import { setImmediate } from 'node:timers/promises'
import {
  type ContainerFiles,
  explainCopy,
  findPlace,
  onAbort,
  pack,
  removeInTree,
  Unpacker,
} from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import { TarReader } from '../image/index.ts'
import { COPY_CHUNK_BYTES, EXEC_WINDOW_BYTES } from '../limits.ts'
import { isAlive, type ObservedContainer } from '../planner/index.ts'
import type { CopyRequest, Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import { selectContainers } from './select.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'

export async function serveCopyFrom(
  supervisor: Supervisor,
  session: ClientSession,
  request: Extract<Request, { kind: 'copy-from' }>,
): Promise<void> {
  const { path, followLink } = request
  using chosen = await choose(supervisor, session, request)
  const [container] = chosen.containers
  if (container === undefined) return
  const files = await supervisor.engine.files(container.name)
  try {
    const { source, archive } = pack(files, path, { followLink })
    session.connection.send({ kind: 'copying', container: container.name, source })
    await sendAll(session, archive)
  } catch (error) {
    throw explainCopy(error, `"${files.label}${path}"`)
  } finally {
    await files.close()
  }
}

/** Small pieces together; others are served between. */
async function sendAll(
  { connection, signal }: ClientSession,
  archive: Iterable<Buffer>,
): Promise<void> {
  let waiting: Buffer[] = []
  let bytes = 0
  const flush = async (): Promise<void> => {
    const pack = Buffer.concat(waiting)
    waiting = []
    bytes = 0
    await connection.sendBytes('stdout', pack)
    await setImmediate()
  }
  for (const piece of archive) {
    if (signal.aborted) return
    waiting.push(piece)
    bytes += piece.length
    if (bytes >= COPY_CHUNK_BYTES) await flush()
  }
  await flush()
}

export async function serveCopyTo(
  supervisor: Supervisor,
  session: ClientSession,
  request: Extract<Request, { kind: 'copy-to' }>,
): Promise<void> {
  using chosen = await choose(supervisor, session, request)
  const targets: Target[] = []
  try {
    // Each is asked for its place before anything is written to one of them.
    for (const { name } of chosen.containers) {
      targets.push(openTarget(await supervisor.engine.files(name), request))
    }
    await receive(session, targets)
    for (const target of targets) target.finish()
  } finally {
    for (const target of targets) await target.close()
  }
  const containers = chosen.containers.map(({ name }) => name)
  session.connection.send({ kind: 'copied', containers })
}

interface Target {
  push(bytes: Buffer): void
  finish(): void
  close(): Promise<void>
}

function openTarget(
  files: ContainerFiles,
  { path, what, archive, remove = [] }: Extract<Request, { kind: 'copy-to' }>,
): Target {
  const explaining = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw explainCopy(error, `to "${files.label}${path}"`)
    }
  }
  try {
    const place = explaining(() => findPlace(files, path, what))
    for (const each of remove) explaining(() => removeInTree(files, each))
    const unpacker = explaining(() => new Unpacker(files, place, { archive, followsLinks: true }))
    const reader = new TarReader(unpacker)
    return {
      push: (bytes) => explaining(() => reader.push(bytes)),
      finish: () =>
        explaining(() => {
          reader.end()
          unpacker.finish()
        }),
      close: () => {
        unpacker.close()
        return files.close()
      },
    }
  } catch (error) {
    void files.close()
    throw error
  }
}

/** Until the client says that the archive has ended. */
async function receive(session: ClientSession, targets: readonly Target[]): Promise<void> {
  const { connection, signal } = session
  const received = Promise.withResolvers<void>()
  const leave = (): void => received.reject(signal.reason)
  // It may have left while its turn was waited for: nobody else would give that back.
  using _leaving = onAbort(signal, leave)
  session.listener = {
    onSignal: ({ kind }) => kind === 'stdin-end' && received.resolve(),
    onBytes: (_kind, bytes) => {
      try {
        for (const target of targets) target.push(Buffer.from(bytes))
      } catch (error) {
        received.reject(error)
      }
    },
  }
  connection.send({ kind: 'started', window: EXEC_WINDOW_BYTES })
  try {
    await received.promise
  } finally {
    session.listener = {}
  }
}

interface Chosen extends Disposable {
  /** At least one, the lowest number first. */
  readonly containers: readonly ObservedContainer[]
}

/** One that does not run must not be started or removed meanwhile: the stack is ours so long. */
async function choose(
  supervisor: Supervisor,
  session: ClientSession,
  request: CopyRequest,
): Promise<Chosen> {
  const { engine } = supervisor
  const stack = await resolveStack(engine, request.input)
  const find = async (): Promise<readonly ObservedContainer[]> =>
    matching(selectContainers(engine, await engine.observe(stack), [request.service]), request)
  const containers = await find()
  if (containers.every(isAlive)) return { containers, [Symbol.dispose]: () => undefined }
  const turn = await takeTurn(supervisor, session, stack)
  try {
    return { containers: await find(), [Symbol.dispose]: () => turn[Symbol.dispose]() }
  } catch (error) {
    turn[Symbol.dispose]()
    throw error
  }
}

function matching(
  containers: readonly ObservedContainer[],
  { service, index, all }: CopyRequest,
): readonly ObservedContainer[] {
  const found = containers
    .filter((each) => all || each.oneOff === undefined)
    .filter((each) => index === undefined || each.index === index)
    .toSorted((a, b) => rank(a) - rank(b))
  if (found.length > 0) return found
  const which = index === undefined ? `"${service}"` : `replica ${index} of "${service}"`
  throw new UsageError(`Cannot copy files of service ${which}: it has no container`, {
    code: 'NOT_RUNNING',
    hint: `make one with: tsstack create ${service}`,
  })
}

/** Containers of `run` come after the replicas. */
function rank({ oneOff, index }: ObservedContainer): number {
  return oneOff === undefined ? index : Infinity
}
