/** `tsstack system df`: the room that images take. */

import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { openImages } from '../image-store.ts'
import { print } from '../output.ts'
import { trafficText } from '../size-text.ts'
import { table } from '../table.ts'

export const systemCommand: CommandModule = {
  define: (command, run) => {
    command
      .command('df')
      .description('show how much room images take')
      .option('--json', 'as data: docs/json.md')
      .action((flags: { json?: boolean }) => run((context) => df(context, flags)))
  },
}

async function df(
  context: Context,
  { json = false }: { readonly json?: boolean },
): Promise<number> {
  const { room, store } = await openImages(context)
  const usage = room.usageOf(store)
  if (json) {
    print(JSON.stringify({ images: usage }, undefined, 2))
    return 0
  }
  const { images, active, layerBytes, blobBytes, reclaimableBytes, buildCache } = usage
  const rows = [
    [
      'images',
      String(images),
      String(active),
      trafficText(layerBytes),
      trafficText(blobBytes),
      trafficText(reclaimableBytes),
    ],
    ['build cache', String(buildCache.layers), '', '', '', trafficText(buildCache.bytes)],
  ]
  print(table(['TYPE', 'TOTAL', 'ACTIVE', 'UNPACKED', 'PACKED', 'RECLAIMABLE'], rows))
  return 0
}
