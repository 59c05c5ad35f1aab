/** What state roots have in the kernel, found by the names of the objects alone. */

import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { KernelError, isErrno, errorText } from '../errors.ts'
import {
  deleteLink,
  listLinks,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NetlinkSocket,
  nft,
  parseLinks,
} from '../linux/index.ts'

export interface KernelObject {
  readonly kind: 'cgroup' | 'link' | 'table'
  /** Path of the directory, name of the interface, or family and name of the table. */
  readonly name: string
  /** 8 hex digits of the state root whose it is. */
  readonly rootId: string
}

export interface Traces {
  /** In this network namespace, and in every hierarchy of control groups. */
  readonly objects: readonly KernelObject[]
  /** Roots that have a process: what is theirs is in use. */
  readonly alive: ReadonlySet<string>
}

export function findTraces(): Traces {
  return { objects: [...cgroups(), ...links(), ...tables()], alive: aliveRoots() }
}

/** What is gone by now is success; returns what could not be removed, with the reason. */
export function removeTraces(
  objects: readonly KernelObject[],
): readonly { readonly object: KernelObject; readonly why: string }[] {
  return objects.flatMap((object) => {
    try {
      remove(object)
      return []
    } catch (error) {
      return [{ object, why: errorText(error) }]
    }
  })
}

function remove({ kind, name }: KernelObject): void {
  if (kind === 'cgroup') return removeGroups(name)
  if (kind === 'link')
    return changing(NETLINK_ROUTE, (socket) => socket.request([deleteLink({ name })]))
  changing(NETLINK_NETFILTER, (socket) => nft.commitBatch(socket, [nft.deleteTable(name)]))
}

function changing(protocol: Protocol, change: (socket: NetlinkSocket) => void): void {
  const socket = new NetlinkSocket(protocol)
  try {
    change(socket)
  } catch (error) {
    const isGone = isErrno(error, 'ENODEV', 'ENOENT')
    if (!isGone) throw error
  } finally {
    socket.close()
  }
}

type Protocol = ConstructorParameters<typeof NetlinkSocket>[0]

/** From the leaves up: a group that has others in it stays. */
function removeGroups(path: string): void {
  if (!existsSync(path)) return
  for (const each of readdirSync(path, { withFileTypes: true })) {
    if (each.isDirectory()) removeGroups(join(path, each.name))
  }
  rmdirSync(path)
}

function cgroups(): readonly KernelObject[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  // mountinfo(5): the type of file system follows a field that is "-".
  const points = mounts
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '')
  return [...new Set(points)].flatMap((point) => {
    return ownGroupsBelow(point, GROUP_DEPTH_MAX).flatMap((parent) =>
      childrenOf(parent)
        .filter((name) => ROOT_ID.test(name))
        .map((rootId) => ({ kind: 'cgroup' as const, name: join(parent, rootId), rootId })),
    )
  })
}

/** systemd's own are five deep at most: as many names again for a stack's parent. */
const GROUP_DEPTH_MAX = 10

/** Every group named `tsstack`: `cgroup_parent` may have put it anywhere. */
function ownGroupsBelow(directory: string, depth: number): readonly string[] {
  if (depth === 0) return []
  return childrenOf(directory).flatMap((name) =>
    name === 'tsstack' ? [join(directory, name)] : ownGroupsBelow(join(directory, name), depth - 1),
  )
}

/** None of one that has just gone. */
function childrenOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((each) => each.isDirectory())
      .map(({ name }) => name)
  } catch {
    return []
  }
}

const ROOT_ID = /^[0-9a-f]{8}$/

function links(): readonly KernelObject[] {
  return reading(NETLINK_ROUTE, (socket) =>
    parseLinks(socket.dump(listLinks())).flatMap(({ name, alias }) => {
      const [, rootId] = /^tsstack:([0-9a-f]{8}):/.exec(alias ?? '') ?? []
      return rootId === undefined ? [] : [{ kind: 'link' as const, name, rootId }]
    }),
  )
}

function tables(): readonly KernelObject[] {
  return reading(NETLINK_NETFILTER, (socket) =>
    nft.parseTables(socket.dump(nft.listTables())).flatMap(({ name }) => {
      const [, rootId] = /(?:^| )tsstack_([0-9a-f]{8})$/.exec(name) ?? []
      return rootId === undefined ? [] : [{ kind: 'table' as const, name, rootId }]
    }),
  )
}

/** None where the kernel lacks it, or will not say. */
function reading(
  protocol: Protocol,
  read: (socket: NetlinkSocket) => readonly KernelObject[],
): readonly KernelObject[] {
  let socket: NetlinkSocket | undefined
  try {
    socket = new NetlinkSocket(protocol)
    return read(socket)
  } catch (error) {
    if (error instanceof KernelError) return []
    throw error
  } finally {
    socket?.close()
  }
}

/** Supervisors, monitors and containers are all in a group below that of their root. */
function aliveRoots(): ReadonlySet<string> {
  const roots = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => [...cgroupsOf(pid).matchAll(/\/tsstack\/([0-9a-f]{8})(?:\/|$)/gm)])
    .map(([, rootId]) => rootId ?? '')
  return new Set(roots)
}

/** '' for a process that has just ended. */
function cgroupsOf(pid: string): string {
  try {
    // One that has ended, and that nobody has asked about, is in its group still: proc_pid_stat(5).
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state] = stat.slice(stat.lastIndexOf(')') + 2)
    return state === 'Z' ? '' : readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  } catch {
    return ''
  }
}
