/** `tsstack commit` and `export`: what a container has become, as an image or as an archive. */

import { createWriteStream } from 'node:fs'
import { containerUpper } from '../../daemon/index.ts'
import { EngineError, UsageError } from '../../errors.ts'
import type { ObservedContainer } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { openImages } from '../image-store.ts'
import { addStackOptions, collect, parseCount } from '../options.ts'
import { isTerminal, print } from '../output.ts'
import { askFor } from '../request.ts'

export const commitCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('<service>')
      .argument('[name]', 'name of the image')
      .option('--index <number>', 'replica', parseCount)
      .option(
        '--pause [boolean]',
        'accepted as in Compose: what is written meanwhile may be missed',
      )
      .option('-a, --author <text>', 'for the image')
      .option('-m, --message <text>', 'for the history')
      .option('-c, --change <instruction>', 'as in a Dockerfile: \'CMD ["sh"]\'', collect)
      .action((service: string, name: string | undefined, flags: CommitFlags) =>
        run((context) => commit(context, { service, name }, flags)),
      )
  },
}

export const exportCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('<service>')
      .option('--index <number>', 'replica', parseCount)
      .option('-o, --output <file>', 'file, instead of standard output')
      .action((service: string, flags: ExportFlags) =>
        run((context) => exportFiles(context, service, flags)),
      )
  },
}

interface CommitFlags {
  readonly index?: number
  readonly author?: string
  readonly message?: string
  readonly change?: readonly string[]
}

interface ExportFlags {
  readonly index?: number
  readonly output?: string
}

async function commit(
  context: Context,
  { service, name }: { readonly service: string; readonly name: string | undefined },
  { index, author, message, change = [] }: CommitFlags,
): Promise<number> {
  const { room, store } = await openImages(context)
  const { container, upper } = await findContainer(context, service, index)
  const { imageDigest, image, mounts } = container.spec
  if (!room.isDigest(imageDigest)) {
    throw new EngineError('IMAGE', `Cannot commit a container of "${image}": it has no layers`, {
      hint: 'use an image of a registry, a layout or an archive',
    })
  }
  const whole = name === undefined ? undefined : room.formatReference(room.parseReference(name))
  // Places of volumes are the container's, and what is in them is not its own.
  const places = new Set(mounts.map(({ target }) => target))
  using _hold = await room.holdStore(store)
  const made = await room.commitLayer(store, {
    base: room.requireImage(store, imageDigest),
    upper,
    options: { includes: (path) => !places.has(`/${path}`) },
    changes: { config: room.parseChanges(change), author, message },
  })
  if (whole !== undefined) {
    await room.changeNames(store, (names) =>
      names.set(whole, { manifest: made.manifest, at: Date.now() }),
    )
  }
  print(made.id)
  return 0
}

async function exportFiles(
  context: Context,
  service: string,
  { index, output }: ExportFlags,
): Promise<number> {
  if (output === undefined && isTerminal(1)) {
    throw new UsageError('Cannot write an archive to a terminal', { hint: 'use --output FILE' })
  }
  const { room, store } = await openImages(context)
  const { container, upper } = await findContainer(context, service, index)
  const { image, imageDigest: digest } = container.spec
  const target = output === undefined ? process.stdout : createWriteStream(output, { mode: 0o600 })
  // Streams take a millisecond to load, which no other command has to wait for.
  const { pipeline } = await import('node:stream/promises')
  await pipeline(room.exportRootfs(store, { image, digest, upper }), target)
  return 0
}

/** The replica `index`, or the first; it need not run. */
async function findContainer(
  { asking, input, places }: Context,
  service: string,
  index: number | undefined,
): Promise<{ readonly container: ObservedContainer; readonly upper: string }> {
  const request = { kind: 'observe', input: input(), services: [service] } as const
  const { observed } = await askFor(asking, request, 'observed')
  const container = observed.containers
    .filter((each) => index === undefined || each.index === index)
    .toSorted((a, b) => a.index - b.index)[0]
  if (container === undefined) {
    throw new UsageError(`Cannot find a container of service "${service}"`, {
      code: 'NO_SUCH_SERVICE',
      hint: 'see "tsstack ps -a"',
    })
  }
  return { container, upper: await containerUpper(places, observed.stack, container.name) }
}
