/** `tsstack image …`: one image at a time, and the store as a whole. */

import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { interruptSignal, openImages, shortName, withImageProgress } from '../image-store.ts'
import { print, say } from '../output.ts'
import { safeText } from '../safe-text.ts'
import { trafficText } from '../size-text.ts'
import { history } from './history.ts'
import { images, type ImagesFlags } from './images.ts'
import { inspectImages } from './inspect.ts'
import { removeImages } from './rmi.ts'

export const imageCommand: CommandModule = {
  define: (command, run) => {
    command
      .command('pull <image...>')
      .description('fetch images from a registry')
      .option('--platform <platform>', 'for another machine: linux/arm64')
      .option('-q, --quiet', 'no progress')
      .action((names: readonly string[], flags: ImagePullFlags) =>
        run((context) => pullImages(context, names, flags)),
      )
    command
      .command('ls')
      .description('list images')
      .option('-q, --quiet', 'IDs only')
      .option('--digests', 'with the digest of each manifest')
      .option('--json', 'as data: docs/json.md')
      .action((flags: ImagesFlags) => run((context) => images(context, flags)))
    command
      .command('inspect <image...>')
      .description('show everything about images, as JSON')
      .action((names: readonly string[]) => run((context) => inspectImages(context, names)))
    command
      .command('history <image>')
      .description('show how an image was made')
      .action((name: string) => run((context) => history(context, name)))
    command
      .command('rm <image...>')
      .description('remove images')
      .option('-f, --force', 'all names of an image that is named by its ID')
      .action((names: readonly string[], flags: { force?: boolean }) =>
        run((context) => removeImages(context, names, flags)),
      )
    command
      .command('prune')
      .description('remove images without a name, and parts that no image has')
      .option('-a, --all', 'every image that no container has')
      .option('-f, --force', 'accepted as in Docker: nothing is asked')
      .action((flags: { all?: boolean }) => run((context) => prune(context, flags)))
  },
}

interface ImagePullFlags {
  readonly platform?: string
  readonly quiet?: boolean
}

async function pullImages(
  context: Context,
  names: readonly string[],
  flags: ImagePullFlags,
): Promise<number> {
  const { room, store } = await openImages(context)
  const signal = interruptSignal()
  for (const image of names) {
    const source = room.parseImageSource(image, process.cwd())
    const platform = flags.platform === undefined ? undefined : room.parsePlatform(flags.platform)
    const policy = room.parsePolicy('always')
    const found = await withImageProgress((progress) =>
      room.obtainImage(
        store,
        { image, source, platform, policy },
        {
          env: process.env,
          signal,
          onEvent: (event) => flags.quiet !== true && progress.event(event),
        },
      ),
    )
    print(`${shortName(room.sourceName(source))}@${found.manifest}`)
  }
  return 0
}

async function prune(context: Context, { all = false }: { all?: boolean }): Promise<number> {
  const { room, store } = await openImages(context)
  const { names, images: gone, bytes, cachedBytes } = await room.collect(store, { all })
  for (const name of names) say(`untagged ${safeText(shortName(name))}`)
  for (const digest of gone) say(`removed ${digest}`)
  const count = gone.length === 1 ? '1 image' : `${gone.length} images`
  print(`${count} removed, ${trafficText(bytes)} freed`)
  if (cachedBytes > 0) {
    const size = trafficText(cachedBytes)
    print(`kept for builds: ${size}, which "tsstack builder prune" would free`)
  }
  return 0
}
