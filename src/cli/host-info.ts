/** What this host offers to containers, as far as anybody may look. */

import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { arch, release } from 'node:os'

export interface HostInfo {
  readonly kernel: string
  readonly architecture: string
  /** `v2`, `v1`, `hybrid`, or `none`. */
  readonly cgroup: string
  readonly overlay: boolean
  readonly nftables: boolean
  readonly node: string
}

/** `statfs` type of a mounted unified hierarchy: include/uapi/linux/magic.h. */
const CGROUP2_SUPER_MAGIC = 0x63677270

export function readHostInfo(): HostInfo {
  return {
    kernel: release(),
    architecture: arch(),
    cgroup: cgroupVersion(readText('/proc/self/mountinfo'), isUnified('/sys/fs/cgroup')),
    overlay: isKnown('overlay', readText('/proc/filesystems')),
    nftables: hasNftables(),
    node: `${process.version} (${process.execPath})`,
  }
}

/**
 * From the text of `/proc/self/mountinfo`, and whether `/sys/fs/cgroup` itself is a v2 hierarchy.
 */
export function cgroupVersion(mountinfo: string, unifiedAtRoot: boolean): string {
  // mountinfo(5): the type of file system follows a field that is "-".
  const types = new Set(mountinfo.split('\n').map((line) => line.split(' - ')[1]?.split(' ')[0]))
  if (unifiedAtRoot || (types.has('cgroup2') && !types.has('cgroup'))) return 'v2'
  if (!types.has('cgroup')) return 'none'
  return types.has('cgroup2') ? 'hybrid' : 'v1'
}

/** From the text of `/proc/filesystems`; a module that is not loaded yet does not count. */
export function isKnown(type: string, filesystems: string): boolean {
  return filesystems.split('\n').some((line) => line.split('\t').at(-1) === type)
}

/** Loaded, built in, or there to be loaded. */
function hasNftables(): boolean {
  if (existsSync('/sys/module/nf_tables')) return true
  const modules = `/lib/modules/${release()}`
  const listed = ['modules.builtin', 'modules.dep'].some((name) =>
    readText(`${modules}/${name}`).includes('/nf_tables.ko'),
  )
  return listed || / nft_register_expr$/m.test(readText('/proc/kallsyms'))
}

function isUnified(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_SUPER_MAGIC
  } catch {
    return false // Nothing is mounted there.
  }
}

/** '' when there is no such file, or it is not ours to read. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
