/** `tsstack attach`: a container's own program, joined to this terminal. */

import type { Session } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { DetachKeys, parseDetachKeys } from '../detach-keys.ts'
import { join } from '../join.ts'
import type { Started } from '../join.ts'
import { addStackOptions, parseCount } from '../options.ts'
import { isTerminal } from '../output.ts'
import { StdinSender } from '../stdin-sender.ts'
import { enterRawMode, onResize, terminalSize } from '../terminal.ts'

export const attachCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('<service>')
      .option('--detach-keys <keys>', 'leave it running by these', 'ctrl-p,ctrl-q')
      .option('--index <number>', 'which replica', parseCount)
      .option('--no-stdin', 'only its output')
      .option('--sig-proxy [boolean]', 'signals to this command are its own', 'true')
      .action((service: string, flags: AttachFlags) =>
        run((context) => attach(context, service, flags)),
      )
  },
}

interface AttachFlags {
  readonly detachKeys: string
  readonly index?: number
  /** `--no-stdin` makes it false. */
  readonly stdin: boolean
  readonly sigProxy: string | boolean
}

async function attach(
  { asking, input }: Context,
  service: string,
  { detachKeys, index, stdin, sigProxy }: AttachFlags,
): Promise<number> {
  const request = {
    kind: 'attach',
    input: input(),
    service,
    ...(index !== undefined && { index }),
    stdin,
  } as const
  const keys = parseDetachKeys(detachKeys)
  const status = await join({
    asking,
    request,
    tty: false,
    onStarted: async (session, started) => {
      if (String(sigProxy) !== 'false') started.joined.use(passSignals(session))
      return stdin ? joinInput(session, started, keys) : undefined
    },
  })
  return status ?? 0
}

/** The terminal is given over to a program that has one, until the keys to detach are pressed. */
async function joinInput(
  session: Session,
  { window, tty = false, joined }: Started,
  keys: Buffer,
): Promise<StdinSender> {
  if (!tty || !isTerminal(0)) return joined.use(new StdinSender(session, window))
  joined.use(await enterRawMode())
  joined.use(onResize((size) => session.send({ kind: 'resize', size })))
  session.send({ kind: 'resize', size: terminalSize() })
  const sender = new StdinSender(session, window, new DetachKeys(keys))
  return joined.use(sender)
}

/** All that a process can catch, and that does not concern this one alone. */
const PASSED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

function passSignals(session: Session): Disposable {
  const pass = (signal: NodeJS.Signals): void => session.send({ kind: 'signal', signal })
  for (const signal of PASSED) process.on(signal, pass)
  return {
    [Symbol.dispose]: () => {
      for (const signal of PASSED) process.off(signal, pass)
    },
  }
}
