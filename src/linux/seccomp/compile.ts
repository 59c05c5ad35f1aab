/**
 * Compiles a profile into a seccomp filter.
 * @see docs/decisions/0003-seccomp-compiler.md, Documentation/userspace-api/seccomp_filter.rst
 */

import { type Abi, type Architecture, X32_BIT } from '../syscalls/index.ts'
import {
  type Action,
  isPermissive,
  parseAction,
  RETURN_ENOSYS,
  RETURN_KILL_PROCESS,
} from './action.ts'
import { Assembler, type Mark } from './assembler.ts'
import { writeComparison } from './comparison.ts'
import type { SeccompProfile } from './profile.ts'
import { type SeccompContext, selectRules, type Verdict, verdicts } from './rules.ts'

const OFFSET_NUMBER = 0 // struct seccomp_data: int nr; __u32 arch; __u64 ip; __u64 args[6]
const OFFSET_ARCHITECTURE = 4

/** AUDIT_ARCH_* of the interfaces that a process of each architecture can enter (linux/audit.h). */
const AUDIT: Readonly<Record<Architecture, readonly (readonly [audit: number, abi: Abi])[]>> = {
  x64: [
    [0xc000003e, 'x64'],
    [0x40000003, 'i386'],
  ],
  arm64: [
    [0xc00000b7, 'arm64'],
    [0x40000028, 'arm'],
  ],
}

export interface SeccompOptions extends SeccompContext {
  readonly profile: SeccompProfile
  /** Lets 32-bit x86 programs use sockets, at the price of the profile's rule for `socket`. */
  readonly allowSocketcall?: boolean | undefined
  /** Whether this kernel has x32; default true. Without, its calls answer ENOSYS as by the kernel. */
  readonly x32?: boolean | undefined
  /** Interfaces that may be used at all; absent: every one that the processor has. */
  readonly abis?: readonly Abi[] | undefined
}

/**
 * The filter as an array of struct sock_filter. Architectures other than the host's own kill the
 * process; calls that are unknown answer ENOSYS; what is known and has no rule gets the default.
 */
export function compileSeccomp(options: SeccompOptions): Buffer {
  const cache = compiled.get(options.profile) ?? new Map<string, Buffer>()
  compiled.set(options.profile, cache)
  const { architecture, capabilities, kernel, allowSocketcall = false, abis = [], x32 } = options
  const parts = [architecture, kernel, allowSocketcall, x32, ...abis, ...[...capabilities].sort()]
  const key = parts.join(' ')
  const filter = cache.get(key) ?? compile({ ...options, capabilities: [...capabilities] })
  cache.set(key, filter)
  return filter
}

/** By profile and by what its conditions see: a stack's containers mostly share one filter. */
const compiled = new WeakMap<SeccompProfile, Map<string, Buffer>>()

function compile(options: SeccompOptions): Buffer {
  const { profile, architecture } = options
  const rules = selectRules(profile, options)
  const defaultAction = parseAction(profile.defaultAction, profile.defaultErrnoRet)
  const assembler = new Assembler()
  const isAllowed = (abi: Abi): boolean => options.abis?.includes(abi) ?? true
  const tree = (abi: Abi): void => {
    if (!isAllowed(abi)) {
      assembler.return(RETURN_KILL_PROCESS)
      return
    }
    const { allowSocketcall } = options
    if (abi === 'x32' && options.x32 === false) {
      assembler.return(RETURN_ENOSYS)
      return
    }
    const known = verdicts(rules, { abi, defaultAction, allowSocketcall })
    writeTree(assembler, toRanges(known, unknownCall(defaultAction)))
  }
  assembler.load(OFFSET_ARCHITECTURE)
  for (const [audit, abi] of AUDIT[architecture]) {
    const other = assembler.mark()
    assembler.when('equal', audit, { no: other })
    assembler.load(OFFSET_NUMBER)
    if (abi === 'x64') writeX32(assembler, tree)
    tree(abi)
    assembler.place(other)
  }
  assembler.return(RETURN_KILL_PROCESS)
  return assembler.assemble()
}

/** Calls of x32 say so in bit 30 of the number, not in the architecture. */
function writeX32(assembler: Assembler, tree: (abi: Abi) => void): void {
  const native = assembler.mark()
  assembler.when('anyBit', X32_BIT, { no: native })
  tree('x32')
  assembler.place(native)
}

/** Numbers `first` up to the next range's that share a verdict. */
interface Range {
  readonly first: number
  readonly verdict: Verdict
}

/** What numbers without a name get. @see generatePatch in runc libcontainer/seccomp/patchbpf */
function unknownCall(defaultAction: Action): Verdict {
  return { clauses: [], otherwise: isPermissive(defaultAction) ? defaultAction : RETURN_ENOSYS }
}

/**
 * A binary search over the number that is loaded. What most numbers end in is written once: the
 * kernel compiles each instruction anew for each container.
 */
function writeTree(assembler: Assembler, ranges: readonly Range[]): void {
  const plain = new Map<Action, Mark>()
  writeBranch(assembler, ranges, plain)
  for (const [action, mark] of plain) {
    assembler.place(mark)
    assembler.return(action)
  }
}

function writeBranch(
  assembler: Assembler,
  ranges: readonly Range[],
  plain: Map<Action, Mark>,
): void {
  const middle = ranges.length >> 1
  const pivot = ranges[middle]
  if (pivot === undefined) return
  if (middle === 0) {
    writeVerdict(assembler, pivot.verdict)
    return
  }
  const [below, above] = [ranges.slice(0, middle), ranges.slice(middle)]
  const [low, high] = [plainEnd(assembler, below, plain), plainEnd(assembler, above, plain)]
  const upper = high ?? assembler.mark()
  assembler.when('greaterOrEqual', pivot.first, { yes: upper, no: low })
  if (low === undefined) writeBranch(assembler, below, plain)
  if (high !== undefined) return
  assembler.place(upper)
  writeBranch(assembler, above, plain)
}

/** Where all of `ranges` end, when that is one and looks at no argument. */
function plainEnd(
  assembler: Assembler,
  ranges: readonly Range[],
  plain: Map<Action, Mark>,
): Mark | undefined {
  const [only, ...others] = ranges
  if (only === undefined || others.length > 0 || only.verdict.clauses.length > 0) return undefined
  const action = only.verdict.otherwise
  const mark = plain.get(action) ?? assembler.mark()
  plain.set(action, mark)
  return mark
}

function toRanges(byNumber: ReadonlyMap<number, Verdict>, unknown: Verdict): Range[] {
  const ranges: Range[] = [{ first: 0, verdict: unknown }]
  const add = (first: number, verdict: Verdict): void => {
    const last = ranges.at(-1)
    if (last && isSame(last.verdict, verdict)) return
    if (last?.first === first) ranges.pop()
    ranges.push({ first, verdict })
  }
  const numbers = [...byNumber.keys()].sort((a, b) => a - b)
  for (const number of numbers) {
    add(number, byNumber.get(number) ?? unknown)
    if (!byNumber.has(number + 1)) add(number + 1, unknown)
  }
  return ranges
}

function isSame(one: Verdict, other: Verdict): boolean {
  return one.clauses.length + other.clauses.length === 0 && one.otherwise === other.otherwise
}

function writeVerdict(assembler: Assembler, verdict: Verdict): void {
  for (const { comparisons, action } of verdict.clauses) {
    const fails = assembler.mark()
    for (const comparison of comparisons) writeComparison(assembler, comparison, fails)
    assembler.return(action)
    assembler.place(fails)
  }
  assembler.return(verdict.otherwise)
}
