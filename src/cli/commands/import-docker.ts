/** `tsstack import-docker`: images and volumes of Docker or podman on this machine. */

import { existsSync } from 'node:fs'
import type { TakenLayers } from '../../image/index.ts'
import { importVolume } from '../../daemon/index.ts'
import { EngineError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { openImages, shortName } from '../image-store.ts'
import { print, say } from '../output.ts'
import { safeText } from '../safe-text.ts'

export const importDockerCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('[directory]', 'store (default: /var/lib/docker, /var/lib/containers/storage)')
      .option('--no-images', 'volumes only')
      .option('--volumes', 'named volumes as well; what uses them has to be stopped')
      .action((directory: string | undefined, flags: ImportFlags) =>
        run((context) => importDocker(context, directory, flags)),
      )
  },
}

interface ImportFlags {
  readonly images: boolean
  readonly volumes?: boolean
}

const PLACES = ['/var/lib/docker', '/var/lib/containers/storage']

async function importDocker(
  context: Context,
  directory: string | undefined,
  flags: ImportFlags,
): Promise<number> {
  const { room, store } = await openImages(context)
  const places = directory === undefined ? PLACES.filter((path) => existsSync(path)) : [directory]
  const found = places
    .map((path) => room.readForeignStore(path))
    .filter((each) => each !== undefined)
  if (found.length === 0) throw noStore(places)
  const layers: TakenLayers = new Map()
  for (const { engine, images, volumes } of found) {
    for (const image of flags.images ? images : []) {
      const taken = await room.takeForeign(store, image, layers)
      const names = taken.names.map((name) => safeText(shortName(name))).join(', ')
      print(`image ${names === '' ? taken.image.id : names} of ${engine}`)
    }
    for (const volume of flags.volumes === true ? volumes : []) {
      const { stack, key, name, data } = volume
      if (stack === undefined || key === undefined) {
        say(`volume ${safeText(name)}: left alone, as it belongs to no stack`)
        continue
      }
      const isNew = await importVolume(context.places, { stack, key, name, data })
      print(`volume ${safeText(name)} of ${engine}${isNew ? '' : ': is here already, left alone'}`)
    }
  }
  return 0
}

function noStore(places: readonly string[]): EngineError {
  const list = places.length === 0 ? PLACES.join(' nor ') : places.join(', ')
  return new EngineError('IMAGE', `Cannot find a store of Docker or podman in ${list}`, {
    hint: "name the directory; Docker's overlay2 and podman's overlay driver are known",
  })
}
