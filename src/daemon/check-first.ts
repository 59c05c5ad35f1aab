/**
 * Before anything is fetched or built: what is in the way of a stack, as far as anybody can know
 * without its images.
 */

import type { Engine } from '../engine/index.ts'
import { PreflightError } from '../errors.ts'
import type { DesiredContainer, DesiredState, PlanOptions } from '../planner/index.ts'
import { knownImages } from './images/stack-images.ts'
import type { ClientSession, Supervisor } from './supervisor.ts'
import { takeTurn } from './take-turn.ts'

/**
 * In its turn: what another command is taking down would seem to be in the way.
 * @throws {PreflightError} with all of it; and nothing has been touched
 */
export async function checkFirst(
  supervisor: Supervisor,
  session: ClientSession,
  { desired, options }: { readonly desired: DesiredState; readonly options: PlanOptions },
): Promise<void> {
  const { engine } = supervisor
  using _turn = await takeTurn(supervisor, session, desired.stack)
  const known = knownImages(engine.paths.state, desired)
  const plan = await engine.plan(desired.stack, known, options)
  refuse(await engine.problems(plan, known))
}

/** The same for a container of `run`, and what it needs. */
export async function checkOneOffFirst(
  supervisor: Supervisor,
  session: ClientSession,
  start: {
    readonly desired: DesiredState
    readonly container: DesiredContainer
    readonly noDeps: boolean
  },
): Promise<void> {
  using _turn = await takeTurn(supervisor, session, start.desired.stack)
  refuse(await supervisor.engine.oneOffProblems(start))
}

function refuse([first, ...others]: Awaited<ReturnType<Engine['problems']>>): void {
  if (first !== undefined) throw new PreflightError([first, ...others])
}
