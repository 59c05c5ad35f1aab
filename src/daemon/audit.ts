/** `audit`: reads a stack file and says what its services may do. Needs no root. */

import { DEFAULT_CAPABILITIES } from '../linux/index.ts'
import { audit, type AuditedService } from '../planner/index.ts'
import { readStack } from './load.ts'
import type { StackInput } from './protocol.ts'

export interface Audit {
  readonly audited: readonly AuditedService[]
  /** As a person reads them; '' when there are none. */
  readonly warnings: string
}

/** `services`: these only; empty: all. @throws {InvalidStack} with every error found. */
export function auditStack(input: StackInput, services: readonly string[]): Audit {
  const { desired, warnings } = readStack({ ...input, services })
  const all = audit(desired, { defaultCapabilities: DEFAULT_CAPABILITIES })
  const audited =
    services.length === 0 ? all : all.filter(({ service }) => services.includes(service))
  return { audited, warnings }
}
