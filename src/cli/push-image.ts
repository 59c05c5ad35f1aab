/** Sends one image of the store to its registry, with progress. */

import { type Images, shortName, withImageProgress } from './image-store.ts'
import { print } from './output.ts'
import { safeText } from './safe-text.ts'

/** `name`: a reference that the store knows. @throws {EngineError} IMAGE, REGISTRY */
export async function pushImage(
  { room, store }: Images,
  name: string,
  { isQuiet, signal }: { readonly isQuiet: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { image } = room.findByText(store, name, process.cwd())
  const reference = room.parseReference(name)
  using http = new room.Http(room.readRegistrySettings(process.env))
  await withImageProgress(async (progress) => {
    progress.event({ phase: 'begun', image: name, source: name, verb: 'sending' })
    const what = { store, image, reference }
    await room.pushImage(http, what, {
      env: process.env,
      signal,
      onEvent: (event) => !isQuiet && progress.event({ ...event, image: name }),
    })
  })
  print(`${safeText(shortName(room.formatReference(reference)))} ${image.manifest}`)
}
