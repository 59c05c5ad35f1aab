/** What should be in the kernel, and what is: field by field, with the cure beside it. */

import { containersOf, type Machine } from '../machine.ts'
import type { KernelFact } from '../types.ts'
import { containerFacts } from './container-facts.ts'
import { lookAtLinks } from './links.ts'
import { networkFacts } from './network-facts.ts'

export interface Fact extends KernelFact {
  /** Puts it right with the least disturbance; absent: nobody but the user can. */
  readonly mend?: () => void | Promise<void>
}

/** Facts of everything that runs or is there of `stack`; networks first, as others need them. */
export function factsOf(machine: Machine, stack: string): readonly Fact[] {
  const links = lookAtLinks()
  return [
    ...networkFacts(machine, stack, links),
    ...containersOf(machine, stack).flatMap((one) => containerFacts(machine, one, links)),
  ]
}

export function isDrifted({ desired, actual }: Fact): boolean {
  return desired !== actual
}
