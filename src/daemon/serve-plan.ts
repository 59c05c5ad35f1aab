/** `plan`: what would happen, and why. */

import type { DesiredState } from '../planner/index.ts'
import { buildsWanted } from './building/wanted.ts'
import { knownImages } from './images/stack-images.ts'
import type { PlannedBuild, Request } from './protocol.ts'
import { resolveStack } from './resolve.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeSource } from './take-source.ts'

export async function servePlan(
  { engine }: Supervisor,
  session: ClientSession,
  { source, options, build }: Extract<Request, { kind: 'plan' }>,
): Promise<void> {
  const taken = takeSource(session, source)
  if (taken === undefined) return
  const desired = knownImages(engine.paths.state, taken)
  const plan = await engine.plan(desired.stack, desired, options)
  const builds = plannedBuilds(desired, {
    state: engine.paths.state,
    services: options.services ?? [],
    which: build,
    withDependencies: options.noDeps !== true,
  })
  const problems = await engine.problems(plan, desired)
  session.connection.send({
    kind: 'plan',
    plan,
    impact: await engine.impact(plan),
    ...(builds.length > 0 && { builds }),
    ...(problems.length > 0 && { problems }),
  })
}

export async function servePlanDown(
  { engine }: Supervisor,
  session: ClientSession,
  { input, options }: Extract<Request, { kind: 'plan-down' }>,
): Promise<void> {
  const plan = await engine.plan(await resolveStack(engine, input), undefined, options)
  session.connection.send({ kind: 'plan', plan, impact: await engine.impact(plan) })
}

export async function servePlanChange(
  { engine }: Supervisor,
  session: ClientSession,
  { verb, input, options }: Extract<Request, { kind: 'plan-change' }>,
): Promise<void> {
  const plan = await engine.planChange(await resolveStack(engine, input), verb, options)
  session.connection.send({ kind: 'plan', plan })
}

function plannedBuilds(
  desired: DesiredState,
  {
    which,
    ...how
  }: Omit<Parameters<typeof buildsWanted>[1], 'which'> & {
    readonly which: 'missing' | 'all' | undefined
  },
): readonly PlannedBuild[] {
  if (which === undefined) return []
  const missing = buildsWanted(desired, { ...how, which: 'missing' }).map(({ service }) => service)
  const builds = which === 'all' ? buildsWanted(desired, { ...how, which }) : undefined
  const services = builds?.map(({ service }) => service) ?? missing
  return (desired.builds ?? [])
    .filter(({ service }) => services.includes(service))
    .map(({ service, image }) => ({ service, image, isMissing: missing.includes(service) }))
}
