/** What every container gets unless its stack says otherwise: Docker's mounts, paths and limits. */

import type { OciMount, OciRlimit } from './oci.ts'

/**
 * In mount order: a mount below another follows it. Docker 29's list. @see security notes A.1 step
 * 9
 */
export const DEFAULT_MOUNTS: readonly OciMount[] = [
  mount('/proc', 'proc', ['nosuid', 'noexec', 'nodev']),
  mount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
  mount('/dev/pts', 'devpts', [
    'nosuid',
    'noexec',
    'newinstance',
    'ptmxmode=0666',
    'mode=0620',
    'gid=5',
  ]),
  mount('/sys', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
  mount('/sys/fs/cgroup', 'cgroup', ['ro', 'nosuid', 'noexec', 'nodev']),
  mount('/dev/mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
  mount('/dev/shm', 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=1777']),
]

/** Bound on themselves read-only: host-wide switches that no namespace covers. */
export const READ_ONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
]

/** Hidden: host secrets and side channels that procfs and sysfs show in every namespace. */
export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]

/** Nodes of every /dev: name and device number. @see Documentation/admin-guide/devices.txt */
export const DEVICE_NODES: readonly {
  readonly name: string
  readonly major: number
  readonly minor: number
}[] = [
  { name: 'null', major: 1, minor: 3 },
  { name: 'zero', major: 1, minor: 5 },
  { name: 'full', major: 1, minor: 7 },
  { name: 'random', major: 1, minor: 8 },
  { name: 'urandom', major: 1, minor: 9 },
  { name: 'tty', major: 5, minor: 0 },
]

/** Links of every /dev. */
export const DEVICE_LINKS: readonly { readonly name: string; readonly target: string }[] = [
  { name: 'fd', target: '/proc/self/fd' },
  { name: 'stdin', target: '/proc/self/fd/0' },
  { name: 'stdout', target: '/proc/self/fd/1' },
  { name: 'stderr', target: '/proc/self/fd/2' },
  { name: 'core', target: '/proc/kcore' },
  { name: 'ptmx', target: 'pts/ptmx' },
]

/**
 * Limits set in words, so that nothing is inherited from whoever started the supervisor.
 * NOFILE is Docker's since v29: node itself runs with its soft limit raised to the hard one.
 */
export const DEFAULT_RLIMITS: readonly OciRlimit[] = [
  { type: 'RLIMIT_NOFILE', soft: 1024, hard: 524_288 },
  { type: 'RLIMIT_CORE', soft: 0, hard: Number.POSITIVE_INFINITY },
  { type: 'RLIMIT_STACK', soft: 8 * 1024 * 1024, hard: Number.POSITIVE_INFINITY },
  // The kernel's own initial values: include/asm-generic/resource.h, MLOCK_LIMIT, MQ_BYTES_MAX.
  ...['CPU', 'FSIZE', 'DATA', 'RSS', 'NPROC', 'AS', 'LOCKS', 'RTTIME'].map((name) => ({
    type: `RLIMIT_${name}`,
    soft: Number.POSITIVE_INFINITY,
    hard: Number.POSITIVE_INFINITY,
  })),
  { type: 'RLIMIT_MEMLOCK', soft: 8 * 1024 * 1024, hard: 8 * 1024 * 1024 },
  { type: 'RLIMIT_MSGQUEUE', soft: 819_200, hard: 819_200 },
  { type: 'RLIMIT_NICE', soft: 0, hard: 0 },
  { type: 'RLIMIT_RTPRIO', soft: 0, hard: 0 },
]

/** Searched when the environment of the container has no PATH. */
export const DEFAULT_PATH: string = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function mount(destination: string, type: string, options: readonly string[]): OciMount {
  return { destination, type, source: type, options }
}
