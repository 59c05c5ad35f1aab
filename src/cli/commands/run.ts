/** `tsstack run`: one program in a container of its own, beside the replicas of its service. */

import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { UsageError, errorText } from '../../errors.ts'
import type { RunOptions, ServerMessage } from '../../daemon/index.ts'
import { buildWish, pullOption } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { hasTerminal, join, variable } from '../join.ts'
import { addStackOptions, addTerminalOptions, collect } from '../options.ts'
import { reportOutcomes } from '../outcome.ts'
import { print } from '../output.ts'
import { createProgress, QuietProgress } from '../progress.ts'
import type { Progress } from '../progress.ts'
import type { Paint } from '../style.ts'
import { terminalSize } from '../terminal.ts'
import { quietAsking } from '../up-rules.ts'

export const runCommand: CommandModule = {
  define: (command, run) => {
    addTerminalOptions(addStackOptions(command, { shortProjectName: false }))
      .argument('<service>')
      .argument('[command...]', "instead of the service's own")
      // Everything after the service belongs to the program.
      .passThroughOptions()
      .option('--rm', 'remove the container when its program has ended')
      .option('-d, --detach', 'print its name, and return')
      .option('-e, --env <variable>', 'NAME=VALUE, or NAME for your own; repeatable', collect)
      .option('--env-from-file <file>', 'variables from a file; repeatable', collect)
      .option('-v, --volume <mount>', 'SOURCE:TARGET[:ro]; repeatable', collect)
      .option('-p, --publish <port>', '[IP:][HOST:]PORT[/PROTOCOL]; repeatable', collect)
      .option('-P, --service-ports', 'publish the ports of the service')
      .addOption(pullOption())
      .option('--quiet-pull', 'do not show how images are fetched')
      .option('--build', 'build its image first, also if it is there')
      .option('--quiet-build', 'do not show how images are built')
      .option('--remove-orphans', 'remove containers of services that are no longer in the file')
      .option('-q, --quiet', 'show nothing but what the program writes')
      .option('--no-deps', 'leave alone what the service depends on')
      .option('-u, --user <user>', 'user, or user:group')
      .option('-w, --workdir <directory>', 'where the program begins')
      .option('--entrypoint <words>', 'instead of the entrypoint')
      .option('--name <name>', 'of the container')
      .option('-l, --label <label>', 'NAME=VALUE; repeatable', collect)
      .option('--use-aliases', 'answer to the names of the service in its networks')
      .option('--cap-add <capability>', 'give it a capability; repeatable', collect)
      .option('--cap-drop <capability>', 'take a capability away; repeatable', collect)
      .action((service: string, words: readonly string[], flags: RunFlags) =>
        run((context) => runOneOff(context, { service, command: words }, flags)),
      )
  },
}

interface RunFlags {
  readonly rm?: boolean
  readonly detach?: boolean
  /** `-T` makes it false. */
  readonly tty: boolean
  readonly env?: readonly string[]
  readonly envFromFile?: readonly string[]
  readonly volume?: readonly string[]
  readonly publish?: readonly string[]
  readonly servicePorts?: boolean
  readonly pull?: string
  readonly quietPull?: boolean
  readonly build?: boolean
  readonly quietBuild?: boolean
  readonly removeOrphans?: boolean
  readonly quiet?: boolean
  /** `--no-deps` makes it false. */
  readonly deps: boolean
  readonly user?: string
  readonly workdir?: string
  readonly entrypoint?: string
  readonly name?: string
  readonly label?: readonly string[]
  readonly useAliases?: boolean
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
}

