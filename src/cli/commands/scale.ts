/** `tsstack scale`: more or fewer replicas of services. */

import { InvalidArgumentError } from 'commander'
import { carryOut } from '../carry-out.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, parseCount } from '../options.ts'

type Replicas = Readonly<Record<string, number>>

export const scaleCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('<service=count...>', 'web=3', collectReplicas)
      .option('--no-deps', 'leave alone what the services depend on')
      .action((scale: Replicas, { deps }: { readonly deps: boolean }) =>
        run((context) => applyScale(context, scale, deps)),
      )
  },
}

function collectReplicas(word: string, before: Replicas = {}): Replicas {
  const [, service, count] = /^([^=]+)=(\d+)$/.exec(word) ?? []
  if (service !== undefined && count !== undefined) {
    return { ...before, [service]: parseCount(count) }
  }
  throw new InvalidArgumentError('it looks like web=3.')
}

async function applyScale(context: Context, scale: Replicas, deps: boolean): Promise<number> {
  const services = Object.keys(scale)
  const input = { ...context.input(services), scale }
  const options = { services, ...(deps ? {} : { noDeps: true }) }
  if (context.isDryRun) {
    const { showPlan } = await import('../show-plan.ts')
    await showPlan({ ...context, input: () => input }, options, {})
    return 0
  }
  const source = { kind: 'files', input } as const
  return carryOut(context, { kind: 'up', source, options, attach: false })
}
