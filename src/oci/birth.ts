/** Follows a child from its birth to where it waits for `start`, and does for it what it cannot. */

import { openSync, writeFileSync, writeSync } from 'node:fs'
import { launchFailure, listenToReports, POINT } from '../engine/index.ts'
import { EngineError } from '../errors.ts'
import {
  CLONE_NEW,
  close,
  describeFailure,
  type Fd,
  NETLINK_ROUTE,
  NetlinkSocket,
  setLink,
  setRlimit,
  startTime,
  withNamespace,
} from '../linux/index.ts'
import { runHooks } from './hooks.ts'
import { mapLines } from './idmap.ts'
import { hasEnded } from './lifecycle.ts'
import type { Namespaces } from './namespaces.ts'
import { limitsOf } from './process.ts'
import type { RuntimeSpec } from './spec.ts'
import { type Container, type Place, stateOf, writeContainer } from './store.ts'

export interface Birth {
  readonly container: Container
  readonly spec: RuntimeSpec
  readonly namespaces: Namespaces
  /** One byte sends the child on. */
  readonly go: Fd
}

/**
 * Resolves with the container once it is created; rejects with what failed. Listens before it
 * returns.
 */
export function followBirth(place: Place, birth: Birth): Promise<Container> {
  const { promise, resolve, reject } = Promise.withResolvers<Container>()
  let { container } = birth
  const born = Promise.withResolvers<void>()
  const step = async (point: number): Promise<void> => {
    // Its pid comes from another process, so perhaps later.
    await born.promise
    if (point === POINT.born) mapUsers(container, birth.spec)
    if (point === POINT.mounted) await runEarlyHooks(container)
    if (point === POINT.created) {
      prepare(container, birth)
      resolve(container)
    } else {
      writeSync(birth.go, '\n')
    }
  }
  const reports = listenToReports(place.report, {
    started: (pid) => {
      container = { ...container, pid, startTime: startTime(pid) ?? 0 }
      writeContainer(place, container)
      born.resolve()
    },
    reached: (point) => {
      // Of one that has been killed nothing is found: that is no cause.
      step(point).catch((failure: unknown) =>
        reject(hasEnded(container) ? killed(container) : failure),
      )
    },
    failed: (failure) => {
      reject(launchFailure(container.id, describeFailure({ calls: container.notes }, failure)))
    },
    exited: () => {},
    gone: () => reject(killed(container)),
  })
  return promise.finally(() => reports.close())
}

const killed = ({ id }: Container): EngineError =>
  new EngineError('LAUNCH', `Cannot create "${id}": it was killed`)

async function runEarlyHooks(container: Container): Promise<void> {
  const creating = stateOf(container, 'creating')
  // The first specifications had it run by `start`, when the container was created.
  await runHooks({ name: 'prestart', container, state: stateOf(container, 'created') })
  await runHooks({ name: 'createRuntime', container, state: creating })
  await runHooks({ name: 'createContainer', container, state: creating })
}

/** The kernel takes each map in one write. @see user_namespaces(7) */
function mapUsers({ pid }: Container, { linux = {} }: RuntimeSpec): void {
  writeFileSync(`/proc/${pid}/uid_map`, mapLines(linux.uidMappings))
  writeFileSync(`/proc/${pid}/gid_map`, mapLines(linux.gidMappings))
}

/** Its own loopback, and limits that only somebody outside may raise. */
function prepare(container: Container, { spec, namespaces }: Birth): void {
  const { pid = 0 } = container
  if ((namespaces.own & CLONE_NEW.net) !== 0) raiseLoopback(pid)
  const { rlimits, oomScoreAdj } = spec.process ?? {}
  for (const { name, ...limit } of limitsOf(rlimits)) setRlimit(name, limit, pid)
  if (oomScoreAdj !== undefined) writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScoreAdj))
}

function raiseLoopback(pid: number): void {
  const netns = openSync(`/proc/${pid}/ns/net`, 'r')
  try {
    using socket = withNamespace(netns, 'net', () => new NetlinkSocket(NETLINK_ROUTE))
    socket.request([setLink({ name: 'lo' }, { up: true })])
  } finally {
    close(netns)
  }
}
