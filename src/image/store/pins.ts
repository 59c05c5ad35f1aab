/** What must not be collected although it has no name: images of containers, caches of builds. */

import { readdirSync, rmSync } from 'node:fs'
import { EngineError } from '../../errors.ts'
import type { Digest } from '../digest.ts'
import { readJsonIfThere, writeFileByRename } from './files.ts'
import { type ImageStore, placeOf } from './places.ts'

/** One holder's claim on the store. */
export interface Pin {
  /** As people read it: `container shop-web-1`. */
  readonly holder: string
  /** Digests of manifests. */
  readonly images?: readonly Digest[]
  /** Diff IDs. */
  readonly layers?: readonly Digest[]
}

/** Written before what it is for is made. `key`: letters, digits, `_`, `.`, `-`. */
export function writePin(store: ImageStore, key: string, pin: Pin): void {
  writeFileByRename(pinPath(store, key), JSON.stringify(pin))
}

/** Removed after what it was for is gone; one that is gone already is success. */
export function removePin(store: ImageStore, key: string): void {
  rmSync(pinPath(store, key), { force: true })
}

export function readPins(store: ImageStore): ReadonlyMap<string, Pin> {
  const names = readdirSync(placeOf(store, 'pins')).filter((name) => name.endsWith('.json'))
  const pins = new Map<string, Pin>()
  for (const name of names) {
    const pin = readJsonIfThere(placeOf(store, 'pins', name)) as Pin | undefined
    if (pin) pins.set(name.slice(0, -'.json'.length), pin)
  }
  return pins
}

function pinPath(store: ImageStore, key: string): string {
  if (/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,200}$/.test(key)) return placeOf(store, 'pins', `${key}.json`)
  throw new EngineError('INTERNAL', `Cannot pin an image for "${key}": that is no name`)
}
