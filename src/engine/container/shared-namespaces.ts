/** Namespaces that a container shares with the host or with another container. */

import { openSync } from 'node:fs'
import { CLONE_NEW, close, type Fd, openForeignTree } from '../../linux/index.ts'
import { EngineError } from '../../errors.ts'
import type { NamespaceMode } from '../../planner/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import type { ContainerRecord } from '../records/container.ts'
import type { Undo } from '../undo.ts'
import type { OciConfig } from './oci.ts'

type Shared = 'pid' | 'ipc' | 'uts'

/** Whose namespace it is, by its pid 1, and which ones as flags of setns(2). */
interface Entry {
  readonly pidfd: Fd
  readonly flags: number
}

export interface SharedNamespaces {
  /** Entered by the monitor: a pid namespace counts for children only. */
  readonly monitor?: Entry & { readonly home: Fd }
  /** Entered by the child itself. */
  readonly child: readonly Entry[]
  /** Trees of the other containers, by where they are mounted. */
  readonly trees: ReadonlyMap<string, Fd>
}

/** Throws DEPENDENCY for a container that does not run. */
export function sharedNamespaces(
  machine: Machine,
  record: ContainerRecord,
  undo: Undo,
): SharedNamespaces {
  const modes = record.spec.namespaces ?? {}
  const entry = (kind: Shared): Entry | undefined => {
    const mode = modes[kind]
    if (mode === undefined || mode.kind === 'host' || mode.kind === 'none') return undefined
    return { pidfd: pidfdOf(machine, record, { kind, mode }), flags: CLONE_NEW[kind] }
  }
  const [pid, ipc, uts] = [entry('pid'), entry('ipc'), entry('uts')]
  const trees = new Map<string, Fd>()
  if (ipc) {
    const memory = openForeignTree(ipc.pidfd, '/dev/shm')
    undo.push(() => close(memory))
    trees.set('/dev/shm', memory)
  }
  return {
    ...(pid === undefined ? {} : { monitor: { ...pid, home: openHome(undo) } }),
    child: [ipc, uts].filter((each) => each !== undefined),
    trees,
  }
}

/**
 * Flags of the namespaces that are made for the container. With cgroup v1 the child unshares its
 * own only after it has joined its groups.
 */
export function ownNamespaceFlags(
  { linux }: OciConfig,
  options: { readonly bornInGroup: boolean },
): number {
  const own = new Set(linux.namespaces.map(({ type }) => type))
  const flag = (type: 'pid' | 'ipc' | 'uts' | 'cgroup' | 'time'): number =>
    own.has(type) ? CLONE_NEW[type] : 0
  const cgroup = options.bornInGroup ? flag('cgroup') : 0
  return CLONE_NEW.mnt | flag('pid') | flag('ipc') | flag('uts') | flag('time') | cgroup
}

/** Our own pid namespace, into which the monitor returns for its log mover. */
function openHome(undo: Undo): Fd {
  const home = openSync('/proc/self/ns/pid', 'r')
  undo.push(() => close(home))
  return home
}

function pidfdOf(
  machine: Machine,
  record: ContainerRecord,
  {
    kind,
    mode,
  }: { readonly kind: Shared; readonly mode: Exclude<NamespaceMode, { kind: 'host' }> },
): Fd {
  const isTarget = ({ record: other }: LiveContainer): boolean =>
    mode.kind === 'service'
      ? other.stack === record.stack && other.service === mode.service
      : other.name === mode.container
  const target = [...machine.containers.values()].find(isTarget)
  const pidfd = target?.attempt?.exit ? undefined : target?.attempt?.process?.pidfd
  if (pidfd !== undefined) return pidfd
  const whose = mode.kind === 'service' ? `service "${mode.service}"` : `"${mode.container}"`
  throw new EngineError(
    'DEPENDENCY',
    `Cannot start "${record.name}": ${whose}, whose ${kind} namespace it shares, does not run`,
    { hint: 'start that one first, or add it to "depends_on"' },
  )
}
