/** `tsstack daemon`: stays as the supervisor, for a service manager. Ends on SIGTERM; containers run on. */

import { becomeSupervisor } from '../../daemon/index.ts'
import { EngineError } from '../../errors.ts'
import type { Context } from '../context.ts'

export async function daemon({ places }: Context): Promise<number> {
  if ((await becomeSupervisor(places)) === 'ended') return 0
  throw new EngineError(
    'SUPERVISOR',
    `Cannot supervise "${places.state}": another one does already`,
    {
      hint: 'tsstack info says which',
    },
  )
}
