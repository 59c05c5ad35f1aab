/** `tsstack pull` and `push`: the images of a stack's services, from registries and to them. */

import { Option } from 'commander'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { stackImages } from '../../daemon/index.ts'
import { interruptSignal, openImages, shortName, withImageProgress } from '../image-store.ts'
import { addStackOptions } from '../options.ts'
import { print, say } from '../output.ts'
import { pushImage } from '../push-image.ts'
import { exitCodeOf, renderError } from '../render-error.ts'
import { safeText } from '../safe-text.ts'

export const pullCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('--policy <policy>', 'always, or missing', 'always')
      .option('--ignore-pull-failures', 'go on when an image cannot be had')
      .option('--ignore-buildable', 'leave out images that services build')
      .option('--include-deps', 'images of what the services depend on as well')
      .option('-q, --quiet', 'no progress')
      .addOption(new Option('--parallel', 'accepted as in Compose').hideHelp())
      .addOption(new Option('--no-parallel', 'accepted as in Compose').hideHelp())
      .action((services: readonly string[], flags: PullFlags) =>
        run((context) => pull(context, services, flags)),
      )
  },
}

export const pushCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('--ignore-push-failures', 'go on when an image cannot be sent')
      .option('--include-deps', 'images of what the services depend on as well')
      .option('-q, --quiet', 'no progress')
      .option('--image <name>', 'this image, instead of those of a stack', collectName)
      .action((services: readonly string[], flags: PushFlags) =>
        run((context) => push(context, services, flags)),
      )
  },
}

interface PullFlags {
  readonly policy: string
  readonly ignorePullFailures?: boolean
  readonly ignoreBuildable?: boolean
  readonly includeDeps?: boolean
  readonly quiet?: boolean
}

interface PushFlags {
  readonly ignorePushFailures?: boolean
  readonly includeDeps?: boolean
  readonly quiet?: boolean
  readonly image?: readonly string[]
}

const collectName = (name: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  name,
]

async function pull(
  context: Context,
  services: readonly string[],
  flags: PullFlags,
): Promise<number> {
  const { room, store } = await openImages(context)
  const signal = interruptSignal()
  const { includeDeps = false, ignoreBuildable = false } = flags
  const includeBuilt = !ignoreBuildable
  const options = { services, pull: flags.policy, includeDeps, includeBuilt }
  const all = await stackImages(context.input(services), options)
  // What has no name of its own is in no registry.
  const wishes = all.filter(({ policy }) => policy.kind !== 'never')
  return eachOf(context, wishes, {
    isIgnored: flags.ignorePullFailures === true,
    work: async (wish) => {
      const { manifest } = await withImageProgress((progress) =>
        room.obtainImage(store, wish, {
          env: process.env,
          signal,
          onEvent: (event) => flags.quiet !== true && progress.event(event),
        }),
      )
      print(`${safeText(shortName(room.nameOf(wish)))} ${manifest}`)
    },
  })
}

async function push(
  context: Context,
  services: readonly string[],
  flags: PushFlags,
): Promise<number> {
  const opened = await openImages(context)
  const signal = interruptSignal()
  const { includeDeps = false } = flags
  const names =
    flags.image ??
    (await stackImages(context.input(services), { services, includeDeps, includeBuilt: true }))
      .filter(({ source, policy }) => source.kind === 'registry' && policy.kind !== 'never')
      .map(({ image }) => image)
  if (names.length === 0) throw nothingToPush()
  return eachOf(context, names, {
    isIgnored: flags.ignorePushFailures === true,
    work: (name) => pushImage(opened, name, { isQuiet: flags.quiet === true, signal }),
  })
}

/** One after the other; a failure is told at once, and the others still have their turn. */
async function eachOf<T>(
  { paint }: Context,
  items: readonly T[],
  { work, isIgnored }: { readonly work: (item: T) => Promise<void>; readonly isIgnored: boolean },
): Promise<number> {
  let status = 0
  for (const item of items) {
    try {
      await work(item)
    } catch (error) {
      say(renderError(error, paint, Boolean(process.env['TSSTACK_DEBUG'])))
      if (!isIgnored) status = exitCodeOf(error)
    }
  }
  return status
}

function nothingToPush(): UsageError {
  return new UsageError('Cannot push: no service has an image of a registry', {
    hint: 'name one in "image:", or use --image NAME',
  })
}
