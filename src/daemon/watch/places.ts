/** Where a change of a file may show: the file, the links on the way to it, the folders above. */

import { lstatSync, readlinkSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { SYMLINKS_MAX } from '../../limits.ts'

/**
 * Every path whose making, change or end may give another content to one of `paths`: each file,
 * each symbolic link that leads to it, and the folders between it and `base`, which may be moved
 * away. Of a path that does not exist, its first part that is missing.
 */
export function placesToWatch(paths: readonly string[], base: string): readonly string[] {
  const places = new Set<string>()
  for (const path of paths) addPlaces(places, path, base)
  return [...places]
}

function addPlaces(places: Set<string>, path: string, base: string): void {
  let left = resolve(path).split(sep).filter(Boolean)
  let here = '/'
  for (let links = 0; left.length > 0;) {
    const [name = '', ...rest] = left
    here = join(here, name)
    left = rest
    const kind = kindOf(here)
    if (kind === 'absent' || kind === 'link' || rest.length === 0) places.add(here)
    if (kind === 'absent') return
    if (kind === 'folder' && here.startsWith(base + sep)) places.add(here)
    if (kind !== 'link') continue
    links += 1
    if (links > SYMLINKS_MAX) return
    const target = resolve(dirname(here), readlinkSync(here))
    left = [...target.split(sep).filter(Boolean), ...rest]
    here = '/'
  }
}

function kindOf(path: string): 'absent' | 'link' | 'folder' | 'file' {
  try {
    const stat = lstatSync(path)
    if (stat.isSymbolicLink()) return 'link'
    return stat.isDirectory() ? 'folder' : 'file'
  } catch {
    return 'absent'
  }
}
