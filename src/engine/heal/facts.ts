/** What should be in the kernel, and what is: field by field, with the cure beside it. */

import { alone, unchangedSince } from '../changing.ts'
import { containersOf, type LiveContainer, type Machine } from '../machine.ts'
import { readNetworkRecords } from '../records/network.ts'
import type { KernelFact } from '../types.ts'
import { containerFacts } from './container-facts.ts'
import { lookAtLinks } from './links.ts'
import { networkFacts } from './network-facts.ts'

export interface Fact extends KernelFact {
  /**
   * Puts it right with the least disturbance; absent: nobody but the user can. False: it is being
   * changed on purpose, and what was seen of it says nothing.
   */
  readonly mend?: () => void | boolean | Promise<void | boolean>
  /** What nobody can mend now: what else does; absent: only a start of its service. */
  readonly cure?: string
  /** Who is at odds with us may be the container itself: each time we wait longer. */
  readonly isPatient?: true
}

export interface LookOptions {
  /** Leave out what only the user can put right. */
  readonly mendable?: boolean
  /** Whose limits are looked at; absent: of all. */
  readonly limitsOf?: (container: LiveContainer) => boolean
  /** Whose network is looked at from the inside, and whose process; absent: of all. */
  readonly insideOf?: (container: LiveContainer) => boolean
  /** Whose mounts are looked at; absent: of all. */
  readonly mountsOf?: (container: LiveContainer) => boolean
  /** Hears of those that are being changed on purpose, and so are left out. */
  readonly onChanging?: (container: LiveContainer) => void
  /** Awaited between containers; absent: all is looked at in one go. See breath.ts. */
  readonly breathe?: () => Promise<void>
}

/** Facts of everything that runs or is there of `stack`; networks first, as others need them. */
export async function factsOf(
  machine: Machine,
  stack: string,
  options: LookOptions = {},
): Promise<readonly Fact[]> {
  const records = readNetworkRecords(machine.paths, stack)
  const bridges = new Map(records.map(({ spec, bridge }) => [spec.name, bridge]))
  let guarded: ReadonlySet<string> | undefined
  const look = {
    ...options,
    links: lookAtLinks(),
    bridges,
    guarded: () => (guarded ??= machine.net.guarded()),
  }
  const facts = [...networkFacts(machine, stack, { links: look.links, records })]
  const present = containersOf(machine, stack).map((one) => [one, unchangedSince(one)] as const)
  for (const [container, isSame] of present) {
    // Of what has been started or changed since, the links are not those that were looked at.
    if (container.changing === undefined && isSame()) {
      const own = containerFacts(machine, container, look)
      facts.push(...own.map((fact) => mendedAlone(fact, container, isSame)))
    } else {
      options.onChanging?.(container)
    }
    await options.breathe?.()
  }
  return facts
}

function mendedAlone(fact: Fact, container: LiveContainer, isSame: () => boolean): Fact {
  const { mend } = fact
  if (mend === undefined) return fact
  return { ...fact, mend: () => alone(container, () => isSame() && mend()) }
}

export function isDrifted({ desired, actual }: Fact): boolean {
  return desired !== actual
}
