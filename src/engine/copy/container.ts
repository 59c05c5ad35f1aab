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
  await container.starting
  const { attempt, record } = container
  const process = attempt?.exit ? undefined : attempt?.process
  const running = process && openRunning(process)
  const label = `${record.name}:`
  if (running !== undefined) {
    const users = attempt?.record.users
    return {
      root: running,
      label,
      ...(users && { users }),
      close: () => Promise.resolve(close(running)),
    }
  }
  // Two overlays on one upper layer would each not see what the other writes.
  await attempt?.ended
  await container.held
  return openStopped(machine, container, label)
}

/** As its processes see it, with all that is mounted; undefined when it has just ended. */
function openRunning({ pid, pidfd }: RunningProcess): Fd | undefined {
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
async function openStopped(
  machine: Machine,
  container: LiveContainer,
  label: string,
): Promise<ContainerFiles> {
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
