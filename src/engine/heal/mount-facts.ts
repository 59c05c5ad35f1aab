/** The mounts of a running container that its stack file asks for. */

import type { MountSpec } from '../../planner/index.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { mountPoints, placeOf } from '../mount-points.ts'
import { attachAgain } from './attach-again.ts'
import type { Fact } from './facts.ts'

export function mountFacts(
  machine: Machine,
  container: LiveContainer,
  attempt: LiveAttempt,
): readonly Fact[] {
  const { record } = container
  if (record.spec.mounts.length === 0) return []
  const present = mountPoints(attempt.process?.pid ?? 0)
  if (present === undefined) return []
  return record.spec.mounts.map((mount) => ({
    subject: 'container',
    name: record.name,
    field: `mount ${mount.target}`,
    desired: wordsFor(mount),
    actual: present.has(placeOf(attempt, mount)) ? wordsFor(mount) : 'gone',
    mend: () => attachAgain(machine, container, attempt),
    isPatient: true,
  }))
}

function wordsFor(mount: MountSpec): string {
  switch (mount.kind) {
    case 'volume':
      return mount.anonymous ? 'a volume of its own' : `volume "${mount.volume}"`
    case 'bind':
      return `bind of "${mount.source}"`
    case 'file':
      return `${mount.object} "${mount.name}"`
    case 'tmpfs':
      return 'tmpfs'
  }
}
