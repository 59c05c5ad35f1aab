/** `tsstack history`: how an image was made. */

import { ageText } from '../age-text.ts'
import type { Context } from '../context.ts'
import { openImages } from '../image-store.ts'
import { print } from '../output.ts'
import { safeText } from '../safe-text.ts'
import { trafficText } from '../size-text.ts'
import { table } from '../table.ts'

/** Newest first, with the size of each layer. */
export async function history(context: Context, name: string): Promise<number> {
  const { room, store } = await openImages(context)
  const { image } = room.findByText(store, name, process.cwd())
  const config = room.parseConfig(room.readBlob(store, image.id), `configuration of "${name}"`)
  let layer = 0
  const rows = config.history.map(({ created, createdBy, comment, isEmptyLayer }) => {
    const own = isEmptyLayer ? undefined : image.layers[layer]
    if (!isEmptyLayer) layer += 1
    const bytes = own ? (room.findLayer(store, own.diffId)?.bytes ?? 0) : 0
    const at = Date.parse(created ?? '')
    const text = (createdBy ?? '').replaceAll(/\s+/g, ' ').slice(0, 100)
    const age = Number.isNaN(at) ? '-' : ageText(at)
    return [age, safeText(text), trafficText(bytes), safeText(comment ?? '')]
  })
  print(table(['CREATED', 'CREATED BY', 'SIZE', 'COMMENT'], rows.toReversed()))
  return 0
}
