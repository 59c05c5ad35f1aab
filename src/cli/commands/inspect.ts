/** `tsstack inspect`: everything about images, as Docker shows it. */

import type { StoredImage } from '../../image/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { type Images, namesOf, openImages, shortName } from '../image-store.ts'
import { print, say } from '../output.ts'
import { exitCodeOf, renderError } from '../render-error.ts'

export const inspectCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('<image...>')
      .action((names: readonly string[]) => run((context) => inspectImages(context, names)))
  },
}

/** What is there is shown, what is not there is said. */
export async function inspectImages(context: Context, names: readonly string[]): Promise<number> {
  const opened = await openImages(context)
  const found: object[] = []
  let status = 0
  for (const name of names) {
    try {
      found.push(describe(opened, opened.room.findByText(opened.store, name, process.cwd()).image))
    } catch (error) {
      say(renderError(error, context.paint, Boolean(process.env['TSSTACK_DEBUG'])))
      status = exitCodeOf(error)
    }
  }
  print(JSON.stringify(found, undefined, 2))
  return status
}

function describe(opened: Images, image: StoredImage): object {
  const { room, store } = opened
  const document = JSON.parse(room.readBlob(store, image.id).toString()) as Document
  const names = namesOf(opened, image).map(shortName)
  const repositories = new Set(names.map((name) => name.replace(/[:@][^/]*$/, '')))
  return {
    Id: image.id,
    Digest: image.manifest,
    RepoTags: names,
    RepoDigests: [...repositories].map((name) => `${name}@${image.manifest}`),
    Created: image.created ?? null,
    Author: document.author ?? '',
    Architecture: image.platform.architecture,
    Os: image.platform.os,
    Variant: image.platform.variant ?? '',
    Size: room.imageBytes(store, image),
    Config: document.config ?? {},
    RootFS: { Type: 'layers', Layers: image.layers.map(({ diffId }) => diffId) },
    Layers: image.layers,
  }
}

interface Document {
  readonly author?: string
  readonly config?: object
}
