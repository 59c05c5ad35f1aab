/** Options of the commands that change a stack, and what they mean to the planner. */

import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import type { WaitRequest } from '../daemon/index.ts'
import type { LifecycleOptions, PlanOptions } from '../planner/index.ts'
import { parseCount } from './options.ts'

/** As commander hands them over: a `--no-…` option is true unless it was given. */
export interface ChangeFlags {
  readonly timeout?: number
  readonly deps?: boolean
  readonly volumes?: boolean
  readonly removeOrphans?: boolean
  readonly forceRecreate?: boolean
  readonly recreate?: boolean
  readonly alwaysRecreateDeps?: boolean
  readonly renewAnonVolumes?: boolean
  /** `--build` and `--no-build`; absent: what has no image yet. */
  readonly build?: boolean
}

/** Options of `up` and of `plan`, which shows what it would do. */
export function addChangeOptions(command: Command): Command {
  return command
    .option('--no-deps', 'leave alone what the named services depend on')
    .option('--force-recreate', 'replace containers even when nothing changed')
    .option('--no-recreate', 'keep every container that exists')
    .option('--always-recreate-deps', 'with --force-recreate: dependencies as well')
    .option('-V, --renew-anon-volumes', 'give new containers empty anonymous volumes')
    .option('--remove-orphans', 'remove containers of services that are no longer in the file')
    .addOption(scaleOption())
    .addOption(timeoutOption())
}

/** May be given several times; for a service that is named twice the last one counts. */
function scaleOption(): Option {
  return new Option(
    '--scale <service=count>',
    'replicas of a service, instead of its own',
  ).argParser((word: string, before: Readonly<Record<string, number>> | undefined) => {
    const [, service, count] = /^([^=]+)=(\d+)$/.exec(word) ?? []
    if (service === undefined || count === undefined) {
      throw new InvalidArgumentError('it looks like web=3.')
    }
    return { ...before, [service]: parseCount(count) }
  })
}

/** Of the commands that fetch images. */
export function pullOption(): Option {
  const text = 'when images are fetched: always, missing, never, daily, weekly'
  return new Option('--pull <policy>', text)
}

export function timeoutOption(): Option {
  const text = 'seconds until a container that is stopped gets SIGKILL'
  return new Option('-t, --timeout <seconds>', text).argParser(parseCount)
}

export interface WaitFlags {
  readonly wait?: boolean
  /** In seconds. */
  readonly waitTimeout?: number
}

export function waitTimeoutOption(): Option {
  const text = 'with --wait: seconds until it is given up'
  return new Option('--wait-timeout <seconds>', text).argParser(parseCount)
}

/** Undefined: nothing is waited for. */
export function waitOf({ wait, waitTimeout }: WaitFlags): WaitRequest | undefined {
  if (wait !== true) return undefined
  return waitTimeout === undefined ? {} : { timeoutMs: waitTimeout * 1000 }
}

/** Of the commands that stop containers: only what was said. */
export function endOptions(flags: ChangeFlags, services: readonly string[]): LifecycleOptions {
  return {
    services,
    ...(flags.timeout !== undefined && { graceMs: flags.timeout * 1000 }),
    ...(flags.deps === false && { noDeps: true }),
  }
}

/** What the planner is told: only what was said. */
export function planOptions(flags: ChangeFlags, services: readonly string[]): PlanOptions {
  return {
    services,
    ...(flags.timeout !== undefined && { graceMs: flags.timeout * 1000 }),
    ...(flags.deps === false && { noDeps: true }),
    ...(flags.volumes === true && { volumes: true }),
    ...(flags.removeOrphans === true && { removeOrphans: true }),
    ...(flags.forceRecreate === true && { forceRecreate: true }),
    ...(flags.recreate === false && { noRecreate: true }),
    ...(flags.alwaysRecreateDeps === true && { alwaysRecreateDeps: true }),
    ...(flags.renewAnonVolumes === true && { renewAnonymousVolumes: true }),
  }
}

/** Options of the commands that build images before they make containers. */
export function addBuildOptions(command: Command): Command {
  return command
    .option('--build', 'build images first, also those that are there')
    .option('--no-build', 'build no image, even if it is missing')
}

/** Which images are built first. */
export function buildWish({ build }: ChangeFlags): { readonly build?: 'missing' | 'all' } {
  if (build === false) return {}
  return { build: build === true ? 'all' : 'missing' }
}
