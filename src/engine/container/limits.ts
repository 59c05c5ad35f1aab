/** The rlimits and the OOM score of a container, in the numbers that the kernel takes. */

import { readFileSync } from 'node:fs'
import {
  CAPABILITIES,
  effectiveCapabilities,
  capabilityMask,
  getRlimit,
  inUserNamespace,
  RLIM_INFINITY,
  RLIMITS,
  type RlimitName,
} from '../../linux/index.ts'
import type { ProgramInput } from './child.ts'
import { DEFAULT_RLIMITS } from './defaults.ts'
import type { OciProcess, OciRlimit } from './oci.ts'

/** Every limit in words, so that none is inherited from whoever started the supervisor. */
export function launchLimits(
  process: OciProcess,
): Pick<ProgramInput, 'rlimits'> & { readonly oomScoreAdj?: number } {
  const oomScoreAdj = process.oomScoreAdj ?? 0
  return {
    rlimits: process.rlimits.map(resolve),
    ...(oomScoreAdj === ownOomScoreAdj() ? {} : { oomScoreAdj }),
  }
}

/**
 * A default above our own hard limit is lowered to that where we may not raise it; what the stack
 * file asks for is not, so that the kernel's refusal is seen.
 */
function resolve(limit: OciRlimit): ProgramInput['rlimits'][number] {
  const name = limit.type.replace('RLIMIT_', '').toLowerCase() as RlimitName
  const [soft, hard] = [toKernel(limit.soft), toKernel(limit.hard)]
  const resource = RLIMITS[name]
  if (!DEFAULT_RLIMITS.includes(limit) || mayRaiseLimits()) return { resource, soft, hard }
  const own = ownHardLimit(name)
  return { resource, soft: soft < own ? soft : own, hard: hard < own ? hard : own }
}

/**
 * Those of `rlimits` that are above our own, with all of it at once: root in a user namespace may
 * lower them only.
 */
export function raisedLimits(
  rlimits: ProgramInput['rlimits'],
): NonNullable<ProgramInput['users']>['raised'] {
  const names = Object.entries(RLIMITS)
  return rlimits.flatMap(({ resource, hard }) => {
    const name = names.find(([, number]) => number === resource)?.[0] as RlimitName
    return hard > ownHardLimit(name) ? [{ resource, soft: hard, hard }] : []
  })
}

const hardLimits = new Map<RlimitName, bigint>()

/** Asked once: it can only be lowered, and nobody does. */
function ownHardLimit(name: RlimitName): bigint {
  const known = hardLimits.get(name) ?? getRlimit(name).hard
  hardLimits.set(name, known)
  return known
}

function toKernel(value: number): bigint {
  return Number.isFinite(value) ? BigInt(value) : RLIM_INFINITY
}

let own: readonly string[] | undefined

/**
 * Names of the capabilities that this process has, and so may leave to a container. Asked once: it
 * never changes its own.
 */
export function ownCapabilities(): readonly string[] {
  own ??= namesOf(effectiveCapabilities())
  return own
}

function namesOf(capabilities: bigint): readonly string[] {
  return CAPABILITIES.filter((name) => (capabilities & capabilityMask([name])) !== 0n)
}

function mayRaiseLimits(): boolean {
  // In a user namespace it is a capability over nothing that limits belong to.
  return ownCapabilities().includes('SYS_RESOURCE') && !inUserNamespace()
}

function ownOomScoreAdj(): number {
  return Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
}
