/** From the config's seccomp to a profile of our compiler. */

import { UsageError } from '../errors.ts'
import { type Abi, ARCHITECTURE, type SeccompProfile } from '../linux/index.ts'
import type { SpecSeccomp } from './spec.ts'

/** Absent: an architecture of another processor, which no program here can enter. */
const ABIS: Readonly<Record<string, Abi>> = {
  SCMP_ARCH_X86_64: 'x64',
  SCMP_ARCH_X86: 'i386',
  SCMP_ARCH_X32: 'x32',
  SCMP_ARCH_AARCH64: 'arm64',
  SCMP_ARCH_ARM: 'arm',
}

/** Those of the processor's own family are entered by programs; the rest is passed over. */
export const SECCOMP_ARCHITECTURES: readonly string[] = Object.keys(ABIS)

export const SECCOMP_FLAGS: readonly string[] = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
]

/** The processor's own interface counts always, as in libseccomp; others end the process. */
export function seccompProfile(seccomp: SpecSeccomp): {
  readonly profile: SeccompProfile
  readonly abis: readonly Abi[] | undefined
} {
  for (const flag of seccomp.flags ?? []) {
    if (SECCOMP_FLAGS.includes(flag)) continue
    throw new UsageError(
      `Cannot use "${flag}" as a flag of linux.seccomp: one of ${SECCOMP_FLAGS.join(', ')} is needed`,
    )
  }
  const { defaultAction, defaultErrnoRet, architectures = [], syscalls = [] } = seccomp
  const named = architectures.map((name) => ABIS[name]).filter((abi) => abi !== undefined)
  return {
    profile: {
      defaultAction,
      ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
      syscalls,
    },
    abis: [ARCHITECTURE, ...named],
  }
}
