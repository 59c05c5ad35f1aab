/**
 * The parts of a launch that come from the process description alone: limits, capabilities, filter.
 */

import {
  ARCHITECTURE,
  capabilityMask,
  compileSeccomp,
  DEFAULT_SECCOMP_PROFILE,
  kernelRelease,
  lastCapability,
} from '../../linux/index.ts'
import type { ProgramInput } from './child.ts'
import { launchLimits } from './limits.ts'
import type { OciConfig } from './oci.ts'

/** Everything but the descriptors. */
export function programInput(
  config: OciConfig,
  program: { readonly name: string; readonly executable: string; readonly init: boolean },
): Omit<ProgramInput, 'tasks'> {
  const { process, linux } = config
  return {
    process,
    ...program,
    ...(linux.seccomp === 'default' ? { seccomp: seccompFilter(config) } : {}),
    capabilityMask: capabilityMask(process.capabilities.bounding),
    lastCapability: highestCapability(),
    ...launchLimits(process),
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
function seccompFilter(config: OciConfig): Buffer {
  const capabilities = [...config.process.capabilities.bounding].sort()
  const key = capabilities.join()
  const known = filters.get(key)
  if (known) return known
  const filter = compileSeccomp({
    profile: DEFAULT_SECCOMP_PROFILE,
    architecture: ARCHITECTURE,
    kernel: kernelRelease(),
    capabilities,
  })
  filters.set(key, filter)
  return filter
}
