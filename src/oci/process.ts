/** From the config's process to what the launch code executes. */

import { existsSync } from 'node:fs'
import type { BundleInput, OciProcess } from '../engine/index.ts'
import { EngineError, UsageError } from '../errors.ts'
import {
  ARCHITECTURE,
  CAPABILITIES,
  capabilityMask,
  compileSeccomp,
  effectiveCapabilities,
  kernelRelease,
  lastCapability,
  RLIM_INFINITY,
  type RlimitName,
} from '../linux/index.ts'
import type {
  CapabilitySetName,
  RuntimeSpec,
  SpecLinux,
  SpecProcess,
  SpecScheduler,
} from './spec.ts'
import { seccompProfile } from './seccomp.ts'

type Parts = Pick<
  BundleInput,
  | 'process'
  | 'capabilityMask'
  | 'capabilitySets'
  | 'lastCapability'
  | 'seccomp'
  | 'personality'
  | 'scheduler'
  | 'ioPriority'
>

/** Throws USAGE and LAUNCH for what this host has not. */
export function processParts(process: SpecProcess, { linux = {} }: RuntimeSpec): Parts {
  const sets = capabilitySets(process)
  const seccomp = seccompFilter(linux)
  const { scheduler, ioPriority } = process
  return {
    process: ociProcess(process),
    capabilityMask: sets.bounding,
    capabilitySets: sets,
    lastCapability: lastCapability(),
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(linux.personality === undefined ? {} : { personality: personalityOf(linux.personality) }),
    ...(scheduler === undefined ? {} : { scheduler: schedulerBytes(scheduler) }),
    ...(ioPriority === undefined ? {} : { ioPriority: ioPriorityOf(ioPriority) }),
  }
}

/** By the names of {@link RLIMITS}. */
export function limitsOf(
  rlimits: SpecProcess['rlimits'] = [],
): readonly { readonly name: RlimitName; readonly soft: bigint; readonly hard: bigint }[] {
  return rlimits.map(({ type, soft, hard }) => ({
    name: type.replace('RLIMIT_', '').toLowerCase() as RlimitName,
    soft: toLimit(soft),
    hard: toLimit(hard),
  }))
}

/** JSON numbers have 53 bits: what is larger than any limit was meant to be none. */
function toLimit(value: number): bigint {
  return value >= 2 ** 63 ? RLIM_INFINITY : BigInt(value)
}

function ociProcess(process: SpecProcess): OciProcess {
  const { user = {} } = process
  refuseLabel(process)
  return {
    terminal: process.terminal === true,
    user: {
      uid: user.uid ?? 0,
      gid: user.gid ?? 0,
      additionalGids: user.additionalGids ?? [],
      ...(user.umask === undefined ? {} : { umask: user.umask }),
    },
    args: process.args ?? [],
    env: process.env ?? [],
    cwd: process.cwd,
    capabilities: { bounding: [] },
    rlimits: [],
    noNewPrivileges: process.noNewPrivileges === true,
    ...(process.apparmorProfile === undefined || process.apparmorProfile === ''
      ? {}
      : { apparmorProfile: knownProfile(process.apparmorProfile) }),
  }
}

function knownProfile(profile: string): string {
  if (existsSync('/sys/kernel/security/apparmor/profiles')) return profile
  throw new EngineError(
    'LAUNCH',
    `Cannot confine by the AppArmor profile "${profile}": this host has no AppArmor`,
    { hint: 'leave "apparmorProfile" out, or boot with security=apparmor' },
  )
}

function refuseLabel({ selinuxLabel = '' }: SpecProcess): void {
  if (selinuxLabel === '') return
  throw new EngineError(
    'LAUNCH',
    `Cannot label the process "${selinuxLabel}": no SELinux is used`,
    {
      hint: 'leave "selinuxLabel" out',
    },
  )
}

const SETS: readonly CapabilitySetName[] = [
  'bounding',
  'effective',
  'permitted',
  'inheritable',
  'ambient',
]

/** What this process has not got cannot be given: it is left out, as runc does. */
function capabilitySets({ capabilities = {} }: SpecProcess): Record<CapabilitySetName, bigint> {
  const own = effectiveCapabilities()
  const sets = Object.fromEntries(
    SETS.map((set) => {
      const known = (capabilities[set] ?? []).filter((name) =>
        CAPABILITIES.includes(name.replace(/^CAP_/, '')),
      )
      return [set, capabilityMask(known) & own]
    }),
  ) as Record<CapabilitySetName, bigint>
  // The kernel refuses others as ambient, which older configs name all the same.
  return { ...sets, ambient: sets.ambient & sets.inheritable & sets.permitted }
}

function seccompFilter({ seccomp }: SpecLinux): Buffer | undefined {
  if (seccomp === undefined) return undefined
  const { profile, abis } = seccompProfile(seccomp)
  return compileSeccomp({
    profile,
    architecture: ARCHITECTURE,
    kernel: kernelRelease(),
    capabilities: [],
    allowSocketcall: true,
    ...(abis === undefined ? {} : { abis }),
  })
}

/** @see personality(2) */
function personalityOf({ domain }: NonNullable<SpecLinux['personality']>): number {
  return domain === 'LINUX32' ? 0x0008 : 0
}

// include/uapi/linux/sched.h, include/uapi/linux/ioprio.h
const POLICIES: Readonly<Record<string, number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
}
const SCHED_FLAGS: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
}
const SCHED_ATTR_BYTES = 48
const IO_CLASSES: Readonly<Record<string, number>> = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
}

/** struct sched_attr. @see sched_setattr(2) */
function schedulerBytes(scheduler: SpecScheduler): Buffer {
  const { flags = [], nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler
  const policy = numberOf(POLICIES, scheduler.policy, 'process.scheduler.policy')
  const bits = flags.reduce((sum, flag) => sum | numberOf(SCHED_FLAGS, flag, 'a flag of it'), 0)
  const bytes = Buffer.alloc(SCHED_ATTR_BYTES)
  bytes.writeUInt32LE(SCHED_ATTR_BYTES, 0)
  bytes.writeUInt32LE(policy, 4)
  bytes.writeBigUInt64LE(BigInt(bits), 8)
  bytes.writeInt32LE(nice, 16)
  bytes.writeUInt32LE(priority, 20)
  for (const [index, value] of [runtime, deadline, period].entries()) {
    bytes.writeBigUInt64LE(BigInt(value), 24 + 8 * index)
  }
  return bytes
}

function ioPriorityOf({ class: name, priority }: NonNullable<SpecProcess['ioPriority']>): number {
  return (numberOf(IO_CLASSES, name, 'process.ioPriority.class') << 13) | priority
}

function numberOf(table: Readonly<Record<string, number>>, name: string, what: string): number {
  const value = table[name]
  if (value !== undefined) return value
  throw new UsageError(
    `Cannot use "${name}" as ${what}: one of ${Object.keys(table).join(', ')} is needed`,
  )
}
