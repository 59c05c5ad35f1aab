/** `tsstack exec`: another program in a running container, joined to this terminal. */

import type { ExecRequest } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { hasTerminal, join, variable } from '../join.ts'
import { addStackOptions, addTerminalOptions, collect, parseCount } from '../options.ts'
import { terminalSize } from '../terminal.ts'

export const execCommand: CommandModule = {
  define: (command, run) => {
    addTerminalOptions(addStackOptions(command))
      .argument('<service>')
      .argument('<command...>')
      // Everything after the service belongs to the program.
      .passThroughOptions()
      .option('-d, --detach', 'return when it runs; its output goes nowhere')
      .option('-e, --env <variable>', 'NAME=VALUE, or NAME for your own; repeatable', collect)
      .option('-u, --user <user>', 'user, or user:group')
      .option('-w, --workdir <directory>', 'where the program begins')
      .option('--index <number>', 'which replica', parseCount)
      .option('--privileged', 'with all capabilities')
      .action((service: string, words: readonly string[], flags: ExecFlags) =>
        run((context) => exec(context, { service, command: words }, flags)),
      )
  },
}

interface ExecFlags {
  /** `-T` makes it false. */
  readonly tty: boolean
  readonly detach?: boolean
  readonly env?: readonly string[]
  readonly user?: string
  readonly workdir?: string
  readonly index?: number
  readonly privileged?: boolean
}

interface ExecTarget {
  readonly service: string
  readonly command: readonly string[]
}

async function exec(
  { asking, input }: Context,
  { service, command }: ExecTarget,
  flags: ExecFlags,
): Promise<number> {
  const tty = flags.tty && flags.detach !== true && hasTerminal()
  const { index } = flags
  const request = {
    kind: 'exec',
    input: input(),
    service,
    ...(index !== undefined && { index }),
    exec: execRequest(command, flags, tty),
  } as const
  return (await join({ asking, request, tty })) ?? 1
}

function execRequest(command: readonly string[], flags: ExecFlags, tty: boolean): ExecRequest {
  const { env = [], user, workdir, privileged, detach } = flags
  const term = tty && process.env['TERM'] ? { TERM: process.env['TERM'] } : {}
  const environment = { ...term, ...Object.fromEntries(env.flatMap(variable)) }
  return {
    command,
    tty,
    environment,
    ...(tty && { size: terminalSize() }),
    // What is empty is not said, as with Compose.
    ...(user && { user }),
    ...(workdir && { workingDir: workdir }),
    ...(privileged !== undefined && { privileged }),
    ...(detach !== undefined && { detach }),
  }
}
