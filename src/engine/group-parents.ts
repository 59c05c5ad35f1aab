/**
 * Groups of others below which a stack's own are made (`cgroup_parent`): those that were missing
 * are made, written down, and removed with the last container that needs them.
 */

import { join } from 'node:path'
import { EngineError } from '../errors.ts'
import type { ContainerSpec } from '../planner/index.ts'
import type { Machine } from './machine.ts'
import { containerCgroup, rootGroup, stackCgroup } from './paths.ts'
import type { ContainerRecord } from './records/container.ts'
import { readRecord, removeRecord, writeRecord } from './records/file.ts'

/** cgroup path of a container, below the root of each hierarchy. */
export function groupOf(
  { cgroups, paths }: Machine,
  { stack, name, spec }: Pick<ContainerRecord, 'stack' | 'name' | 'spec'>,
): string {
  const own = containerCgroup(paths, stack, name)
  const parent = fromTop(cgroups, spec.cgroupParent)
  return parent === undefined ? own : `${parent}/${own}`
}

/**
 * Writes down which groups are about to be made for the container's sake.
 * @throws {EngineError} NO_CGROUP when the parent is out of our reach.
 */
export function claimParent(machine: Machine, { name, spec }: ContainerRecord): void {
  if (spec.cgroupParent === undefined) return
  const parent = reachable(machine, name, spec.cgroupParent)
  const record = readParents(machine)
  const parents = [...new Set([...record.parents, parent])]
  const made = [...new Set([...record.made, ...machine.cgroups.missing(parent)])]
  if (parents.length === record.parents.length && made.length === record.made.length) return
  writeParents(machine, { parents, made })
}

/** Removes the group of a stack without containers, wherever it is, and what was made for it. */
export function removeStackGroups(machine: Machine, stack: string): void {
  const { cgroups, paths } = machine
  const own = stackCgroup(paths, stack)
  cgroups.open(own).remove()
  for (const parent of readParents(machine).parents) cgroups.open(`${parent}/${own}`).remove()
  sweepParents(machine)
}

/** Removes what was made and is empty now. */
export function sweepParents(machine: Machine): void {
  const { cgroups } = machine
  const record = readParents(machine)
  if (record.parents.length === 0 && record.made.length === 0) return
  const made = record.made.toReversed().filter((directory) => !cgroups.removeIfEmpty(directory))
  writeParents(machine, {
    parents: record.parents.filter((parent) => isUsed(machine, parent)),
    made: made.toReversed(),
  })
}

function isUsed({ cgroups, paths }: Machine, parent: string): boolean {
  return cgroups.list(`${parent}/${rootGroup(paths)}`).length > 0
}

/** Without a slash at either end; the top of what was given over to us counts as the top. */
function fromTop(cgroups: Machine['cgroups'], parent: string | undefined): string | undefined {
  if (!parent?.startsWith('/')) return parent
  const root = cgroups.hierarchies[0]?.root ?? '/'
  return parent.slice(root !== '/' && parent.startsWith(`${root}/`) ? root.length + 1 : 1)
}

function reachable(
  { cgroups }: Machine,
  name: string,
  parent: NonNullable<ContainerSpec['cgroupParent']>,
): string {
  const what = `Cannot make the group of "${name}" below "${parent}"`
  const [first] = cgroups.hierarchies
  if (first === undefined) {
    throw new EngineError('NO_CGROUP', `${what}: no control group was given over to this user`, {
      hint: 'start it with systemd-run --user --scope -p Delegate=yes, or leave cgroup_parent out',
    })
  }
  const { root, isDelegated } = first
  if (isDelegated === true && parent.startsWith('/') && !parent.startsWith(`${root}/`)) {
    throw new EngineError('NO_CGROUP', `${what}: only "${root}" was given over to this user`, {
      hint: `name a group below it, as "${parent.slice(1)}" without the slash`,
    })
  }
  return fromTop(cgroups, parent) ?? ''
}

/** What is true of this boot: with the kernel all groups go. */
interface Parents {
  readonly parents: readonly string[]
  /** Directories, highest first. */
  readonly made: readonly string[]
}

const fileOf = ({ paths }: Machine): string => join(paths.state, 'group-parents.json')

function readParents(machine: Machine): Parents {
  const record = readRecord(fileOf(machine), isParents)
  return record?.bootId === machine.bootId ? record : { parents: [], made: [] }
}

function writeParents(machine: Machine, { parents, made }: Parents): void {
  if (parents.length === 0 && made.length === 0) return removeRecord(fileOf(machine))
  writeRecord(fileOf(machine), { bootId: machine.bootId, parents, made })
}

function isParents(value: object): value is Parents & { readonly bootId: string } {
  const { bootId, parents, made } = value as Partial<Parents & { readonly bootId: string }>
  return typeof bootId === 'string' && Array.isArray(parents) && Array.isArray(made)
}
