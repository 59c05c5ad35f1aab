/**
 * A scope of systemd for one container: the unit owns the group, and ours are below it, which
 * `Delegate=yes` leaves alone. @see systemd.scope(5), https://systemd.io/CGROUP_DELEGATION
 */

import { closeSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError, UsageError } from '../errors.ts'
import { childEnd, close, detectCgroups, pipe, Program, spawn } from '../linux/index.ts'
import { runJob, SystemdError } from './systemd-manager.ts'

export interface ScopeName {
  readonly slice: string
  readonly unit: string
}

export interface Scope {
  /** Of the container, below the unit's. */
  readonly group: string
  /** Called when the container has a process in it, or never will: without one the unit ends. */
  readonly release: () => Promise<void>
}

/** Throws USAGE on a machine whose groups are not systemd's to give. */
export function refuseWithoutSystemd(): void {
  const instead = 'use the cgroup manager "cgroupfs"'
  const refuse = (why: string): never => {
    throw new UsageError(`Cannot leave groups to systemd: ${why}; ${instead}`)
  }
  // sd_booted(3)
  if (!existsSync('/run/systemd/system')) refuse('this machine is not run by systemd')
  if (process.geteuid?.() !== 0) refuse('it takes groups of root alone')
  if (detectCgroups().mode !== 'v2') refuse('it has several hierarchies here, and cgroup v2 one')
}

/** `SLICE:PREFIX:NAME` is `PREFIX-NAME.scope`, as of runc; absent: one of the id. */
export function scopeName(path: string | undefined, id: string): ScopeName {
  const [slice = '', prefix = '', name = '', ...more] = (path ?? `:tsstack-oci:${id}`).split(':')
  const unit = prefix === '' ? `${name}.scope` : `${prefix}-${name}.scope`
  const isName = /^[\w:.\\@-]{1,249}\.scope$/.test(unit) && name !== ''
  const isSlice = slice === '' || /^[\w:.\\@-]{1,249}\.slice$/.test(slice)
  if (more.length > 0 || !isName || !isSlice) {
    throw new UsageError(
      `Cannot use "${path}" as linux.cgroupsPath: with --systemd-cgroup SLICE:PREFIX:NAME is needed`,
    )
  }
  return { slice: slice === '' ? 'system.slice' : slice, unit }
}

export async function startScope({ slice, unit }: ScopeName, id: string): Promise<Scope> {
  // A scope is made of processes that there are, and the container's is not yet born.
  const holder = hold()
  try {
    const properties = [
      ['Description', { type: 's', value: `tsstack-oci container ${id}` }],
      ['Slice', { type: 's', value: slice }],
      ['Delegate', { type: 'b', value: true }],
      ['DefaultDependencies', { type: 'b', value: false }],
      // One whose program was killed does not stay to be looked at.
      ['CollectMode', { type: 's', value: 'inactive-or-failed' }],
      ['PIDs', { type: 'au', value: [holder.pid] }],
    ] as const
    await runJob({
      method: 'StartTransientUnit',
      signature: 'ssa(sv)a(sa(sv))',
      body: [unit, 'fail', properties, []],
      until: 'done',
    })
    return { group: join(groupOf(holder.pid), 'container'), release: makeWay(holder) }
  } catch (error) {
    await holder.end()
    throw refused(unit, error)
  }
}

function refused(unit: string, error: unknown): unknown {
  if (!(error instanceof SystemdError)) return error
  return new EngineError('LAUNCH', `Cannot make "${unit}" by systemd: ${error.message}`, {
    hint: `see what it is: systemctl status ${unit}`,
    cause: error,
  })
}

/**
 * Success when there is none any more: an empty one ends by itself, and a job to stop it that comes
 * just then may never be told of. @see runc libcontainer/cgroups/systemd, stopUnit
 */
export async function stopScope(unit: string): Promise<void> {
  const body = [unit, 'replace']
  try {
    await runJob({ method: 'StopUnit', signature: 'ss', body, until: 'begun' })
  } catch (error) {
    const isGone = error instanceof SystemdError && error.error.endsWith('.NoSuchUnit')
    if (!isGone) throw error
  }
}

interface Holder {
  readonly pid: number
  readonly end: () => Promise<void>
}

/** A process that does nothing, and ends with us at the latest. */
function hold(): Holder {
  const program = new Program()
  program.call('read', [0, program.word(), 1])
  program.call('exit_group', [0])
  const { read, write } = pipe()
  const pid = spawn(program, { title: 'tsstack-oci: scope', descriptors: { 0: read } })
  close(read)
  const ended = childEnd(pid)
  let isOpen = true
  const end = async (): Promise<void> => {
    if (isOpen) closeSync(write)
    isOpen = false
    await ended
  }
  return { pid, end }
}

/** Into a group beside the container's: one with groups below it may have no process itself. */
function makeWay(holder: Holder): () => Promise<void> {
  const [home] = detectCgroups().hierarchies
  const group = join(home?.mountPoint ?? '', groupOf(holder.pid), 'holder')
  mkdirSync(group)
  writeFileSync(join(group, 'cgroup.procs'), String(holder.pid))
  return async () => {
    await holder.end()
    if (existsSync(group)) rmdirSync(group)
  }
}

/** Where the kernel says that it is: `0::/system.slice/UNIT`. */
function groupOf(pid: number): string {
  const line = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')
  return line.find((one) => one.startsWith('0::'))?.slice('0::/'.length) ?? ''
}
