/** Opens the user namespace of an attempt: one of its own, or another container's. */

import { createHash } from 'node:crypto'
import { openSync, readFileSync } from 'node:fs'
import { EngineError, KernelError } from '../../errors.ts'
import {
  close,
  createNetworkOf,
  createUserNamespace,
  type Fd,
  type IdRange,
  inUserNamespace,
} from '../../linux/index.ts'
import type { LiveContainer, Machine } from '../machine.ts'
import type { Undo } from '../undo.ts'
import { refuseForeign } from './foreign.ts'
import { chooseRange, parseSubIds, type SubIds } from './range.ts'

/** What makes a container's users others than the host's. */
export interface Users {
  /** Ids of the host that are 0 and up in there. */
  readonly ids: IdRange
  /** The user namespace; closed by the undo given. */
  readonly fd: Fd
  /** A network namespace of it, for whoever connects the attempt; absent when none is needed. */
  readonly network?: Fd
}

/** Undefined: the host's. Throws LAUNCH, and DEPENDENCY for a container that does not run. */
export function openUsers(
  machine: Machine,
  container: LiveContainer,
  undo: Undo,
): Users | undefined {
  const mode = container.record.spec.namespaces?.user
  if (mode === undefined) return undefined
  if (inUserNamespace()) throw noIdsToGive(container.record.name)
  const users = mode.kind === 'own' ? makeOwn(machine, container) : joinOther(machine, container)
  if (users === undefined) return undefined
  const refusal = refuseForeign(machine, container)
  if (refusal) {
    for (const fd of [users.fd, users.network]) if (fd !== undefined) close(fd)
    throw refusal
  }
  undo.push(() => close(users.fd))
  if (users.network !== undefined) machine.net.prepareNamespace(users.network)
  return users
}

function noIdsToGive(name: string): EngineError {
  return new EngineError(
    'LAUNCH',
    `Cannot give "${name}" users of its own: without root all ids that there are are in use`,
    { hint: 'leave userns_mode out: its root is nobody on the host already' },
  )
}

/** The range is remembered at once, so that no other start chooses it meanwhile. */
function makeOwn(machine: Machine, container: LiveContainer): Users {
  const { record } = container
  container.users = chooseRange({
    container: record.name,
    subuid: readSubIds('/etc/subuid'),
    subgid: readSubIds('/etc/subgid'),
    taken: [...machine.containers.values()].flatMap((other) =>
      other !== container && isInUse(other) && other.users ? [other.users] : [],
    ),
    wanted: container.users,
    seed: seedOf(`${machine.paths.rootId}/${record.stack}/${record.name}`),
  })
  try {
    const { users, network } = createUserNamespace(container.users)
    if (needsNetwork(container)) return { ids: container.users, fd: users, network }
    close(network)
    return { ids: container.users, fd: users }
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause
    const message = `Cannot give "${record.name}" users of its own: ${cause.message}`
    const hint = 'see /proc/sys/user/max_user_namespaces and kernel.unprivileged_userns_clone'
    throw new EngineError('LAUNCH', message, { hint, cause })
  }
}

function isInUse({ attempt, starting }: LiveContainer): boolean {
  return attempt !== undefined || starting !== undefined
}

/** A whole number that the same name always gets. */
function seedOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32LE()
}

function readSubIds(path: string): readonly SubIds[] {
  try {
    return parseSubIds(readFileSync(path, 'utf8'))
  } catch {
    // Without the file nobody has been given any.
    return []
  }
}

function joinOther(machine: Machine, container: LiveContainer): Users | undefined {
  const { record } = container
  const mode = record.spec.namespaces?.user
  const target = [...machine.containers.values()].find(({ record: other }) =>
    mode?.kind === 'service'
      ? other.stack === record.stack && other.service === mode.service
      : mode?.kind === 'container' && other.name === mode.container,
  )
  const { process, exit } = target?.attempt ?? {}
  if (target === undefined || process === undefined || exit !== undefined) {
    throw new EngineError(
      'DEPENDENCY',
      `Cannot start "${record.name}": the container whose users it shares does not run`,
      { hint: 'start that one first, or add it to "depends_on"' },
    )
  }
  const { users: ids } = target
  container.users = ids
  if (ids === undefined) return undefined
  const fd = openSync(`/proc/${process.pid}/ns/user`, 'r')
  if (!needsNetwork(container)) return { ids, fd }
  try {
    return { ids, fd, network: createNetworkOf(fd) }
  } catch (error) {
    close(fd)
    throw error
  }
}

function needsNetwork({ record: { spec } }: LiveContainer): boolean {
  return spec.network.kind === 'networks' || spec.network.kind === 'none'
}
