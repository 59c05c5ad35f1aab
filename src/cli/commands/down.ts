/** `tsstack down`: stops and removes what belongs to a stack. Needs no stack file. */

import { Option } from 'commander'
import { readStack, stackImages } from '../../daemon/index.ts'
import type { PlanOptions } from '../../planner/index.ts'
import { carryOut } from '../carry-out.ts'
import { planOptions, timeoutOption } from '../change-options.ts'
import type { ChangeFlags } from '../change-options.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { openImages } from '../image-store.ts'
import { addStackOptions } from '../options.ts'
import { say } from '../output.ts'

export const downCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('-v, --volumes', 'remove the volumes of the stack as well')
      .option('--remove-orphans', 'accepted as in Compose: they are removed anyway')
      .addOption(timeoutOption())
      .addOption(
        new Option(
          '--rmi <which>',
          'and images: local (built without a name in the file) or all',
        ).choices(['local', 'all']),
      )
      .option('--dry-run', 'show the plan, and do nothing')
      .action((services: readonly string[], flags: DownFlags) =>
        run((context) => down(context, planOptions(flags, services), flags)),
      )
  },
}

interface DownFlags extends ChangeFlags {
  readonly rmi?: 'local' | 'all'
  readonly dryRun?: boolean
}

async function down(context: Context, options: PlanOptions, flags: DownFlags): Promise<number> {
  const { rmi, dryRun = false } = flags
  if (dryRun || context.isDryRun) {
    const { showDownPlan } = await import('../show-plan.ts')
    await showDownPlan(context, options)
    return 0
  }
  // Before anything is taken down: files that have errors must not be found too late.
  const images = rmi === undefined ? [] : await imagesOf(context, options.services ?? [], rmi)
  const status = await carryOut(context, { kind: 'down', input: context.input(), options })
  if (status !== 0 || images.length === 0) return status
  const { room, store } = await openImages(context)
  const isThere = (image: string): boolean =>
    room.readNames(store).has(room.formatReference(room.parseReference(image)))
  const { removeImages } = await import('./rmi.ts')
  // What was never pulled or built is gone already.
  return removeImages(context, images.filter(isThere), {})
}

/** @see docker compose down --rmi: `local` are those that have no name of their own in the file */
async function imagesOf(
  context: Context,
  services: readonly string[],
  which: 'local' | 'all',
): Promise<readonly string[]> {
  const { desired, warnings } = await readStack(context.input())
  if (warnings !== '') say(warnings)
  const isMeant = (service: string): boolean => services.length === 0 || services.includes(service)
  const built = (desired.builds ?? [])
    .filter(({ service, image }) => isMeant(service) && image === `${desired.stack}-${service}`)
    .map(({ image }) => image)
  if (which === 'local') return built
  const wishes = await stackImages(context.input(), {
    services,
    includeDeps: false,
    includeBuilt: true,
  })
  return wishes.filter(({ source }) => source.kind === 'registry').map(({ image }) => image)
}
