/** One supervisor's machine over the fake kernel: everything above the kernel is the real thing. */
import { adoptAll } from '../../../src/engine/adopt.ts'
import type { Machine } from '../../../src/engine/machine.ts'
import { LeaseBook } from '../../../src/engine/network/lease-book.ts'
import { openPaths } from '../../../src/engine/paths.ts'
import { RestartQueue } from '../../../src/engine/restart-queue.ts'
import type { EngineEvent } from '../../../src/engine/index.ts'
import { busy, type FakeKernel, uptime } from './kernel.ts'

/** Starts a supervisor: it adopts what it finds, as after a crash. */
export async function openMachine(
  kernel: FakeKernel,
  directory: string,
): Promise<{ readonly machine: Machine; readonly warnings: readonly string[] }> {
  const listeners = new Set<(event: EngineEvent) => void>()
  const warnings: string[] = []
  const paths = openPaths({
    stateDirectory: `${directory}/state`,
    runDirectory: `${directory}/run`,
  })
  const machine: Machine = {
    paths,
    leases: new LeaseBook(paths),
    restarts: new RestartQueue(),
    processes: kernel.calls,
    cgroups: cgroupsOf(kernel),
    net: netOf(kernel),
    namespaces: {
      expect: () => () => undefined,
      refill: () => undefined,
    } as unknown as Machine['namespaces'],
    children: { add: () => undefined },
    bootId: kernel.bootId,
    values: new Map(),
    containers: new Map(),
    plans: new Set(),
    emit: (event) => {
      if (event.kind === 'warning') warnings.push(event.message)
      for (const listener of listeners) listener(event)
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    now: () => Date.now(),
    uptime,
  }
  await adoptAll(machine)
  return { machine, warnings }
}

function cgroupsOf(kernel: FakeKernel): Machine['cgroups'] {
  const open = (path: string): unknown => ({
    killAll: async () => {
      for (const process of kernel.living) if (process.cgroup === path) kernel.end(process, 9)
    },
    remove: () => {
      const isUsed = kernel.living.some(({ cgroup }) => cgroup === path)
      if (isUsed || kernel.take('rmdir')) throw busy(path)
      kernel.groups.delete(path)
    },
    processes: () => kernel.living.filter(({ cgroup }) => cgroup === path).map(({ pid }) => pid),
    read: () => ({ oomKills: 0 }),
    isFrozen: () => false,
    thaw: () => undefined,
    update: () => undefined,
  })
  return { open } as unknown as Machine['cgroups']
}

function netOf(kernel: FakeKernel): Machine['net'] {
  const net = {
    createNetwork: ({ name }: { readonly name: string }) => {
      kernel.bridges.add(name)
      return { bridge: `b-${name}`, subnets: ['10.0.0.0/24'], gateways: ['10.0.0.1'] }
    },
    removeNetwork: async (name: string) => {
      kernel.bridges.delete(name)
    },
    settled: async () => {},
    listNetworks: () => [...kernel.bridges].map((name) => ({ name })),
    detach: async ({
      container,
      network,
    }: {
      readonly container: string
      readonly network: string
    }) => {
      const cable = `${container} ${network}`
      if (!kernel.take('detach')) return kernel.cables.delete(cable)
      kernel.loseCable(cable)
      throw new Error('simulated: the link is busy')
    },
    capabilities: () => ({ nftables: true, outbound: true, warnings: [] }),
    checkNetwork: () => undefined,
    checkPorts: () => [],
    unpublish: () => undefined,
    setServing: () => undefined,
    repair: () => undefined,
    names: { set: () => undefined, delete: () => undefined },
  }
  return net as unknown as Machine['net']
}
