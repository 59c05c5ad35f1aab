/**
 * `tsstack daemon`: stays as the supervisor, for a service manager. Ends on SIGTERM; containers run
 * on.
 */

import { becomeSupervisor } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'

export const daemonCommand: CommandModule = {
  define: (command, run) => {
    command.action(() => run(daemon))
  },
}

async function daemon({ places }: Context): Promise<number> {
  await becomeSupervisor(places)
  return 0
}
