/** Joins a program in a container to this terminal, or to this process's streams. */

import type { Answer, Request, ServerMessage, Session } from '../daemon/index.ts'
import { UsageError } from '../errors.ts'
import { onInterrupt } from './interrupt.ts'
import { isNullDevice, isTerminal, printBytes, sayBytes } from './output.ts'
import { ask } from './request.ts'
import type { Asking } from './request.ts'
import { prepareStdin, StdinSender } from './stdin-sender.ts'
import { enterRawMode, onResize } from './terminal.ts'

export interface Joining {
  readonly asking: Asking
  readonly request: Request
  /** The program has a terminal, and this one is given over to it. */
  readonly tty: boolean
  /** Instead of giving the terminal over to the program: what `attach` does of its own. */
  readonly onStarted?: (session: Session, started: Started) => Promise<StdinSender | undefined>
  /** What the supervisor says before the program runs. */
  readonly onMessage?: (message: ServerMessage) => void | Promise<void>
}

export interface Started {
  /** Bytes of standard input that may be under way. */
  readonly window: number
  /** Of a program that was there before: it has a terminal. */
  readonly tty?: boolean
  /** Undone when the program has ended. */
  readonly joined: DisposableStack
}

/** The status of the program; undefined when it was never started. */
export async function join({
  asking,
  request,
  tty,
  onStarted = (session, started) => joinTerminal(session, { ...started, tty }),
  onMessage,
}: Joining): Promise<number | undefined> {
  let session: Session | undefined
  const onSession = (opened: Session): void => {
    session = opened
    prepareStdin()
  }
  const answers = ask({ ...asking, onSession }, request)
  using joined = new DisposableStack()
  let sender: StdinSender | undefined
  let status: number | undefined
  for await (const answer of answers) {
    if (answer.kind !== 'message') await show(answer)
    else if (answer.message.kind === 'exited') status = answer.message.exitCode
    else if (answer.message.kind === 'consumed') sender?.consumed(answer.message.bytes)
    else if (answer.message.kind === 'started' && session) {
      sender = await onStarted(session, { ...answer.message, joined })
    } else await onMessage?.(answer.message)
  }
  return status
}

async function joinTerminal(
  session: Session,
  how: { readonly tty: boolean; readonly joined: DisposableStack; readonly window: number },
): Promise<StdinSender | undefined> {
  const { tty, joined, window } = how
  if (tty) {
    joined.use(await enterRawMode())
    joined.use(onResize((size) => session.send({ kind: 'resize', size })))
  }
  // Without a terminal of its own the program cannot see that Ctrl-C was pressed.
  else joined.use(onInterrupt(() => session.send({ kind: 'interrupt' })))
  // Node's stream for it would start threads to find out that it is empty.
  if (isNullDevice(0)) session.send({ kind: 'stdin-end' })
  else return joined.use(new StdinSender(session, window))
  return undefined
}

/** A terminal at both ends: output that none reads must not get a terminal's line ends. */
export function hasTerminal(): boolean {
  return isTerminal(0) && isTerminal(1)
}

/** `NAME=VALUE`, or `NAME` alone for the caller's own value, if it has one. */
export function variable(text: string): readonly [string, string][] {
  const at = text.indexOf('=')
  if (at === 0 || text === '') {
    throw new UsageError(`Cannot read "${text}": its name is empty; write it as NAME=VALUE`)
  }
  if (at > 0) return [[text.slice(0, at), text.slice(at + 1)]]
  const value = process.env[text]
  return value === undefined ? [] : [[text, value]]
}

async function show(answer: Exclude<Answer, { kind: 'message' }>): Promise<void> {
  if (answer.kind === 'stderr') sayBytes(answer.bytes)
  else await printBytes(answer.bytes)
}
