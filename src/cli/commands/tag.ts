/** `tsstack tag`: another name for an image. */

import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { openImages } from '../image-store.ts'

export const tagCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('<image>')
      .argument('<name>')
      .action((text: string, name: string) => run((context) => tag(context, text, name)))
  },
}

async function tag(context: Context, text: string, name: string): Promise<number> {
  const { room, store } = await openImages(context)
  using _hold = await room.holdStore(store)
  const { image } = room.findByText(store, text, process.cwd())
  const whole = room.formatReference(room.parseReference(name))
  await room.changeNames(store, (names) =>
    names.set(whole, { manifest: image.manifest, at: Date.now() }),
  )
  return 0
}
