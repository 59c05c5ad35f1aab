/** Whether the first process of a container is still in its control group, where its limits hold. */

import { type Stray, takeHome } from '../../linux/index.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import type { Fact } from './facts.ts'

/** One below its own group is there as well: a container may divide what it has. */
export function groupFact(
  machine: Machine,
  { record }: LiveContainer,
  attempt: LiveAttempt,
): readonly Fact[] {
  const { process } = attempt
  if (process === undefined) return []
  const { pid } = process
  const { cgroup } = attempt.record
  const strays = machine.cgroups.open(cgroup).strays(pid)
  const desired = `pid ${pid} in /${cgroup}`
  return [
    {
      subject: 'container',
      name: record.name,
      field: 'group',
      desired,
      actual: strays.length === 0 ? desired : `pid ${pid} in ${placesText(strays)}`,
      mend: () => takeHome(strays, pid),
    },
  ]
}

/** `/batch (memory; cpu,cpuacct)`: each group once. */
function placesText(strays: readonly Stray[]): string {
  const groups = Map.groupBy(strays, ({ group }) => group)
  return [...groups]
    .map(([group, own]) => {
      const names = own.map(({ hierarchy }) => hierarchy).filter((name) => name !== '')
      return names.length === 0 ? group : `${group} (${names.join('; ')})`
    })
    .join(', ')
}
