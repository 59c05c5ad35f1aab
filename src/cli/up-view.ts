/** What `up` prints from its beginning to its end: progress, a summary, logs. */

import type { Answer, ServerMessage } from '../daemon/index.ts'
import type { ObservedState } from '../planner/index.ts'
import { addressText, byService, healthText, portsText, stateText } from './container-text.ts'
import type { Context } from './context.ts'
import { LogPrinter } from './log-printer.ts'
import { mannerOf } from './manner.ts'
import { reportOutcomes } from './outcome.ts'
import { hasColor, isTerminal, print, say } from './output.ts'
import { PlainProgress } from './progress.ts'
import type { Progress } from './progress.ts'
import { safeText } from './safe-text.ts'
import { table } from './table.ts'

export interface ViewFlags {
  readonly detach?: boolean
  /** `--no-color` makes it false. */
  readonly color?: boolean
  readonly json?: boolean
  readonly logPrefix: boolean
  readonly timestamps?: boolean
}

/** Everything that is printed between the command and the prompt. */
export class UpView {
  status = 0
  readonly #context: Context
  readonly #flags: ViewFlags
  #progress: Progress
  readonly #logs: LogPrinter
  /** Log lines of containers that run while others are still drawn. */
  #early: Uint8Array[] | undefined = []

  constructor(context: Context, flags: ViewFlags, progress: Progress) {
    this.#context = context
    this.#flags = flags
    this.#progress = progress
    this.#logs = new LogPrinter({
      isTerminal: isTerminal(1),
      color: flags.color !== false && hasColor(1),
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

  /** True while the last line on the screen has no end yet. */
  get isMidLine(): boolean {
    return this.#logs.isMidLine
  }

  async #hear(message: ServerMessage): Promise<void> {
    if (message.kind === 'plan') this.#begin(message)
    else if (message.kind === 'event') this.#progress.event(message.event)
    else if (message.kind === 'log-sources') this.#logs.name(message.containers)
    else if (message.kind === 'result') await this.#conclude(message)
    else if (message.kind === 'aborting') this.#abort(message)
    else if (message.kind === 'exit-status') this.status = message.exitCode
    else if (message.kind === 'all-exited') this.status = exitStatus(message.observed)
  }

  #begin({ plan, short }: Extract<ServerMessage, { kind: 'plan' }>): void {
    if (short !== undefined && !isForMachines()) say(short)
    this.#progress.begin(plan)
  }

  #abort({ container, exitCode }: Extract<ServerMessage, { kind: 'aborting' }>): void {
    say(`container ${safeText(container)}: exited (${exitCode}); stopping all`)
  }

  async #conclude(message: Extract<ServerMessage, { kind: 'result' }>): Promise<void> {
    await this.#progress.end()
    // From here on there are log lines between: nothing can be drawn in place any more.
    this.#progress = new PlainProgress()
    const { outcomes, observed, interrupted } = message
    const status = reportOutcomes(outcomes, { interrupted, paint: this.#context.paint })
    // The result of stopping is the second one; what went wrong first is what counts.
    if (this.status === 0) this.status = status
    const isWanted = this.#flags.detach === true && !interrupted && !isForMachines()
    if (isWanted) print(summary(observed))
    const early = this.#early ?? []
    this.#early = undefined
    for (const pack of early) await this.#logs.print(pack)
  }
}

/** `--progress json` and `quiet`: no word to a reader. */
function isForMachines(): boolean {
  const { progress } = mannerOf()
  return progress === 'json' || progress === 'quiet'
}

function exitStatus({ containers }: ObservedState): number {
  for (const { name, exitCode } of containers.toSorted(byService)) {
    say(`container ${safeText(name)}: exited (${exitCode ?? '?'})`)
  }
  return 0
}

function summary(observed: ObservedState): string {
  const containers = observed.containers.filter(({ oneOff }) => oneOff === undefined)
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
