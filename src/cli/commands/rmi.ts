/** `tsstack rmi`: removes names of images, and images with their last name. */

import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { openImages, shortName } from '../image-store.ts'
import { print, say } from '../output.ts'
import { exitCodeOf, renderError } from '../render-error.ts'
import { safeText } from '../safe-text.ts'

export const rmiCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('<image...>')
      .option('-f, --force', 'all names of an image that is named by its ID')
      .action((names: readonly string[], flags: { force?: boolean }) =>
        run((context) => removeImages(context, names, flags)),
      )
  },
}

/** Each on its own: what cannot go does not keep the others. */
export async function removeImages(
  context: Context,
  texts: readonly string[],
  { force = false }: { readonly force?: boolean },
): Promise<number> {
  const { room, store } = await openImages(context)
  let status = 0
  for (const text of texts) {
    try {
      const directory = process.cwd()
      const { names, isGone, image } = await room.removeByText(store, text, { force, directory })
      for (const name of names) print(`untagged ${safeText(shortName(name))}`)
      if (isGone) print(`removed ${image.id}`)
    } catch (error) {
      say(renderError(error, context.paint, false))
      status = exitCodeOf(error)
    }
  }
  return status
}
