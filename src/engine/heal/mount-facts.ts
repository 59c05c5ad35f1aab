/** The mounts of a running container that its stack file asks for. */

import { existsSync } from 'node:fs'
import type { MountLine } from '../../linux/index.ts'
import type { MountSpec } from '../../planner/index.ts'
import type { ContainerRecord } from '../records/container.ts'
import type { LiveAttempt, LiveContainer, Machine } from '../machine.ts'
import { placeOf, readMounts } from '../mount-points.ts'
import { attachAgain, checkAttach } from './attach-again.ts'
import type { Fact } from './facts.ts'
import { remount, uncover } from './remount.ts'
import { lowestAt, mountsAlong } from './seen-mounts.ts'

/**
 * Of one that may mount itself only what is gone is seen: what it mounts over, and how it mounts
 * again, is its own affair.
 */
export function mountFacts(
  machine: Machine,
  container: LiveContainer,
  attempt: LiveAttempt,
): readonly Fact[] {
  const { record } = container
  if (record.spec.mounts.length === 0) return []
  const mounts = readMounts(attempt.process?.pid ?? 0)
  if (mounts === undefined) return []
  const places = record.spec.mounts.map((mount) => placeOf(attempt, mount))
  const known = knownMounts(attempt, mounts, places)
  return record.spec.mounts.map((mount, index) => {
    const look = { machine, container, attempt, mounts, known, mount, place: places[index] ?? '' }
    const words = wordsFor(mount)
    return {
      subject: 'container',
      name: record.name,
      field: `mount ${mount.target}`,
      desired: words,
      isPatient: true,
      ...(driftOf(look) ?? { actual: words }),
    }
  })
}

interface Look {
  readonly machine: Machine
  readonly container: LiveContainer
  readonly attempt: LiveAttempt
  readonly mounts: readonly MountLine[]
  readonly known: NonNullable<LiveAttempt['mounts']>
  readonly mount: MountSpec
  readonly place: string
}

/** What each place had when it was first seen, which is as soon as its program runs. */
function knownMounts(
  attempt: LiveAttempt,
  mounts: readonly MountLine[],
  places: readonly string[],
): NonNullable<LiveAttempt['mounts']> {
  const known = (attempt.mounts ??= new Map())
  for (const place of places) {
    const lowest = lowestAt(mounts, place)
    if (lowest === undefined || known.has(place)) continue
    // Its source may be gone by then, before another supervisor's first look.
    const what = lowest.what.replace(/\/\/deleted$/, '')
    known.set(place, { what, readOnly: lowest.readOnly })
  }
  return known
}

type Drift = Pick<Fact, 'actual' | 'mend' | 'cure'> & Partial<Pick<Fact, 'desired'>>

/** Undefined: it is as it should be. */
function driftOf(look: Look): Drift | undefined {
  const { machine, container, attempt, mounts, known, mount, place } = look
  const attach = (): Promise<void> => attachAgain(machine, container, attempt)
  const first = known.get(place)
  if (first === undefined || lowestAt(mounts, place) === undefined) {
    return { actual: 'gone', mend: attach }
  }
  const seen = mountsAlong(mounts, place).at(-1)
  if (seen === undefined || mayMount(container.record) || isOpen(mount)) return undefined
  if (seen.place !== place) return coverDrift(look, seen, attach)
  if (seen.what !== first.what) return sourceDrift(look) ?? coverDrift(look, seen, attach)
  return flagDrift(look, seen, first.readOnly)
}

function flagDrift(
  { container, attempt, mounts, mount }: Look,
  seen: MountLine,
  wasReadOnly: boolean,
): Drift | undefined {
  const readOnly = wasReadOnly || ('readOnly' in mount && mount.readOnly)
  if (seen.readOnly === readOnly) return undefined
  const words = wordsFor(mount)
  return {
    desired: `${words}, ${readOnly ? 'read-only' : 'writable'}`,
    actual: `${words}, ${readOnly ? 'writable' : 'read-only'}`,
    mend: () => remount({ container, attempt, mounts }, seen, readOnly),
  }
}

/**
 * What has been removed or renamed on the host is still there for who has it mounted: it stays
 * until there is something to be mounted in its place, and nothing of ours is put there.
 */
function sourceDrift({ mount }: Look): Drift | undefined {
  if (!isSourceGone(mount)) return undefined
  return { actual: 'bind of what is gone', cure: 'it is mounted again once that is there again' }
}

/** All that only the user can put right of mounts. */
export function isSourceGone(mount: MountSpec): boolean {
  return mount.kind === 'bind' && !existsSync(mount.source)
}

/** `seen` lies on the mount, or on a directory above it, or has taken its place. */
function coverDrift(look: Look, seen: MountLine, attach: () => Promise<void>): Drift {
  const { machine, container, attempt, mounts, known, place } = look
  const { what } = known.get(place) ?? {}
  const isThere = mounts.some((one) => one.place === place && one.what === what)
  const where = seen.place === place ? '' : ` at ${seen.place}`
  return {
    actual: `${isThere ? 'covered' : 'replaced'} by a mount of ${seen.type}${where}`,
    mend: async () => {
      // What cannot be made again is not taken away.
      if (!isThere) await checkAttach(machine, { container, attempt, seen })
      await uncover({ container, attempt, mounts }, seen)
      if (!isThere) await attach()
    },
  }
}

/** What is mounted on its source, on the host, comes here as well: that is what it was asked for. */
function isOpen(mount: MountSpec): boolean {
  return mount.kind === 'bind' && /shared|slave/.test(mount.propagation ?? '')
}

function mayMount({ spec: { privileged, capAdd, capDrop } }: ContainerRecord): boolean {
  const has = (name: string): boolean => capAdd.includes(name) && !capDrop.includes(name)
  return privileged || has('SYS_ADMIN') || capAdd.includes('ALL')
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
