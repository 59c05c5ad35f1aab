/** `tsstack up`: makes a stack as its file says, and stays with its logs unless it is detached. */

import type { Answer, ServerMessage, Session } from '../../daemon/index.ts'
import type { ObservedState, PlanOptions } from '../../planner/index.ts'
import { addChangeOptions, planOptions } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import { addressText, byService, healthText, portsText, stateText } from '../container-text.ts'
import type { Context } from '../context.ts'
import { onInterrupt } from '../interrupt.ts'
import { LogPrinter } from '../log-printer.ts'
import { addStackOptions } from '../options.ts'
import { reportOutcomes } from '../outcome.ts'
import { hasColor, isTerminal, print, say } from '../output.ts'
import { createProgress, PlainProgress } from '../progress.ts'
import type { Progress } from '../progress.ts'
import { exitOf } from '../render-error.ts'
import { ask } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const upCommand: CommandModule = {
  name: 'up',
  summary: 'create and start containers',
  define: (command, run) => {
    addChangeOptions(addStackOptions(command))
      .argument('[services...]')
      .option('-d, --detach', 'return when everything is started')
      .option('--no-log-prefix', 'do not print the service before each line')
      .option('--timestamps', 'print when each line was written')
      .action((services: readonly string[], flags: ChangeFlags & UpFlags) =>
        run((context) => up(context, planOptions(flags, services), flags)),
      )
  },
}

interface UpFlags {
  readonly detach?: boolean
  readonly json?: boolean
  readonly logPrefix: boolean
  readonly timestamps?: boolean
}

async function up(context: Context, options: PlanOptions, flags: UpFlags): Promise<number> {
  const { asking, input } = context
  const attach = flags.detach !== true
  const view = new UpView(context, flags, await createProgress())
  let session: Session | undefined
  let isWaiting = false
  using _handler = onInterrupt((count) => {
    // Nothing has begun that would have to be stopped.
    if (isWaiting) process.exit(exitOf('INTERRUPTED'))
    if (count === 1 && attach) say('stopping; press Ctrl-C again to kill')
    session?.send({ kind: 'interrupt' })
  })
  const source = { kind: 'files', input: input(options.services) } as const
  const answers = ask(
    {
      ...asking,
      onSession: (opened) => (session = opened),
      onWaiting: () => (isWaiting = true),
    },
    { kind: 'up', source, options, attach },
  )
  for await (const answer of answers) {
    isWaiting = false
    await view.show(answer)
  }
  await view.end()
  return view.status
}

/** Everything that is printed between the command and the prompt. */
class UpView {
  status = 0
  readonly #context: Context
  readonly #flags: UpFlags
  #progress: Progress
  readonly #logs: LogPrinter
  /** Log lines of containers that run while others are still drawn. */
  #early: Uint8Array[] | undefined = []

  constructor(context: Context, flags: UpFlags, progress: Progress) {
    this.#context = context
    this.#flags = flags
    this.#progress = progress
    this.#logs = new LogPrinter({
      isTerminal: isTerminal(1),
      color: hasColor(1),
      prefix: flags.logPrefix,
      timestamps: flags.timestamps === true,
    })
  }

  async show(answer: Answer): Promise<void> {
    if (answer.kind === 'message') await this.#hear(answer.message)
    else if (this.#early === undefined) await this.#logs.print(answer.bytes)
    else this.#early.push(answer.bytes)
  }

  end(): Promise<void> {
    return this.#logs.finish()
  }

  async #hear(message: ServerMessage): Promise<void> {
    if (message.kind === 'plan') this.#progress.begin(message.plan)
    else if (message.kind === 'event') this.#progress.event(message.event)
    else if (message.kind === 'log-sources') this.#logs.name(message.containers)
    else if (message.kind === 'result') await this.#conclude(message)
    else if (message.kind === 'all-exited') this.status = exitStatus(message.observed)
  }

  async #conclude(message: Extract<ServerMessage, { kind: 'result' }>): Promise<void> {
    await this.#progress.end()
    // From here on there are log lines between: nothing can be drawn in place any more.
    this.#progress = new PlainProgress()
    const { outcomes, observed, interrupted } = message
    const status = reportOutcomes(outcomes, { interrupted, paint: this.#context.paint })
    // The result of stopping is the second one; what went wrong first is what counts.
    if (this.status === 0) this.status = status
    if (this.#flags.detach === true && !interrupted) print(summary(observed))
    const early = this.#early ?? []
    this.#early = undefined
    for (const pack of early) await this.#logs.print(pack)
  }
}

function exitStatus({ containers }: ObservedState): number {
  for (const { name, exitCode } of containers.toSorted(byService)) {
    say(`container ${safeText(name)}: exited (${exitCode ?? '?'})`)
  }
  return 0
}

function summary({ containers }: ObservedState): string {
  const now = Date.now()
  const replicas = Map.groupBy(containers, ({ service }) => service)
  const rows = containers.toSorted(byService).map((container) => {
    const { service, index } = container
    const isAlone = replicas.get(service)?.length === 1
    const name = isAlone ? service : `${service}-${index}`
    const rest = [healthText(container), addressText(container), portsText(container)]
    return [safeText(name), stateText(container, now), ...rest]
  })
  return table(['SERVICE', 'STATE', 'HEALTH', 'ADDRESS', 'PORTS'], rows)
}
