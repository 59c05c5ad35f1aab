/** `tsstack explain SERVICE`: why it is as it is, as far as anybody knows. */

import { errorText } from '../errors.ts'
import type { ContainerDetails } from '../daemon/index.ts'
import type { Dependency, ObservedContainer, ObservedState } from '../planner/index.ts'
import { byService, stateText } from './container-text.ts'
import type { Context } from './context.ts'
import { durationText } from './duration.ts'
import { LogPrinter } from './log-printer.ts'
import { print, say } from './output.ts'
import { ask, askFor } from './request.ts'
import { safeText } from './safe-text.ts'
import { memoryText } from './size-text.ts'

const LOG_LINES = 10

/** The chain of what it waits for, its ends, its probes, its last words, and what `up` would do. */
export async function explainService(context: Context, service: string): Promise<number> {
  const { asking, input } = context
  const request = { kind: 'details', input: input(), services: [service] } as const
  const { observed, details } = await askFor(asking, request, 'details')
  const replicas = observed.containers.filter((each) => each.service === service)
  for (const container of replicas.toSorted(byService)) {
    print(safeText(paragraph(container, details[container.name], observed)))
  }
  print(safeText(await planText(context, service)))
  await printLastWords(context, service)
  return 0
}

function paragraph(
  container: ObservedContainer,
  details: ContainerDetails | undefined,
  observed: ObservedState,
): string {
  const lines = [
    ...endLines(container, details),
    ...restartLines(container, details),
    ...container.dependsOn.flatMap((each) => dependencyLines(each, observed)),
    ...probeLines(container, details),
  ]
  const head = `${container.name}: ${stateText(container, Date.now())}`
  return [head, ...lines.map((line) => `  ${line}`)].join('\n')
}

function endLines(
  { failure, oomKilled, exitCode, stoppedByUser, spec, state }: ObservedContainer,
  details: ContainerDetails | undefined,
): readonly string[] {
  if (failure !== undefined) return [`the last start failed: ${failure}`]
  const limit = spec.resources.memoryBytesMax
  if (oomKilled && limit !== undefined) {
    const peak = details?.memoryBytesPeak
    const used = peak === undefined ? '' : `, peak ${memoryText(peak)} of ${memoryText(limit)}`
    return [`killed by its memory limit${used}: raise mem_limit, or find what it needs it for`]
  }
  if (stoppedByUser) return ['stopped by the user: "start" or "up" starts it again']
  if (state === 'running' || exitCode === undefined) return []
  return [exitCode > 128 ? `ended by signal ${exitCode - 128}` : `ended with status ${exitCode}`]
}

function restartLines(
  { spec, state, attempt }: ObservedContainer,
  details: ContainerDetails | undefined,
): readonly string[] {
  const { condition, attemptsMax } = spec.restart
  if (condition === 'no' || (state === 'running' && attempt <= 1)) return []
  const bound = attemptsMax === undefined ? '' : ` of at most ${attemptsMax}`
  return [`restart policy ${condition}: ${details?.restarts ?? 0} restarts so far${bound}`]
}

/** A dependency that is not as it should be, and what that one waits for, to the end of the chain. */
function dependencyLines(
  { service, condition, required }: Dependency,
  observed: ObservedState,
  seen: ReadonlySet<string> = new Set(),
): readonly string[] {
  if (seen.has(service)) return []
  const replicas = observed.containers.filter(
    (each) => each.service === service && each.oneOff === undefined,
  )
  const optional = required ? '' : ', not required'
  const states = replicas.map(
    ({ name, state, health }) => `${name} is ${state}${health === 'none' ? '' : `, ${health}`}`,
  )
  const what = states.length === 0 ? 'it has no container' : states.join('; ')
  const deeper = replicas.flatMap(({ dependsOn }) =>
    dependsOn.flatMap((each) => dependencyLines(each, observed, new Set([...seen, service]))),
  )
  const own = `depends on "${service}" (${condition}${optional}): ${what}`
  return [own, ...deeper.map((line) => `  ${line}`)]
}

function probeLines(
  { spec, health }: ObservedContainer,
  details: ContainerDetails | undefined,
): readonly string[] {
  if (spec.healthcheck === undefined) return []
  const probes = details?.probes ?? []
  const lines = probes.map(({ at, passed, output }) => {
    const ago = `${durationText(Date.now() - at)} ago`
    const text = output.trim().split('\n').at(-1) ?? ''
    return `  ${ago}: ${passed ? 'passed' : 'failed'}${text === '' ? '' : `: ${text}`}`
  })
  return [`health: ${health}, by ${JSON.stringify(spec.healthcheck.test)}`, ...lines]
}

/** Files that have gone or are broken are no reason to say nothing. */
async function planText({ asking, input }: Context, service: string): Promise<string> {
  const source = { kind: 'files', input: input() } as const
  try {
    const { plan } = await askFor(asking, { kind: 'plan', source, options: {} }, 'plan')
    const { describe } = await import('../planner/index.ts')
    const actions = plan.actions.filter((action) => {
      if ('container' in action) return action.container.service === service
      return 'service' in action && action.service === service
    })
    if (actions.length === 0) return 'up would change nothing of it'
    return `up would:\n${describe({ ...plan, actions, notes: [] })}`
  } catch (error) {
    say(`the stack file cannot be looked at: ${errorText(error)}`)
    return 'what up would do is not known'
  }
}

/** The end of its log, as `logs` prints it. */
async function printLastWords({ asking, input }: Context, service: string): Promise<void> {
  const logs = { services: [service], follow: false, tail: LOG_LINES }
  const style = { isTerminal: true, color: false, prefix: true, timestamps: false }
  const printer = new LogPrinter(style)
  let isFirst = true
  for await (const answer of ask(asking, { kind: 'logs', input: input(), logs })) {
    if (answer.kind === 'message' && answer.message.kind === 'log-sources') {
      printer.name(answer.message.containers)
    }
    if (answer.kind !== 'logs') continue
    if (isFirst) print('last log lines:')
    isFirst = false
    await printer.print(answer.bytes)
  }
  await printer.finish()
}
