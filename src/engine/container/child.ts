/** What a container's pid 1 does between clone and exec, in the order of docs/security: each step a call. */

import type { Label, Program } from '../../linux/index.ts'
import { FD } from './descriptors.ts'
import { writeCredentials } from './credentials.ts'
import * as kernel from './kernel.ts'
import type { OciConfig } from './oci.ts'
import { writeHiding, writeMounts, writeSysctls, type ChildMounts } from './child-mounts.ts'

/** Everything the child needs; descriptors are the numbers that they have inside the child. */
export interface ChildInput {
  readonly config: OciConfig
  /** Names the session keyring. */
  readonly name: string
  /** Path inside the container of the program to execute. */
  readonly executable: string
  readonly mounts: ChildMounts
  /** cgroup v1: `tasks` of every hierarchy. Empty on v2, where the child is born in its group. */
  readonly tasks: readonly number[]
  /** Absent: the supervisor's own network namespace. */
  readonly netns?: number
  /** Array of struct sock_filter; absent: unconfined. */
  readonly seccomp?: Buffer
  readonly capabilityMask: bigint
  readonly lastCapability: number
  readonly rlimits: readonly {
    readonly resource: number
    readonly soft: bigint
    readonly hard: bigint
  }[]
  /** The score to be written, when it differs from the supervisor's own. */
  readonly oomScoreAdj?: number
  /** Our init is executed from FD.init, and it executes the program. */
  readonly init: boolean
}

/** Appends the child's branch; it ends in execve, or in a failure report and exit. */
export function writeChild(program: Program, input: ChildInput): void {
  const failed = program.failLabel({ reportFd: FD.fifo })
  const must = { onError: failed }
  joinGroups(program, input, failed)
  if (input.netns !== undefined) {
    program.call('setns', [input.netns, kernel.CLONE_NEWNET], must)
  }
  program.call('setsid', [])
  if (input.config.process.terminal) {
    program.call('ioctl', [0, kernel.TIOCSCTTY, 0], { ...must, note: 'ioctl(tty, TIOCSCTTY)' })
  }
  // Without keyrings in the kernel (ENOSYS) there are no host keys to be kept away from.
  program.call('keyctl', [kernel.KEYCTL_JOIN_SESSION_KEYRING, program.text(`_ses.${input.name}`)])
  writeMounts(program, input.mounts, failed)
  setNames(program, input.config, failed)
  writeSysctls(program, input.config.linux.sysctl, failed)
  writeHiding(program, input.mounts, failed)
  setLimits(program, input, failed)
  writeCredentials(program, input, failed)
}

/** The limits hold before the program's first instruction; the namespace then begins at this group. */
function joinGroups(program: Program, { tasks }: ChildInput, onError: Label): void {
  for (const fd of tasks) {
    program.call('write', [fd, program.text('0'), 1], { onError, note: 'write(cgroup tasks)' })
  }
  if (tasks.length > 0) program.call('unshare', [kernel.CLONE_NEWCGROUP], { onError })
}

function setNames(program: Program, config: OciConfig, onError: Label): void {
  program.call('sethostname', [program.text(config.hostname), Buffer.byteLength(config.hostname)], {
    onError,
  })
  if (config.domainname === undefined) return
  const { domainname } = config
  program.call('setdomainname', [program.text(domainname), Buffer.byteLength(domainname)], {
    onError,
  })
}

function setLimits(program: Program, input: ChildInput, onError: Label): void {
  for (const { resource, soft, hard } of input.rlimits) {
    const limit = Buffer.alloc(16)
    limit.writeBigUInt64LE(soft, 0)
    limit.writeBigUInt64LE(hard, 8)
    const note = `prlimit64(resource ${resource}, soft ${soft}, hard ${hard})`
    program.call('prlimit64', [0, resource, program.bytes(limit), 0], { onError, note })
  }
  program.call('umask', [0o022])
  if (input.oomScoreAdj === undefined) return
  const text = String(input.oomScoreAdj)
  program.call(
    'openat',
    [kernel.AT_FDCWD, program.text('/proc/self/oom_score_adj'), kernel.O_WRONLY],
    {
      onError,
      store: program.ahead(1, 0),
    },
  )
  program.call('write', [0, program.text(text), text.length], {
    onError,
    note: `write(/proc/self/oom_score_adj, ${text})`,
  })
}
