/** A volume that another engine had, with its data. */

import { existsSync } from 'node:fs'
import { openPaths } from '../paths.ts'
import type { EngineOptions } from '../types.ts'
import { fillVolume } from './copy-up.ts'
import { makeNamedVolume, volumeData } from './volumes.ts'

/** False when a volume of that name is here already, which is kept as it is. */
export function importVolume(
  options: EngineOptions,
  volume: {
    readonly stack: string
    readonly key: string
    readonly name: string
    readonly data: string
  },
): boolean {
  const { stack, key, name, data } = volume
  const paths = openPaths(options)
  if (existsSync(volumeData(paths, name))) return false
  const nothing = { driver: 'local', driverOptions: {}, labels: {} }
  makeNamedVolume(paths, stack, { key, name, external: false, ...nothing })
  fillVolume(data, volumeData(paths, name))
  return true
}
