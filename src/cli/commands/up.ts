/** `tsstack up`: makes a stack as its file says, and stays with its logs unless it is detached. */

import { Option } from 'commander'
import type { LossWish, Request } from '../../daemon/index.ts'
import { UsageError } from '../../errors.ts'
import type { Plan, PlanOptions } from '../../planner/index.ts'
import {
  addBuildOptions,
  addChangeOptions,
  buildWish,
  planOptions,
  pullOption,
  waitOf,
  waitTimeoutOption,
} from '../change-options.ts'
import type { ChangeFlags, WaitFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import { confirm } from '../confirm.ts'
import type { Context } from '../context.ts'
import { Interruption } from '../interrupt.ts'
import { addStackOptions, collect } from '../options.ts'
import { isTerminal, say } from '../output.ts'
import { readPlanFile } from '../plan-file.ts'
import { createProgress } from '../progress.ts'
import { ask } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { checkTogether, quietAsking, upRequest } from '../up-rules.ts'
import type { UpRules } from '../up-rules.ts'
import { UpView } from '../up-view.ts'
import type { ViewFlags } from '../up-view.ts'

export const upCommand: CommandModule = {
  define: (command, run) => {
    addBuildOptions(addChangeOptions(addStackOptions(command)))
      .argument('[services...]', 'or a file that plan -o has written')
      .option('-d, --detach', 'return when everything is started')
      .option('--no-start', 'create, and start nothing')
      .option('-y, --yes', 'make volumes anew that have changed, and lose their data')
      .option('--dry-run', 'show the plan, and do nothing')
      .option('--wait', 'return when everything runs and is healthy; implies --detach')
      .addOption(waitTimeoutOption())
      .option('-w, --watch', 'follow the stack file and all it reads: apply what changes')
      .addOption(pullOption())
      .option('--no-log-prefix', 'do not print the service before each line')
      .option('--no-color', 'no colours')
      .option('--timestamps', 'print when each line was written')
      .option('--attach <service>', 'show the output of this service alone; repeatable', collect)
      .addOption(noAttachOption())
      .option('--attach-dependencies', 'show the output of what the services depend on as well')
      .option('--abort-on-container-exit', 'stop all when one ends')
      .option('--abort-on-container-failure', 'stop all when one ends with a failure')
      .option('--exit-code-from <service>', 'stop all when one ends, with the status of this one')
      .option('--quiet-pull', 'do not show how images are fetched')
      .option('--quiet-build', 'do not show how images are built')
      .addOption(new Option('--menu [boolean]', 'accepted as in Compose: there is none').hideHelp())
      .action((services: readonly string[], flags: UpFlags) =>
        run((context) => upOrApply(context, services, flags)),
      )
  },
}

/** Commander takes it for the opposite of --attach, which it is not. */
function noAttachOption(): Option {
  const text = 'do not show the output of this service; repeatable'
  const option = new Option('--no-attach <service>', text).argParser(collect)
  option.negate = false
  return option
}

interface UpFlags extends ViewFlags, ChangeFlags, UpRules, WaitFlags {
  /** The plan that was agreed to. */
  readonly expected?: Plan
  readonly pull?: string
  readonly watch?: boolean
  readonly yes?: boolean
  readonly dryRun?: boolean
  /** `--no-start` makes it false. */
  readonly start?: boolean
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

async function up(context: Context, asked: PlanOptions, given: UpFlags): Promise<number> {
  checkTogether(given)
  const options = given.start === false ? { ...asked, noStart: true } : asked
  if (given.dryRun === true || context.isDryRun) {
    const { showPlan } = await import('../show-plan.ts')
    await showPlan(context, options, given.build === undefined ? {} : { build: given.build })
    return 0
  }
  const flags = given.wait === true ? { ...given, detach: true } : given
  const attach = flags.detach !== true && flags.start !== false
  if (flags.watch !== true) return make(context, options, { flags, attach })
  if (!attach) throw cannotDetach()
  const { followFiles } = await import('../follow-files.ts')
  return followFiles(context, { options, flags, attach, mode: 'now', build: buildWish(flags) })
}

/** Makes the stack, and stays with it when `attach`. */
async function make(
  context: Context,
  options: PlanOptions,
  { flags, attach }: { readonly flags: UpFlags; readonly attach: boolean },
): Promise<number> {
  const view = new UpView(context, flags, await createProgress())
  using interruption = new Interruption(() => {
    if (attach) say('stopping; press Ctrl-C again to kill')
  })
  const source = { kind: 'files', input: context.input(options.services) } as const
  const answers = ask(interruption.of(quietAsking(context.asking, flags)), {
    kind: 'up',
    source,
    options,
    attach,
    ...wishes(flags),
  })
  for await (const answer of answers) {
    interruption.heard()
    if (answer.kind === 'message' && answer.message.kind === 'confirm') {
      const yes = confirmLoss(answer.message.dataLost)
      interruption.session?.send({ kind: 'answer', yes })
    } else {
      await view.show(answer)
    }
  }
  await view.end()
  return view.status
}

/** What the flags say beside the plan. */
function wishes(flags: UpFlags): Omit<UpRequest, 'kind' | 'source' | 'options' | 'attach'> {
  const losses = lossWish(flags)
  const wait = waitOf(flags)
  return {
    ...(flags.pull && { pull: flags.pull }),
    ...buildWish(flags),
    ...upRequest(flags),
    ...(losses !== undefined && { losses }),
    ...(wait && { wait }),
    ...(flags.expected !== undefined && { expected: flags.expected }),
  }
}

type UpRequest = Extract<Request, { kind: 'up' }>

/** Somebody has to be there to answer; else the command means what it says. */
function lossWish({ yes }: UpFlags): LossWish | undefined {
  if (yes === true) return 'accept'
  return isTerminal(0) && isTerminal(2) ? 'ask' : undefined
}

function confirmLoss(volumes: readonly string[]): boolean {
  const names = volumes.map(safeText).join(', ')
  return confirm(`the data of ${names} will be lost: go on? (no keeps it)`)
}

function cannotDetach(): UsageError {
  return new UsageError('Cannot use --watch with --detach: somebody has to watch', {
    hint: 'leave --detach out, or run "tsstack watch" beside it: it shows no logs',
  })
}
