/** Resource limits of processes, by name. @see prlimit(2) */

import { check, declareSyscall } from './libc.ts'
import { syscallNumber } from './syscalls/index.ts'

const prlimit64 = declareSyscall(syscallNumber('prlimit64'), ['int', 'int', 'void *', 'void *'])

/** include/uapi/asm-generic/resource.h; the names are Compose's and the OCI's without RLIMIT_. */
export const RLIMITS: Readonly<Record<RlimitName, number>> = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
}

export type RlimitName =
  | 'cpu'
  | 'fsize'
  | 'data'
  | 'stack'
  | 'core'
  | 'rss'
  | 'nproc'
  | 'nofile'
  | 'memlock'
  | 'as'
  | 'locks'
  | 'sigpending'
  | 'msgqueue'
  | 'nice'
  | 'rtprio'
  | 'rttime'

/** No limit. */
export const RLIM_INFINITY: bigint = 0xffff_ffff_ffff_ffffn

export interface Rlimit {
  readonly soft: bigint
  readonly hard: bigint
}

/** The limit of process `pid`; 0 is this process. */
export function getRlimit(name: RlimitName, pid = 0): Rlimit {
  const bytes = Buffer.alloc(16)
  check(prlimit64(pid, RLIMITS[name], null, bytes), { syscall: 'prlimit', args: [pid, name] })
  return { soft: bytes.readBigUInt64LE(0), hard: bytes.readBigUInt64LE(8) }
}

/** Sets it. Raising the hard limit needs CAP_SYS_RESOURCE: EPERM. */
export function setRlimit(name: RlimitName, limit: Rlimit, pid = 0): void {
  check(prlimit64(pid, RLIMITS[name], rlimitBytes(limit), null), {
    syscall: 'prlimit',
    args: [pid, name, `${limit.soft}:${limit.hard}`],
  })
}

/** struct rlimit64. */
function rlimitBytes({ soft, hard }: Rlimit): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeBigUInt64LE(soft, 0)
  bytes.writeBigUInt64LE(hard, 8)
  return bytes
}
