/** Which rules of a profile count for a container, and what they say for each system call. */

import { capabilityName } from '../capabilities.ts'
import { isKernelAtLeast } from '../kernel.ts'
import { type Abi, type Architecture, syscallTable, X32_BIT } from '../syscalls/index.ts'
import { type Action, isPermissive, parseAction, RETURN_ENOSYS } from './action.ts'
import { type Comparison, parseComparison } from './comparison.ts'
import type { SeccompArgument, SeccompCondition, SeccompProfile, SeccompRule } from './profile.ts'

/** What the conditions of the rules are held against. */
export interface SeccompContext {
  readonly architecture: Architecture
  /** The container's bounding set; with or without `CAP_`. */
  readonly capabilities: Iterable<string>
  /** Release of the running kernel: `6.18.0`. */
  readonly kernel: string
}

/** A conjunction of comparisons and what happens when all hold. */
export interface Clause {
  readonly comparisons: readonly Comparison[]
  readonly action: Action
}

/** What happens to one system call: the first clause that holds, else `otherwise`. */
export interface Verdict {
  readonly clauses: readonly Clause[]
  readonly otherwise: Action
}

/** Names of the architectures in Go's words, as Docker's profile uses them. */
const GO_ARCHITECTURE: Readonly<Record<Architecture, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * 32-bit x86 reaches every address family through the one call `socketcall`, whose arguments a
 * filter cannot see: it would walk around the profile's rule for `socket`.
 */
const MULTIPLEXED = 'socketcall'

/** The rules whose conditions hold. @see profiles/seccomp/seccomp_linux.go in Moby */
export function selectRules(profile: SeccompProfile, context: SeccompContext): SeccompRule[] {
  const capabilities = new Set(
    [...context.capabilities].map((name) => capabilityName(name) ?? name),
  )
  const holds = { ...context, capabilities, arch: GO_ARCHITECTURE[context.architecture] }
  return profile.syscalls.filter(
    ({ includes, excludes }) =>
      isIncluded(includes ?? {}, holds) && !isExcluded(excludes ?? {}, holds),
  )
}

/**
 * What `rules` say for every number of one interface. Numbers that are missing are calls that
 * neither we nor the profile know: they answer ENOSYS, because glibc tries a new call, and falls
 * back
 * to the old one on ENOSYS only.
 */
export function verdicts(
  rules: readonly SeccompRule[],
  options: {
    readonly abi: Abi
    readonly defaultAction: Action
    /** Lets 32-bit x86 programs use sockets, at the price of the profile's rule for `socket`. */
    readonly allowSocketcall?: boolean | undefined
  },
): ReadonlyMap<number, Verdict> {
  const { abi, defaultAction } = options
  const table = syscallTable(abi)
  const byName = rulesByName(rules)
  if (options.allowSocketcall !== true) byName.delete(MULTIPLEXED)
  const newest = newestNamed(table, byName)
  const result = new Map<number, Verdict>()
  for (const [name, number] of table) {
    const named = byName.get(name)
    const isNews = isSequential(number) && number > newest && !isPermissive(defaultAction)
    const action = isNews ? RETURN_ENOSYS : defaultAction
    // Two names of one number (arm_sync_file_range, sync_file_range2): either may have the rule.
    if (named) result.set(number, verdictOf(clausesOf(named, { abi, name }), defaultAction))
    else if (!result.has(number)) result.set(number, { clauses: [], otherwise: action })
  }
  return result
}

type Holds = Omit<SeccompContext, 'capabilities'> & {
  readonly capabilities: ReadonlySet<string>
  readonly arch: string
}

function isIncluded({ caps, arches, minKernel }: SeccompCondition, holds: Holds): boolean {
  if (arches?.length && !arches.includes(holds.arch)) return false
  if (caps && !caps.every((name) => hasCapability(name, holds))) return false
  return minKernel === undefined || isKernelAtLeast(minKernel, holds.kernel)
}

function isExcluded({ caps, arches, minKernel }: SeccompCondition, holds: Holds): boolean {
  if (arches?.includes(holds.arch)) return true
  if (caps?.some((name) => hasCapability(name, holds))) return true
  return minKernel !== undefined && isKernelAtLeast(minKernel, holds.kernel)
}

function hasCapability(name: string, { capabilities }: Holds): boolean {
  return capabilities.has(capabilityName(name) ?? name)
}

function rulesByName(rules: readonly SeccompRule[]): Map<string, SeccompRule[]> {
  const byName = new Map<string, SeccompRule[]>()
  for (const rule of rules) {
    for (const name of rule.names) byName.set(name, [...(byName.get(name) ?? []), rule])
  }
  return byName
}

function clausesOf(
  rules: readonly SeccompRule[],
  call: { readonly abi: Abi; readonly name: string },
): Clause[] {
  return rules.flatMap(({ action, errnoRet, args }) =>
    alternatives(args ?? []).map((together) => ({
      comparisons: together.map((arg) => parseComparison(arg, call)),
      action: parseAction(action, errnoRet),
    })),
  )
}

/**
 * Comparisons of different arguments must all hold; of the same argument, one of them (as in
 * runc).
 */
function alternatives(args: readonly SeccompArgument[]): (readonly SeccompArgument[])[] {
  const isRepeated = new Set(args.map(({ index }) => index)).size < args.length
  return isRepeated ? args.map((arg) => [arg]) : [args]
}

/** A rule without comparisons decides alone, whatever else is said of the call. */
function verdictOf(clauses: readonly Clause[], defaultAction: Action): Verdict {
  const always = clauses.find(({ comparisons }) => comparisons.length === 0)
  if (always) return { clauses: [], otherwise: always.action }
  return { clauses, otherwise: defaultAction }
}

/**
 * Highest number, of those that are handed out one after the other, that the rules have an opinion
 * on.
 */
function newestNamed(
  table: ReadonlyMap<string, number>,
  byName: ReadonlyMap<string, unknown>,
): number {
  const named = [...table].filter(([name, number]) => byName.has(name) && isSequential(number))
  return Math.max(0, ...named.map(([, number]) => number))
}

/** x32 has old calls at 512 to 547, and arm private ones from 0xf0000: neither says what is new. */
function isSequential(number: number): boolean {
  return number % X32_BIT < SEQUENTIAL_MAX
}

const SEQUENTIAL_MAX = 512
