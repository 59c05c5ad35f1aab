/** Which namespaces a container gets, and from where. */

import { closeSync, openSync, readlinkSync } from 'node:fs'
import { UsageError, errorText } from '../errors.ts'
import { CLONE_NEW, type Fd } from '../linux/index.ts'
import type { NamespaceName, SpecLinux } from './spec.ts'
import type { Undo } from '../engine/index.ts'

export interface Namespaces {
  /** CLONE_NEW* of those that are made. */
  readonly own: number
  /** Those that are entered. */
  readonly entered: readonly { readonly fd: Fd; readonly flag: number }[]
  /** CLONE_NEW* of both. */
  readonly all: number
}

const KERNEL_NAMES: Readonly<Record<NamespaceName, keyof typeof CLONE_NEW>> = {
  mount: 'mnt',
  pid: 'pid',
  network: 'net',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
}

/** Users first, for it decides about the others; mounts last, for paths are looked up before. */
const ORDER: readonly NamespaceName[] = [
  'user',
  'pid',
  'ipc',
  'uts',
  'network',
  'cgroup',
  'time',
  'mount',
]

/** Throws USAGE for a path that is no namespace of its type. */
export function openNamespaces({ namespaces = [] }: SpecLinux, undo: Undo): Namespaces {
  let own = 0
  const entered: { fd: Fd; flag: number }[] = []
  for (const type of ORDER) {
    const asked = namespaces.find((one) => one.type === type)
    if (asked === undefined) continue
    const flag = CLONE_NEW[KERNEL_NAMES[type]]
    if (asked.path === undefined || asked.path === '') own |= flag
    else entered.push({ fd: openNamespace(type, asked.path, undo), flag })
  }
  const all = entered.reduce((flags, { flag }) => flags | flag, own)
  return { own, entered, all }
}

function openNamespace(type: NamespaceName, path: string, undo: Undo): Fd {
  const name = KERNEL_NAMES[type]
  try {
    const fd = openSync(path, 'r')
    undo.push(() => closeSync(fd))
    // The kernel checks again when it is entered; this says it in words.
    const is = readlinkSync(`/proc/self/fd/${fd}`)
    if (is.startsWith(`${name}:`) || !/^\w+:\[\d+\]$/.test(is)) return fd
    throw new Error(`it is "${is}"`)
  } catch (cause) {
    const why = errorText(cause)
    throw new UsageError(
      `Cannot enter the ${type} namespace "${path}": ${why}; a file like /proc/PID/ns/${name} is needed`,
    )
  }
}
