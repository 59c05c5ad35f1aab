/** A container's root as a tree to copy from or to, whether or not the container runs. */

import {
  close,
  composeTree,
  dup,
  type Fd,
  O,
  openPath,
  pidfdSendSignal,
} from '../../linux/index.ts'
import { KernelError } from '../../errors.ts'
import { storageMounts } from '../container/describe.ts'
import { prepareMounts } from '../container/mounts.ts'
import { resolveSources } from '../container/volume-mounts.ts'
import type { LiveContainer, Machine, RunningProcess } from '../machine.ts'
import { rootMountPoint } from '../paths.ts'
import { makeRootReadOnly, openRootfs } from '../rootfs/index.ts'
import { Undo } from '../undo.ts'
import type { Tree } from './tree.ts'

export interface ContainerFiles extends Tree {
  /** Gives it back: a container that does not run is not started before. */
  close(): Promise<void>
}

export async function openContainerFiles(
  machine: Machine,
  container: LiveContainer,
): Promise<ContainerFiles> {
  for (;;) {
    const running = openRunning(container)
    if (running !== undefined) return running
    // Two overlays on one upper layer would each not see what the other writes; and of those who
    // wait for the same one, the first is the next that others wait for.
    const inUse = container.starting ?? container.attempt?.ended ?? container.held
    if (inUse === undefined) return openStopped(machine, container)
    await inUse
  }
}

/** As its processes see it, with all that is mounted. */
function openRunning({ starting, attempt, record }: LiveContainer): ContainerFiles | undefined {
  if (starting || !attempt?.process || attempt.exit) return undefined
  const root = openRoot(attempt.process)
  if (root === undefined) return undefined
  const { users } = attempt.record
  return {
    root,
    label: labelOf(record),
    ...(users && { users }),
    close: () => Promise.resolve(close(root)),
  }
}

const labelOf = ({ name }: LiveContainer['record']): string => `${name}:`

/** Undefined when it has just ended. */
function openRoot({ pid, pidfd }: RunningProcess): Fd | undefined {
  if (pidfd === undefined) return undefined
  let root: Fd | undefined
  try {
    root = openPath(`/proc/${pid}/root`, O.DIRECTORY)
    // Still alive after the look at /proc: then what was found there was its own.
    pidfdSendSignal(pidfd, 0)
    return root
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    if (root !== undefined) close(root)
    return undefined
  }
}

/** Its layers with its binds and volumes: what only exists while it runs is missing. */
async function openStopped(machine: Machine, container: LiveContainer): Promise<ContainerFiles> {
  const held = Promise.withResolvers<void>()
  container.held = held.promise
  container.copies = (container.copies ?? 0) + 1
  const undo = new Undo()
  undo.push(() => {
    container.held = undefined
    held.resolve()
  })
  try {
    const root = openTree(machine, container, undo)
    undo.push(() => close(root))
    const label = labelOf(container.record)
    return { root, label, close: async () => void (await undo.run()) }
  } catch (error) {
    await undo.run()
    throw error
  }
}

function openTree(machine: Machine, container: LiveContainer, undo: Undo): Fd {
  const { record } = container
  const { fd: rootFd } = openRootfs(machine, { container, interfaces: [], undo })
  const trees = new Map<string, Fd>()
  const mounts = storageMounts(record.spec)
  const prepared = prepareMounts(
    resolveSources(machine, { container, mounts, rootFd, trees, undo }),
    {
      container: record.name,
      rootFd,
      workingDir: '/',
      cgroups: [],
      devices: [],
      trees,
      hasConsole: false,
      files: new Map(),
      undo,
    },
  )
  const parts = prepared.flatMap((one) =>
    one.kind === 'attach' ? [{ fd: dup(one.fd), target: one.target.slice(1) }] : [],
  )
  const root = dup(rootFd)
  if (record.spec.readOnly) makeRootReadOnly(root)
  return composeTree(root, parts, { place: rootMountPoint(machine.paths) })
}
