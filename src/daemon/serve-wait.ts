/** `wait`: until containers have ended, and with what. */

import { type Engine, onAbort } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import { changeStackInTurn } from './change-in-turn.ts'
import { isAlive, type ObservedContainer } from '../planner/index.ts'
import type { Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import { selectContainers } from './select.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'

type Wait = Extract<Request, { kind: 'wait' }>

interface End {
  readonly container: string
  readonly exitCode: number
}

export async function serveWait(
  supervisor: Supervisor,
  session: ClientSession,
  { input, services, downProject }: Wait,
): Promise<void> {
  const { engine } = supervisor
  const { connection } = session
  const stack = await resolveStack(engine, input)
  const chosen = selectContainers(engine, engine.observeContainers(stack), services)
  const missing = services.find((name) => chosen.every(({ service }) => service !== name))
  if (missing !== undefined) {
    throw new UsageError(`Cannot wait for "${missing}": it has no container`, {
      code: 'NOT_RUNNING',
      hint: `make one with: tsstack up -d ${missing}`,
    })
  }
  const ends = chosen.map((each) => endOf(engine, each, session.signal))
  const tell = ({ container, exitCode }: End): void =>
    connection.send({ kind: 'ended', container, exitCode })
  if (!downProject) {
    await Promise.all(ends.map(async (end) => tell(await end)))
    return
  }
  if (ends.length > 0) tell(await Promise.race(ends))
  await changeStackInTurn(supervisor, session, stack, (how) => engine.apply(stack, undefined, how))
}

/** The next end of it, whether or not it is started again; the last one when it does not run. */
async function endOf(
  engine: Engine,
  container: ObservedContainer,
  signal: AbortSignal,
): Promise<End> {
  const { name, exitCode } = container
  if (!isAlive(container)) return { container: name, exitCode: exitCode ?? 0 }
  const ended = Promise.withResolvers<End>()
  const unsubscribe = engine.subscribe((event) => {
    if (event.kind !== 'container' || event.container !== name) return
    const isOver = event.state === 'exited' || event.state === 'removed'
    if (isOver) ended.resolve({ container: name, exitCode: event.exitCode ?? 0 })
  })
  const leave = (): void => ended.reject(signal.reason)
  using _leaving = onAbort(signal, leave)
  try {
    return await ended.promise
  } finally {
    unsubscribe()
  }
}
