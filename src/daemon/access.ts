/** Who may use the supervisor: root alone, or a group that root has let in. */

import { chmodSync, chownSync, lstatSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { EngineError, UsageError } from '../errors.ts'
import { readConfigured } from './configured.ts'
import type { Places } from './places.ts'
import { makePrivateDirectory } from './private-directory.ts'
import { shortSocketPath } from './socket-path.ts'

/**
 * Makes the directories: `state` 0700, `run` 0700 or, with a group, 0710 root:GROUP.
 * @throws {EngineError} STATE_DIRECTORY when somebody else owns or may write to one.
 */
export function makeDirectories(places: Places, gid: number | undefined): void {
  makePrivateDirectory(places.state)
  makePrivateDirectory(places.run)
  // Not only when there is a group: one that was let in before has to stay outside again.
  chownSync(places.run, 0, gid ?? 0)
  chmodSync(places.run, gid === undefined ? 0o700 : 0o710)
}

/**
 * Listens at the socket: 0600, or with a group 0660. At no moment is it open to more.
 * Removes what a dead supervisor left, so the caller has to hold the lock.
 */
export function listenPrivately(
  server: Server,
  { socket }: Places,
  gid: number | undefined,
): Promise<void> {
  removeStale(socket)
  const { path, release } = shortSocketPath(socket)
  // Closing the server removes its name, by way of this descriptor when the path is long.
  server.once('close', release)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Node binds a unix socket before `listen` returns: nothing else is created under this mask.
    const before = process.umask(0o177)
    try {
      server.listen({ path }, () => {
        server.off('error', reject)
        if (gid !== undefined) openTo(socket, gid)
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
}

/** TSSTACK_GROUP, else `group` of the state directory's `config.json`; undefined: root alone. */
export function groupOf({ config }: Places, env: NodeJS.ProcessEnv): number | undefined {
  const name = env['TSSTACK_GROUP'] || readConfigured(config).group
  if (name === undefined) return undefined
  if (/^\d+$/.test(name)) return Number(name)
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`))
  const gid = Number(line?.split(':')[2] ?? Number.NaN)
  if (Number.isInteger(gid)) return gid
  throw new UsageError(`Cannot let group "${name}" use the socket: /etc/group does not have it`, {
    hint: `create it with: groupadd ${name}; or name it by its number`,
  })
}

function openTo(socket: string, gid: number): void {
  chownSync(socket, 0, gid)
  chmodSync(socket, 0o660)
}

/** A socket of ours that nobody answers; anything else at its place is not ours to remove. */
function removeStale(socket: string): void {
  const stat = lstatSync(socket, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (!stat.isSocket()) {
    throw new EngineError('STATE_DIRECTORY', `Cannot listen at "${socket}": it is no socket`, {
      hint: `remove it: rm "${socket}"`,
    })
  }
  rmSync(socket)
}
