/** Named volumes of a stack. */

import type { Stack } from '../../spec/index.ts'
import type { VolumeSpec } from '../model.ts'
import { sortedNames } from '../order.ts'

/** Sorted by key. */
export function volumeSpecs({ volumes = {} }: Stack): readonly VolumeSpec[] {
  return sortedNames(Object.keys(volumes)).flatMap((key) => {
    const volume = volumes[key]
    if (volume === undefined) return []
    return [
      {
        key,
        name: volume.name,
        external: volume.external ?? false,
        driver: volume.driver ?? 'local',
        driverOptions: volume.driver_opts ?? {},
        labels: volume.labels ?? {},
      },
    ]
  })
}
