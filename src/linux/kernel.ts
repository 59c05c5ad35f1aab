/** What the running kernel is and can do. */

import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'

/** `6.18.0-rc1` and so on. */
export function kernelRelease(): string {
  return release()
}

/** Major and minor number of the running kernel. */
export function kernelVersion(text: string = release()): readonly [major: number, minor: number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text) ?? []
  return [Number(major ?? 0), Number(minor ?? 0)]
}

/** Says whether the running kernel is `wanted`, such as `5.12`, or later. */
export function isKernelAtLeast(wanted: string, running: string = release()): boolean {
  const [major, minor] = kernelVersion(running)
  const [wantedMajor, wantedMinor] = kernelVersion(wanted)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}

/**
 * Says whether the kernel knows a type of file system now; a module not yet loaded does not count.
 */
export function hasFileSystem(type: string): boolean {
  return readFileSync('/proc/filesystems', 'utf8')
    .split('\n')
    .some((line) => line.split('\t').at(-1) === type)
}

/** Says whether the kernel has a kind of namespace. */
export function hasNamespace(
  kind: 'mnt' | 'pid' | 'net' | 'ipc' | 'uts' | 'cgroup' | 'user' | 'time',
): boolean {
  return existsSync(`/proc/self/ns/${kind}`)
}
