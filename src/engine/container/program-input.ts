/**
 * The parts of a launch that come from the process description alone: limits, capabilities, filter.
 */

import {
  ARCHITECTURE,
  capabilityMask,
  compileSeccomp,
  DEFAULT_SECCOMP_PROFILE,
  hasX32,
  kernelRelease,
  type SeccompProfile,
  lastCapability,
} from '../../linux/index.ts'
import { EngineError, errorText } from '../../errors.ts'
import type { ProgramInput } from './child.ts'
import { launchLimits, raisedLimits } from './limits.ts'
import type { OciConfig } from './oci.ts'

/** Everything but the descriptors. */
export function programInput(
  config: OciConfig,
  program: Pick<ProgramInput, 'name' | 'executable' | 'init' | 'ownedStreams'>,
): ProgramInput {
  const { process, linux } = config
  const limits = launchLimits(process)
  const first = linux.uidMappings?.[0].hostID
  return {
    process,
    ...program,
    ...(first === undefined ? {} : { users: { first, raised: raisedLimits(limits.rlimits) } }),
    ...(linux.seccomp === 'unconfined' ? {} : { seccomp: seccompFilter(config, linux.seccomp) }),
    capabilityMask: capabilityMask(process.capabilities.bounding),
    lastCapability: highestCapability(),
    ...limits,
  }
}

let highest: number | undefined

/** Asked once: the kernel does not change under us. */
function highestCapability(): number {
  highest ??= lastCapability()
  return highest
}

const filters = new Map<string, Buffer>()

/** Compiled once for each set of capabilities: rules of the profile depend on them. */
function seccompFilter(config: OciConfig, wanted: 'default' | SeccompProfile): Buffer {
  const capabilities = [...config.process.capabilities.bounding].sort()
  if (wanted !== 'default') return ownFilter(wanted, capabilities)
  const key = capabilities.join()
  const known = filters.get(key)
  if (known) return known
  const filter = compileSeccomp({
    profile: DEFAULT_SECCOMP_PROFILE,
    architecture: ARCHITECTURE,
    kernel: kernelRelease(),
    x32: hasX32(),
    capabilities,
  })
  filters.set(key, filter)
  return filter
}

/** Who writes a profile of their own decides about `socketcall` as well. */
function ownFilter(profile: SeccompProfile, capabilities: readonly string[]): Buffer {
  try {
    return compileSeccomp({
      profile,
      architecture: ARCHITECTURE,
      kernel: kernelRelease(),
      x32: hasX32(),
      capabilities,
      allowSocketcall: true,
    })
  } catch (cause) {
    const why = errorText(cause)
    throw new EngineError('LAUNCH', why, { hint: 'correct the profile', cause })
  }
}
