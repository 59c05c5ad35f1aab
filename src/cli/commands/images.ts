/** `tsstack images`: the images of this machine. */

import type { StoredImage } from '../../image/index.ts'
import { ageText } from '../age-text.ts'
import type { CommandModule } from '../command.ts'
import { imageItem } from '../compose-json.ts'
import type { Context } from '../context.ts'
import { type Images, namesOf, openImages, shortName } from '../image-store.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { jsonForm, print } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { trafficText } from '../size-text.ts'
import { table } from '../table.ts'

export const imagesCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]', 'images of their containers alone')
      .option('-q, --quiet', 'IDs only')
      .option('--digests', 'with the digest of each manifest')
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((services: readonly string[], flags: ImagesFlags) =>
        run((context) => images(context, flags, services)),
      )
  },
}

export interface ImagesFlags {
  readonly quiet?: boolean
  readonly digests?: boolean
  readonly json?: boolean
  readonly format?: string
}

/** One row for each name, and one for an image without. */
export async function images(
  context: Context,
  flags: ImagesFlags,
  services: readonly string[] = [],
): Promise<number> {
  const used = services.length === 0 ? undefined : await imagesOf(context, services)
  const opened = await openImages(context)
  const { room, store } = opened
  const all = room
    .listImages(store)
    .filter(({ manifest }) => used === undefined || used.has(manifest))
    .toSorted((a, b) => b.addedAt - a.addedAt)
  const rows = all.flatMap((image) => rowsOf(opened, image))
  if (jsonForm(flags) === 'ours') print(JSON.stringify(rows.map(toJson), undefined, 2))
  else if (jsonForm(flags) === 'compose') {
    print(JSON.stringify(rows.map(({ name, image, bytes }) => imageItem(name, image, bytes))))
  } else if (flags.quiet === true) {
    for (const id of new Set(rows.map(({ image }) => room.shortId(image.id)))) print(id)
  } else print(tableOf(opened, rows, flags))
  return 0
}

/** Digests of the images that containers of `services` were made of. */
async function imagesOf(
  { asking, input }: Context,
  services: readonly string[],
): Promise<ReadonlySet<string>> {
  const request = { kind: 'observe', input: input(), services } as const
  const { observed } = await askFor(asking, request, 'observed')
  return new Set(observed.containers.flatMap(({ spec }) => spec.imageDigest ?? []))
}

interface Row {
  readonly name: string | undefined
  readonly image: StoredImage
  readonly bytes: number
}

function rowsOf(opened: Images, image: StoredImage): readonly Row[] {
  const bytes = opened.room.imageBytes(opened.store, image)
  const names = namesOf(opened, image)
  return (names.length === 0 ? [undefined] : names).map((name) => ({ name, image, bytes }))
}

function tableOf({ room }: Images, rows: readonly Row[], { digests }: ImagesFlags): string {
  const head = ['IMAGE', ...(digests === true ? ['DIGEST'] : []), 'ID', 'CREATED', 'SIZE']
  const body = rows.map(({ name, image, bytes }) => [
    safeText(name === undefined ? '<none>' : shortName(name)),
    ...(digests === true ? [image.manifest] : []),
    room.shortId(image.id),
    createdText(image),
    trafficText(bytes),
  ])
  return table(head, body)
}

function createdText({ created }: StoredImage): string {
  const at = Date.parse(created ?? '')
  return Number.isNaN(at) ? '-' : ageText(at)
}

function toJson({ name, image, bytes }: Row): unknown {
  return {
    name: name ?? null,
    id: image.id,
    digest: image.manifest,
    created: image.created ?? null,
    platform: image.platform,
    bytes,
    layers: image.layers.length,
  }
}
