/** Seccomp profiles in Docker's JSON, as parsed: the default one and those that users bring. */

import defaultProfile from './default-profile.json' with { type: 'json' }

export interface SeccompArgument {
  readonly index: number
  readonly value: number
  readonly valueTwo?: number | undefined
  /** `SCMP_CMP_EQ` and so on. */
  readonly op: string
}

/** When a rule counts. */
export interface SeccompCondition {
  readonly caps?: readonly string[] | undefined
  /** As Go names them: `amd64`, `arm64`. */
  readonly arches?: readonly string[] | undefined
  /** `4.8`. */
  readonly minKernel?: string | undefined
}

export interface SeccompRule {
  readonly names: readonly string[]
  /** `SCMP_ACT_ALLOW` and so on. */
  readonly action: string
  readonly errnoRet?: number | undefined
  readonly args?: readonly SeccompArgument[] | null | undefined
  readonly includes?: SeccompCondition | null | undefined
  readonly excludes?: SeccompCondition | null | undefined
}

export interface SeccompProfile {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number | undefined
  readonly syscalls: readonly SeccompRule[]
}

/**
 * The default profile of Docker Engine: moby/profiles, seccomp/default.json at commit cd3bed8
 * (2026-06-30), Apache-2.0, The Moby Authors; see NOTICE.
 */
export const DEFAULT_SECCOMP_PROFILE: SeccompProfile = defaultProfile
