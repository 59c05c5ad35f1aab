/** `tsstack exec`: another program in a running container, joined to this terminal. */

import type { Answer, ExecRequest, Session } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, collect, parseCount } from '../options.ts'
import { isTerminal, printBytes, sayBytes } from '../output.ts'
import { ask } from '../request.ts'
import { StdinSender } from '../stdin-sender.ts'
import { enterRawMode, onResize, terminalSize } from '../terminal.ts'

export const execCommand: CommandModule = {
  name: 'exec',
  summary: 'run a program in a running container',
  define: (command, run) => {
    addStackOptions(command)
      .argument('<service>')
      .argument('<command...>')
      // Everything after the service belongs to the program.
      .passThroughOptions()
      .option('-T, --no-tty', 'no terminal, even though there is one')
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
  // Output that is not read by a terminal must not get a terminal's line ends.
  const tty = flags.tty && isTerminal(0) && isTerminal(1)
  const { index } = flags
  const request = {
    kind: 'exec',
    input: input(),
    service,
    ...(index !== undefined && { index }),
    exec: execRequest(command, flags, tty),
  } as const
  let session: Session | undefined
  const answers = ask({ ...asking, onSession: (opened) => (session = opened) }, request)
  using joined = new DisposableStack()
  let sender: StdinSender | undefined
  let status = 1
  for await (const answer of answers) {
    if (answer.kind !== 'message') await show(answer)
    else if (answer.message.kind === 'exited') status = answer.message.exitCode
    else if (answer.message.kind === 'consumed') sender?.consumed(answer.message.bytes)
    else if (answer.message.kind === 'started' && session) {
      sender = await joinTerminal(session, { tty, joined, window: answer.message.window })
    }
  }
  return status
}

async function joinTerminal(
  session: Session,
  how: { readonly tty: boolean; readonly joined: DisposableStack; readonly window: number },
): Promise<StdinSender> {
  const { tty, joined, window } = how
  if (tty) {
    joined.use(await enterRawMode())
    joined.use(onResize((size) => session.send({ kind: 'resize', size })))
  }
  return joined.use(new StdinSender(session, window))
}

function execRequest(command: readonly string[], flags: ExecFlags, tty: boolean): ExecRequest {
  const { env = [], user, workdir, privileged } = flags
  const term = tty && process.env['TERM'] ? { TERM: process.env['TERM'] } : {}
  const environment = { ...term, ...Object.fromEntries(env.flatMap(variable)) }
  return {
    command,
    tty,
    environment,
    ...(tty && { size: terminalSize() }),
    ...(user !== undefined && { user }),
    ...(workdir !== undefined && { workingDir: workdir }),
    ...(privileged !== undefined && { privileged }),
  }
}

/** `NAME=VALUE`, or `NAME` alone for the caller's own value, if it has one. */
function variable(text: string): readonly [string, string][] {
  const at = text.indexOf('=')
  if (at >= 0) return [[text.slice(0, at), text.slice(at + 1)]]
  const value = process.env[text]
  return value === undefined ? [] : [[text, value]]
}

async function show(answer: Exclude<Answer, { kind: 'message' }>): Promise<void> {
  if (answer.kind === 'stderr') sayBytes(answer.bytes)
  else await printBytes(answer.bytes)
}
