/** Programs around the life of a container: `pre_start`, `post_start`, `pre_stop`. */

import { EngineError } from '../errors.ts'
import { HOOK_MS_MAX } from '../limits.ts'
import type { ContainerSpec, HookSpec } from '../planner/index.ts'
import { execInContainer } from './container/exec.ts'
import { startContainer } from './container/start.ts'
import { readContainerLog } from './logs/index.ts'
import { addContainer, type LiveContainer, type Machine } from './machine.ts'
import { createContainerRecord } from './records/container.ts'
import { removeContainer } from './remove.ts'

/** Bytes of a hook's output that a failure may quote. */
const QUOTED_BYTES_MAX = 400

/**
 * Runs `start` after the `pre_start` hooks of the service: those for all replicas once for all that
 * start together, and not at all while one runs, then those for each; and the container's
 * `post_start` hooks after it.
 */
export async function startWithHooks(
  machine: Machine,
  container: LiveContainer,
  start: () => Promise<void>,
): Promise<void> {
  const { hooks } = container.record.spec
  if (hooks === undefined || container.record.oneOff !== undefined) return start()
  const numbered = hooks.preStart.map((hook, at) => ({ hook, at }))
  const forAll = numbered.filter(({ hook }) => hook.perReplica === undefined)
  if (forAll.length > 0) await beforeFirst(machine, container, forAll)
  await runBefore(
    machine,
    container,
    numbered.filter(({ hook }) => hook.perReplica === true),
  )
  await start()
  await runInside(machine, container, { kind: 'post_start', hooks: hooks.postStart })
}

/** Before its program is asked to end. One that does not run, or is paused, cannot run any. */
export async function runPreStop(machine: Machine, container: LiveContainer): Promise<void> {
  const { attempt, record } = container
  if (!attempt?.process || attempt.exit || attempt.paused || record.oneOff !== undefined) return
  const hooks = record.spec.hooks?.preStop ?? []
  await runInside(machine, container, { kind: 'pre_stop', hooks })
}

/** By stack and service: hooks that run now, for whoever starts meanwhile. */
const running = new Map<string, Promise<void>>()

/** With its place in the stack file, by which it is named. */
interface Numbered {
  readonly hook: HookSpec
  readonly at: number
}

async function beforeFirst(
  machine: Machine,
  container: LiveContainer,
  hooks: readonly Numbered[],
): Promise<void> {
  const { stack, service, name } = container.record
  const key = `${machine.paths.rootId}/${stack}/${service}`
  const siblings = [...machine.containers.values()].filter(
    ({ record }) =>
      record.stack === stack && record.service === service && record.oneOff === undefined,
  )
  const runsAlready = siblings.some(
    ({ record, attempt, starting }) =>
      record.name !== name && ((attempt?.process && !attempt.exit) || starting !== undefined),
  )
  if (runsAlready && !running.has(key)) return
  const work = running.get(key) ?? runBefore(machine, container, hooks)
  running.set(key, work)
  try {
    await work
  } finally {
    running.delete(key)
  }
}

async function runBefore(
  machine: Machine,
  container: LiveContainer,
  hooks: readonly Numbered[],
): Promise<void> {
  for (const numbered of hooks) await runBeside(machine, container, numbered)
}

/** In a container of its own, with the volumes and the networks of the service. */
async function runBeside(
  machine: Machine,
  { record }: LiveContainer,
  { hook, at }: Numbered,
): Promise<void> {
  const name = `${record.name}-pre-start-${at + 1}`
  const known = machine.containers.get(name)
  if (known) await removeContainer(machine, known, { anonymousVolumes: false })
  const own = {
    ...record,
    name,
    index: 0,
    oneOff: { attached: false, remove: false },
    spec: specOf(record.spec, hook),
    attempts: 0,
    createdAt: machine.now(),
  }
  createContainerRecord(machine.paths, own)
  const helper = addContainer(machine, own)
  try {
    await startContainer(machine, helper)
    await helper.attempt?.ended
    const exitCode = helper.record.last?.exitCode ?? 1
    if (exitCode === 0) return
    const output = await lastLine(machine, helper)
    throw hookFailed(record.name, { kind: 'pre_start', at, exitCode, output })
  } finally {
    await removeContainer(machine, helper, { anonymousVolumes: false })
  }
}

/** The service's own, but for what the hook says and what makes it a service. */
function specOf(service: ContainerSpec, hook: HookSpec): ContainerSpec {
  const {
    hooks: _hooks,
    healthcheck: _check,
    entrypoint: _own,
    command: _words,
    image,
    imageDigest,
    ...rest
  } = service
  const digest = hook.image === undefined ? imageDigest : hook.imageDigest
  return {
    ...rest,
    image: hook.image ?? image,
    ...(digest !== undefined && { imageDigest: digest }),
    // Without words of its own it runs what its image is made for.
    ...(hook.command.length > 0 && { entrypoint: [], command: hook.command }),
    environment: { ...service.environment, ...hook.environment },
    ports: [],
    restart: { condition: 'no' },
    privileged: hook.privileged || service.privileged,
    ...(hook.user !== undefined && { user: hook.user }),
    ...(hook.workingDir !== undefined && { workingDir: hook.workingDir }),
  }
}

async function runInside(
  machine: Machine,
  container: LiveContainer,
  { kind, hooks }: { readonly kind: string; readonly hooks: readonly HookSpec[] },
): Promise<void> {
  for (const [at, hook] of hooks.entries()) {
    const { exitCode, output } = await runHook(machine, container, hook)
    if (exitCode !== 0) throw hookFailed(container.record.name, { kind, at, exitCode, output })
  }
}

interface Ended {
  readonly exitCode: number
  readonly output: string
}

async function runHook(machine: Machine, container: LiveContainer, hook: HookSpec): Promise<Ended> {
  const { command, environment, privileged, user, workingDir } = hook
  const session = await execInContainer(machine, container, {
    command,
    tty: false,
    environment,
    ...(privileged ? { privileged } : {}),
    ...(user === undefined ? {} : { user }),
    ...(workingDir === undefined ? {} : { workingDir }),
  })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-QUOTED_BYTES_MAX)
  }
  session.stdin.end()
  session.stdout.on('data', keep)
  session.stderr?.on('data', keep)
  const timer = setTimeout(() => session.signal('SIGKILL'), HOOK_MS_MAX)
  const { exitCode } = await session.exited
  clearTimeout(timer)
  return { exitCode, output }
}

async function lastLine(machine: Machine, helper: LiveContainer): Promise<string> {
  let text = ''
  for await (const piece of readContainerLog(machine, helper, { follow: false, tail: 1 })) {
    text = Buffer.from(piece.bytes).toString('utf8')
  }
  return text
}

function hookFailed(
  name: string,
  { kind, at, exitCode, output }: Ended & { readonly kind: string; readonly at: number },
): EngineError {
  const words = output.trim().split('\n').at(-1) ?? ''
  const said = words === '' ? '' : `: ${words}`
  return new EngineError(
    'ACTION_FAILED',
    `Cannot go on with "${name}": its ${kind} hook ${at + 1} ended with status ${exitCode}${said}`,
    {
      hint:
        kind === 'pre_stop'
          ? 'mend it, or stop without it: -t 0'
          : `see what it does under "${kind}" in the stack file`,
    },
  )
}
