/**
 * `tsstack daemon`: stays as the supervisor, for a service manager. Ends on SIGTERM; containers run
 * on. `--shut-down`: for a machine that goes down.
 */

import { becomeSupervisor } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { ask } from '../request.ts'

export const daemonCommand: CommandModule = {
  define: (command, run) => {
    command
      .option('--shut-down', 'stop what runs, in its order; it comes up again at the next boot')
      .action(({ shutDown = false }: { shutDown?: boolean }) => run(shutDown ? stopAll : daemon))
  },
}

async function daemon({ places }: Context): Promise<number> {
  await becomeSupervisor(places)
  return 0
}

async function stopAll({ asking }: Context): Promise<number> {
  for await (const _ of ask(asking, { kind: 'shut-down' })) continue
  return 0
}
