/**
 * Waits until what a container depends on has come as far as it wants: by events, never by polling.
 */

import { EngineError } from '../errors.ts'
import { type Action, type Dependency, judgeCondition } from '../planner/index.ts'
import { containersOf, type Machine } from './machine.ts'
import { observeContainer } from './observe.ts'
import { onAbort } from './on-abort.ts'

type Start = Extract<Action, { kind: 'start-container' }>

/**
 * @throws {EngineError} DEPENDENCY when a required condition cannot be met any more, INTERRUPTED
 * when `signal` is aborted before all are met.
 */
export async function waitForDependencies(
  machine: Machine,
  stack: string,
  action: Start,
  signal?: AbortSignal,
): Promise<void> {
  await Promise.all(
    action.waitFor.map((dependency) => waitForOne(machine, { stack, action, dependency, signal })),
  )
}

interface Wait {
  readonly stack: string
  readonly action: Start
  readonly dependency: Dependency
  readonly signal: AbortSignal | undefined
}

async function waitForOne(machine: Machine, wait: Wait): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = (): void => {
    const judged = judge(machine, wait)
    if (judged.kind === 'waiting') return
    if (judged.kind === 'met' || !wait.dependency.required) return resolve()
    const { service } = wait.dependency
    const what = `Cannot start "${wait.action.name}"`
    const message = `${what}: its dependency "${service}" failed: ${judged.reason}`
    reject(new EngineError('DEPENDENCY', message, { hint: `see "tsstack logs ${service}"` }))
  }
  const stop = (): void => {
    const message = `Cannot start "${wait.action.name}": its wait for others was interrupted`
    reject(new EngineError('INTERRUPTED', message, { hint: 'run the command again' }))
  }
  const unsubscribe = machine.subscribe((event) => {
    if (event.stack === wait.stack) look()
  })
  try {
    look()
    using _stopping = wait.signal && onAbort(wait.signal, stop)
    await promise
  } finally {
    unsubscribe()
  }
}

function judge(machine: Machine, { stack, dependency }: Wait): ReturnType<typeof judgeCondition> {
  const replicas = containersOf(machine, stack)
    .filter(({ record }) => record.service === dependency.service && record.oneOff === undefined)
    .map(observeContainer)
  return judgeCondition(dependency, replicas)
}
