/** Does a command of an ordinary user over again as root of the namespaces of the supervisor. */

import { openSync } from 'node:fs'
import { close, enterAsRoot, waitForExit } from '../../linux/index.ts'
import { ROOTLESS } from '../places.ts'

/** Resolves to its exit status. `supervisor`: the pid of the one whose namespaces they are. */
export async function runWithin(supervisor: number): Promise<number> {
  const open = (kind: string): number => openSync(`/proc/${supervisor}/ns/${kind}`, 'r')
  const join = { users: open('user'), mounts: open('mnt'), network: open('net') }
  const env = { ...process.env, [ROOTLESS]: '1' }
  try {
    const pid = await enterAsRoot(
      {
        executable: process.execPath,
        args: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
        env: Object.entries(env).map(([name, value]) => `${name}=${value ?? ''}`),
        descriptors: { 0: 0, 1: 1, 2: 2 },
        title: 'tsstack',
        newSession: false,
        join,
      },
      () => Promise.resolve(),
    )
    const ended = waitForExit(pid)
    return ended.kind === 'exited' ? ended.code : 137
  } finally {
    for (const fd of Object.values(join)) close(fd)
  }
}
