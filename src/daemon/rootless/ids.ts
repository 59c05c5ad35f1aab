/** Says who the users of a user's own namespace are. */

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { EngineError } from '../../errors.ts'
import { programPath, readRootlessView, subIdsOf } from './facts.ts'

const run = promisify(execFile)

/**
 * Root in there is we; 1 and up are the ids that /etc/subuid and /etc/subgid give us. Without them,
 * or without newuidmap(1), which alone may hand them out, there is nobody but root.
 */
export async function mapIds(pid: number): Promise<void> {
  const { subuid, subgid, user } = readRootlessView()
  const [users, groups] = [subIdsOf(subuid, user), subIdsOf(subgid, user)]
  const [newuidmap, newgidmap] = [programPath('newuidmap'), programPath('newgidmap')]
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 }
  if (!users || !groups || !newuidmap || !newgidmap) {
    // Else the kernel lets nobody without rights write a map of groups: user_namespaces(7).
    writeFileSync(`/proc/${pid}/setgroups`, 'deny')
    writeFileSync(`/proc/${pid}/uid_map`, `0 ${own.uid} 1\n`)
    writeFileSync(`/proc/${pid}/gid_map`, `0 ${own.gid} 1\n`)
    return
  }
  const mapping = (id: number, { first, count }: typeof users): string[] =>
    [pid, 0, id, 1, 1, first, count].map(String)
  try {
    await run(newuidmap, mapping(own.uid, users))
    await run(newgidmap, mapping(own.gid, groups))
  } catch (cause) {
    const seen = cause instanceof Error ? cause.message.trim() : String(cause)
    throw new EngineError('SUPERVISOR', `Cannot map the users of "${user.name}": ${seen}`, {
      hint: 'newuidmap and newgidmap have to be setuid root: reinstall the package uidmap',
      cause,
    })
  }
}
