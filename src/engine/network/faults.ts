/** Faults on purpose: kept with the live attempt, and gone with it. */

import { EngineError } from '../../errors.ts'
import type { Faults } from '../../net/index.ts'
import type { FaultSpec } from '../../planner/index.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'

/** Gives running containers these faults instead of what they have of the kind. */
export function degrade(machine: Machine, names: readonly string[], faults: FaultSpec): void {
  for (const name of names) change(machine, name, (before) => ({ ...before, ...faultsOf(faults) }))
}

/** Cuts each of `left` off from each of `right`, both ways. */
export function partition(
  machine: Machine,
  left: readonly string[],
  right: readonly string[],
): void {
  const cut = (some: readonly string[], others: readonly string[]): void => {
    const addresses = others.flatMap((name) => addressesOf(running(machine, name)))
    for (const name of some) {
      change(machine, name, (before) => ({
        ...before,
        cutOff: [...new Set([...(before.cutOff ?? []), ...addresses])],
      }))
    }
  }
  cut(left, right)
  cut(right, left)
}

export function heal(machine: Machine, names: readonly string[]): void {
  for (const name of names) change(machine, name, () => ({}))
}

/** Faults of the stack file, for an attempt that starts. */
export function applyFaults(
  machine: Machine,
  attempt: Pick<LiveAttempt, 'netns' | 'record'>,
  spec: FaultSpec,
): void {
  write(machine, attempt, faultsOf(spec))
}

function faultsOf({ latencyMs, lossPercent, bitsPerSecond }: FaultSpec): Faults {
  return {
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(lossPercent === undefined ? {} : { lossPercent }),
    ...(bitsPerSecond === undefined ? {} : { bytesPerSecond: Math.ceil(bitsPerSecond / 8) }),
  }
}

function change(machine: Machine, name: string, edit: (before: Faults) => Faults): void {
  const attempt = running(machine, name)
  // Those of the stack file were there first.
  const faults = edit(
    attempt.faults ?? faultsOf(machine.containers.get(name)?.record.spec.faults ?? {}),
  )
  write(machine, attempt, faults)
  attempt.faults = faults
}

function write(
  machine: Machine,
  { netns, record }: Pick<LiveAttempt, 'netns' | 'record'>,
  faults: Faults,
): void {
  if (netns === undefined) return
  const hostInterfaces = record.interfaces.map(({ hostInterface }) => hostInterface)
  machine.net.setFaults({ netnsFd: netns, hostInterfaces, ...faults })
}

function running(machine: Machine, name: string): LiveAttempt {
  const container: LiveContainer | undefined = machine.containers.get(name)
  const attempt = container?.attempt
  if (attempt?.process && !attempt.exit && attempt.record.interfaces.length > 0) return attempt
  throw new EngineError(
    'NOT_RUNNING',
    `Cannot change the network of "${name}": it has no network of its own now`,
    { hint: 'start it first; a container in the network of the host or of another has none' },
  )
}

function addressesOf({ record }: LiveAttempt): readonly string[] {
  return record.interfaces.flatMap(({ ipv4, ipv6 }) =>
    [ipv4, ipv6].filter((one) => one !== undefined),
  )
}
