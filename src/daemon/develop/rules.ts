/** `develop.watch` of a stack's services, as whoever follows their files needs it. */

import { isAddress } from '../../build/index.ts'
import { UsageError } from '../../errors.ts'
import type { Develop, Service, Stack } from '../../spec/index.ts'
import type { DevelopAction, DevelopRule } from '../protocol.ts'
import { Matcher } from './matcher.ts'

const ACTIONS: readonly DevelopAction[] = [
  'rebuild',
  'sync',
  'restart',
  'sync+restart',
  'sync+exec',
]

/** In the order of services and rules. @throws {UsageError} for one that cannot be followed */
export function developRules(stack: Stack): readonly DevelopRule[] {
  return Object.entries(stack.services).flatMap(([service, definition]) =>
    (definition.develop?.watch ?? []).map((watch) => ruleOf(service, definition, watch)),
  )
}

type Watch = NonNullable<Develop['watch']>[number]

function ruleOf(service: string, { build }: Service, watch: Watch): DevelopRule {
  const { path, target, ignore = [], include = [] } = watch
  const action = ACTIONS.find((each) => each === watch.action)
  if (action === undefined) throw refused(service, path, `it has no action "${watch.action}"`)
  const why = problemOf(action, watch, build !== undefined)
  if (why !== undefined) throw refused(service, path, why)
  const rule: DevelopRule = {
    service,
    path,
    action,
    ignore,
    include,
    initialSync: watch.initial_sync === true && action.startsWith('sync'),
    ...(target === undefined ? {} : { target }),
    ...contextOf(build),
    ...(action === 'sync+exec' ? { exec: execOf(watch.exec) } : {}),
  }
  checkPatterns(rule)
  return rule
}

function problemOf(
  action: DevelopAction,
  { target, exec }: Watch,
  isBuilt: boolean,
): string | undefined {
  if (action === 'rebuild' && !isBuilt) {
    return 'the action is "rebuild", and the service has no "build"'
  }
  if (action.startsWith('sync') && target?.startsWith('/') !== true) {
    return `the action "${action}" needs a "target" that begins with "/"`
  }
  if (action === 'sync+exec' && (exec.command ?? []).length === 0) {
    return 'the action "sync+exec" needs an "exec" with a "command"'
  }
  return undefined
}

/** A mistake in them is told before anything is followed. */
const checkPatterns = (rule: DevelopRule): Matcher => new Matcher(rule)

function contextOf(build: Service['build']): Pick<DevelopRule, 'context'> {
  const context = build?.context
  return context === undefined || isAddress(context) ? {} : { context }
}

function execOf(hook: Watch['exec']): NonNullable<DevelopRule['exec']> {
  const { command, user, privileged, working_dir: workingDir, environment } = hook
  return {
    command: command ?? [],
    tty: false,
    environment: withValues(environment ?? {}),
    ...(user === undefined ? {} : { user }),
    ...(privileged === true ? { privileged } : {}),
    ...(workingDir === undefined ? {} : { workingDir }),
  }
}

function withValues(
  environment: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(environment)
  return Object.fromEntries(
    entries.flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
  )
}

function refused(service: string, path: string, why: string): UsageError {
  return new UsageError(`Cannot follow "${path}" for "${service}": ${why}`, {
    hint: 'see "develop.watch" of the service',
  })
}
