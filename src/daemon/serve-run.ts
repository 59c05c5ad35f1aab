/** `run`: one program in a container of its own, made for it beside the replicas of its service. */

import { randomBytes } from 'node:crypto'
import { LOAD_RUN_BYTES_MAX } from '../limits.ts'
import {
  desire,
  desireOneOff,
  isAlive,
  oneOffAsInstance,
  type DesiredContainer,
  type DesiredState,
} from '../planner/index.ts'
import { tellBuilds } from './building/tell.ts'
import { checkOneOffFirst } from './check-first.ts'
import { joinProgram } from './join-program.ts'
import { loadAgain } from './load-again.ts'
import { obtainImages } from './images/stack-images.ts'
import { changesOf } from './one-off-words.ts'
import type { Request, RunOptions } from './protocol.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'
import { InvalidStack } from './wire-error.ts'

type RunRequest = Extract<Request, { kind: 'run' }>

export async function serveRun(
  supervisor: Supervisor,
  session: ClientSession,
  request: RunRequest,
): Promise<void> {
  const { engine } = supervisor
  const { connection } = session
  const wanted = oneOffOf(session, request)
  const { noDeps } = request.run
  const options = { services: [request.service], noDeps }
  const { build } = request
  const check = (): Promise<void> => checkOneOffFirst(supervisor, session, { ...wanted, noDeps })
  const builds = { desired: wanted.desired, options, build, check }
  if (await tellBuilds(supervisor, session, builds)) return
  const withCheck = { ...wanted, request, check }
  const { desired, container } = await withImage(supervisor, session, withCheck)
  const { name } = container
  const { isMade, isStarted } = await start(supervisor, session, { desired, container, request })
  if (!isStarted) {
    if (isMade && request.run.remove) await engine.endOneOff(name, 1)
    return
  }
  if (request.run.detach) return
  const { tty, size, environment } = request.run
  const term = tty && environment['TERM'] === undefined ? { TERM: 'xterm' } : {}
  let exitCode = 1
  try {
    const program = await engine.exec(name, {
      command: [],
      tty,
      environment: term,
      ...(size === undefined ? {} : { size }),
    })
    exitCode = await joinProgram(session, program)
  } finally {
    await engine.endOneOff(name, exitCode)
  }
  connection.send({ kind: 'exited', exitCode })
}

/** Both as their images have them, fetched when they are missing. */
async function withImage(
  supervisor: Supervisor,
  { connection, signal }: ClientSession,
  one: {
    readonly desired: DesiredState
    readonly container: DesiredContainer
    readonly request: RunRequest
    readonly check: () => Promise<void>
  },
): Promise<{ readonly desired: DesiredState; readonly container: DesiredContainer }> {
  const { desired, container, request, check } = one
  const together = { ...desired, containers: [container, ...desired.containers] }
  const { containers, ...rest } = await obtainImages(supervisor, together, {
    services: [container.service],
    ...(request.run.pull !== undefined && { pull: request.run.pull }),
    env: request.input.env,
    signal,
    check,
    onEvent: (event) => connection.send({ kind: 'image', event }),
  })
  const [own = container, ...others] = containers
  return { desired: { ...rest, containers: others }, container: own }
}

function oneOffOf(
  { connection }: ClientSession,
  { input, service, run }: RunRequest,
): { readonly desired: DesiredState; readonly container: DesiredContainer } {
  const loaded = loadAgain({ ...input, services: [service] }, LOAD_RUN_BYTES_MAX)
  if (loaded.kind === 'invalid') throw new InvalidStack(loaded.error, loaded.rendered)
  if (loaded.kind === 'too-large') throw new Error('unreachable: each file has its own bound')
  const { stack, desired, environment, warnings } = loaded
  connection.send({ kind: 'loaded', stack: stack.name, warnings })
  const slug = randomBytes(6).toString('hex')
  const changes = changesOf(withInherited(run, environment), stack, input)
  const made = desireOneOff(stack, {
    directory: desired.source.directory,
    service,
    name: run.name ?? `${stack.name}-${service}-run-${slug}`,
    oneOff: { attached: !run.detach, remove: run.remove },
    changes,
  })
  if (input.instance === undefined) return { desired, container: made }
  const { source } = desired
  const ofFile = desire(stack, source, { environment, scale: input.scale })
  const kept = new Set(changes.ports.map(({ published }) => Number.parseInt(published ?? '', 10)))
  const container = oneOffAsInstance(ofFile, input.instance, { container: made, kept })
  return { desired, container }
}

/** `-e NAME`: what is nowhere set is not passed on. */
function withInherited(
  run: RunOptions,
  values: Readonly<Record<string, string | undefined>>,
): RunOptions {
  const found = (run.inherited ?? []).flatMap((name) => {
    const value = values[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...run, environment: { ...Object.fromEntries(found), ...run.environment } }
}

/**
 * How far the container has come; the client is told what was done, and what was not. One that
 * somebody else has under this name is not it.
 */
async function start(
  supervisor: Supervisor,
  session: ClientSession,
  what: {
    readonly desired: DesiredState
    readonly container: DesiredContainer
    readonly request: RunRequest
  },
): Promise<{ readonly isMade: boolean; readonly isStarted: boolean }> {
  const { desired, container, request } = what
  const { connection } = session
  using _turn = await takeTurn(supervisor, session, desired.stack)
  const { outcomes, observed } = await supervisor.engine.startOneOff({
    desired,
    container,
    noDeps: request.run.noDeps,
    removeOrphans: request.run.removeOrphans === true,
    signal: session.signal,
    onPlan: (plan) => connection.send({ kind: 'plan', plan }),
    onEvent: (event) => connection.send({ kind: 'event', event }),
  })
  const own = observed.containers.filter(({ name }) => name === container.name)
  const result = { ...observed, containers: own }
  connection.send({ kind: 'result', outcomes, observed: result, interrupted: false })
  const isMade = outcomes.some(
    ({ kind, action }) =>
      kind === 'done' &&
      action.kind === 'create-container' &&
      action.container.name === container.name,
  )
  const isUp = request.run.detach
    ? outcomes.every(({ kind }) => kind === 'done')
    : own.some(isAlive)
  return { isMade, isStarted: isMade && isUp }
}