async function runOneOff(
  { asking, input, paint }: Context,
  { service, command }: { readonly service: string; readonly command: readonly string[] },
  flags: RunFlags,
): Promise<number> {
  const tty = flags.tty && flags.detach !== true && hasTerminal()
  const request = {
    kind: 'run',
    input: input(),
    service,
    run: options(command, flags, tty),
    ...buildWish(flags),
  } as const
  const isQuiet = flags.quiet === true
  const progress = isQuiet ? new QuietProgress() : await createProgress()
  const view = new RunView(progress, paint)
  const status = await join({
    asking: quietAsking(asking, isQuiet ? { quietPull: true, quietBuild: true } : flags),
    request,
    tty,
    onMessage: (each) => view.hear(each),
  })
  if (flags.detach === true && view.failed === 0) print(view.name)
  return status ?? view.failed
}

type Plan = Extract<ServerMessage, { kind: 'plan' }>['plan']

/** Shows what is made for the container; of itself nobody wants to read but its program. */
class RunView {
  name = ''
  failed = 0
  readonly #progress: Progress
  readonly #paint: Paint

  constructor(progress: Progress, paint: Paint) {
    this.#progress = progress
    this.#paint = paint
  }

  async hear(message: ServerMessage): Promise<void> {
    if (message.kind === 'plan') this.#begin(message.plan)
    if (message.kind === 'event') {
      const { event } = message
      if (event.kind !== 'action' || !this.#isOwn(event.action)) this.#progress.event(event)
    }
    if (message.kind !== 'result') return
    await this.#progress.end()
    this.failed = reportOutcomes(message.outcomes, {
      interrupted: false,
      paint: this.#paint,
      runsProgram: true,
    })
  }

  #begin(plan: Plan): void {
    for (const action of plan.actions) {
      if ('container' in action && action.container.oneOff) this.name = action.container.name
    }
    const actions = plan.actions.filter((action) => !this.#isOwn(action))
    this.#progress.begin({ ...plan, actions, notes: [] })
  }

  #isOwn(action: Plan['actions'][number]): boolean {
    if ('container' in action) return action.container.name === this.name
    return 'name' in action && action.name === this.name
  }
}

function options(command: readonly string[], flags: RunFlags, tty: boolean): RunOptions {
  const { user, workdir, entrypoint, name } = flags
  return {
    command,
    ...(entrypoint !== undefined && { entrypoint }),
    ...variablesOf(flags),
    labels: pairs((flags.label ?? []).flatMap(variable)),
    ...(user !== undefined && { user }),
    ...(workdir && { workingDir: workdir }),
    volumes: flags.volume ?? [],
    ...surroundings(flags),
    useAliases: flags.useAliases === true,
    capAdd: flags.capAdd ?? [],
    capDrop: flags.capDrop ?? [],
    ...(name !== undefined && { name }),
    ...(flags.pull !== undefined && { pull: flags.pull }),
    remove: flags.rm === true,
    detach: flags.detach === true,
    tty,
    ...(tty && { size: terminalSize() }),
  }
}

/** What else of the stack and of this machine is touched. */
function surroundings(
  flags: RunFlags,
): Pick<RunOptions, 'publish' | 'servicePorts' | 'noDeps' | 'removeOrphans'> {
  return {
    publish: flags.publish ?? [],
    servicePorts: flags.servicePorts === true,
    noDeps: !flags.deps,
    ...(flags.removeOrphans === true && { removeOrphans: true }),
  }
}

/** A name alone has the value that it has here, or else in the project's `.env`. */
function variablesOf({
  envFromFile,
  env = [],
}: RunFlags): Pick<RunOptions, 'environment' | 'inherited'> {
  return {
    environment: { ...fromFiles(envFromFile), ...pairs(env.flatMap(variable)) },
    inherited: env.filter((word) => !word.includes('=')),
  }
}

function pairs(list: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  return Object.fromEntries(list)
}

function fromFiles(files: readonly string[] = []): Readonly<Record<string, string>> {
  const entries = files.flatMap((file) => Object.entries(parseEnv(textOf(file))))
  return pairs(entries.map(([key, value]) => [key, value ?? '']))
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const why = errorText(cause)
    throw new UsageError(`Cannot read --env-from-file "${file}": ${why}`, { cause })
  }
}
