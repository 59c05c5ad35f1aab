/** `tsstack up`: makes a stack as its file says, and stays with its logs unless it is detached. */

import { Option } from 'commander'
import type { Session } from '../../daemon/index.ts'
import { UsageError } from '../../errors.ts'
import type { Plan, PlanOptions } from '../../planner/index.ts'
import {
  addBuildOptions,
  addChangeOptions,
  buildWish,
  planOptions,
  pullOption,
} from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { onInterrupt } from '../interrupt.ts'
import { addStackOptions, parseCount } from '../options.ts'
import { say } from '../output.ts'
import { readPlanFile } from '../plan-file.ts'
import { createProgress } from '../progress.ts'
import { exitOf } from '../render-error.ts'
import { ask } from '../request.ts'
import { UpView } from '../up-view.ts'
import type { ViewFlags } from '../up-view.ts'

export const upCommand: CommandModule = {
  define: (command, run) => {
    addBuildOptions(addChangeOptions(addStackOptions(command)))
      .argument('[services...]', 'or a file that plan -o has written')
      .option('-d, --detach', 'return when everything is started')
      .option('--wait', 'return when everything runs and is healthy; implies --detach')
      .addOption(waitTimeoutOption())
      .option('-w, --watch', 'follow the stack file and all it reads: apply what changes')
      .addOption(pullOption())
      .option('--no-log-prefix', 'do not print the service before each line')
      .option('--timestamps', 'print when each line was written')
      .action((services: readonly string[], flags: UpFlags) =>
        run((context) => upOrApply(context, services, flags)),
      )
  },
}

function waitTimeoutOption(): Option {
  const text = 'with --wait: seconds until it is given up'
  return new Option('--wait-timeout <seconds>', text).argParser(parseCount)
}

interface UpFlags extends ViewFlags, ChangeFlags {
  /** The plan that was agreed to. */
  readonly expected?: Plan
  readonly wait?: boolean
  readonly waitTimeout?: number
  readonly pull?: string
  readonly watch?: boolean
}

/** One word that is a file is a plan: services are not named so. */
function upOrApply(
  context: Context,
  services: readonly string[],
  flags: ChangeFlags & UpFlags,
): Promise<number> {
  const [first = '', ...others] = services
  const file = first.includes('.') && others.length === 0 ? readPlanFile(first) : undefined
  if (file === undefined) return up(context, planOptions(flags, services), flags)
  const input = { ...file.input, env: context.input().env }
  const agreed: Context = { ...context, input: () => input }
  return up(agreed, file.options, { ...flags, expected: file.plan })
}

async function up(context: Context, options: PlanOptions, given: UpFlags): Promise<number> {
  const { asking, input } = context
  const flags = given.wait === true ? { ...given, detach: true } : given
  const attach = flags.detach !== true
  if (flags.watch === true) {
    if (!attach) throw cannotDetach()
    const { followFiles } = await import('../follow-files.ts')
    return followFiles(context, { options, flags, attach, mode: 'now', build: buildWish(flags) })
  }
  const view = new UpView(context, flags, await createProgress())
  let session: Session | undefined
  let isWaiting = false
  let interrupts = 0
  using _handler = onInterrupt((count) => {
    interrupts = count
    // Nothing has begun that would have to be stopped.
    if (isWaiting) process.exit(exitOf('INTERRUPTED'))
    if (count === 1 && attach) say('stopping; press Ctrl-C again to kill')
    session?.send({ kind: 'interrupt' })
  })
  const source = { kind: 'files', input: input(options.services) } as const
  const answers = ask(
    {
      ...asking,
      onSession: (opened) => {
        session = opened
        // The supervisor before this one may not have lived to act on it.
        for (let told = 0; told < interrupts; told += 1) opened.send({ kind: 'interrupt' })
      },
      onWaiting: () => (isWaiting = true),
    },
    {
      kind: 'up',
      source,
      options,
      attach,
      ...(flags.pull && { pull: flags.pull }),
      ...buildWish(flags),
      ...(flags.wait === true && { wait: waitOf(flags) }),
      ...(flags.expected !== undefined && { expected: flags.expected }),
    },
  )
  for await (const answer of answers) {
    isWaiting = false
    await view.show(answer)
  }
  await view.end()
  return view.status
}

function waitOf({ waitTimeout }: UpFlags): { readonly timeoutMs?: number } {
  return waitTimeout === undefined ? {} : { timeoutMs: waitTimeout * 1000 }
}

function cannotDetach(): UsageError {
  return new UsageError('Cannot use --watch with --detach: somebody has to watch', {
    hint: 'leave --detach out, or run "tsstack watch" beside it: it shows no logs',
  })
}
