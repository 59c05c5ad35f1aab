/** Before a stack is made: the client is told to build what its services need. */

import type { DesiredState, PlanOptions } from '../../planner/index.ts'
import type { ClientSession, Supervisor } from '../supervisor.ts'
import { buildsWanted } from './wanted.ts'

/** True when there is something to build; the client then builds it, and asks once more. */
export async function tellBuilds(
  { engine }: Supervisor,
  { connection }: ClientSession,
  request: {
    readonly desired: DesiredState
    readonly options: PlanOptions
    readonly build: 'missing' | 'all' | undefined
    /** Rejects with what is in the way, before there is anything to wait for. */
    readonly check: () => Promise<void>
  },
): Promise<boolean> {
  const { desired, options, build, check } = request
  if (build === undefined) return false
  const builds = buildsWanted(desired, {
    state: engine.paths.state,
    services: options.services ?? [],
    which: build,
    withDependencies: options.noDeps !== true,
  })
  if (builds.length === 0) return false
  await check()
  const { values = {}, source } = desired
  connection.send({ kind: 'build-first', builds, directory: source.directory, values })
  return true
}
