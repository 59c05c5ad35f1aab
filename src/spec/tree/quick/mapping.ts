/** Puts keys and values of the plain subset together. */
import type { Assembly } from '../assembly.ts'
import type { Entry, MapNode, Node, Place } from '../node.ts'
import { resolvePlain } from '../scalar.ts'
import { doubt } from './scanner.ts'

/** Longest key; the YAML parser takes 1,024 characters with what is around it. */
const KEY_LENGTH_MAX = 1000

/** A key that was read. */
export interface Key {
  readonly text: string
  readonly place: Place
  /** `<<`, not in quotes: its value is merged into the mapping. */
  readonly isMerge: boolean
}

/** @throws {Doubt} when it is no string, or too long. */
export function keyOf(text: string, place: Place, isQuoted: boolean): Key {
  if (place.end - place.start > KEY_LENGTH_MAX) doubt()
  if (isQuoted) return { text, place, isMerge: false }
  if (resolvePlain(text).type !== 'string') doubt()
  return { text, place, isMerge: text === '<<' }
}

export class Mapping {
  readonly #assembly: Assembly
  readonly #entries = new Map<string, Entry>()
  readonly #merged: Node[] = []

  constructor(assembly: Assembly) {
    this.#assembly = assembly
  }

  add({ text, place, isMerge }: Key, value: Node): void {
    if (isMerge) this.#merged.push(value)
    else this.#assembly.addEntry(this.#entries, { key: text, keyPlace: place, value })
  }

  node(place: Place): MapNode {
    for (const value of this.#merged) this.#assembly.mergeInto(this.#entries, value)
    return { kind: 'map', entries: this.#entries, place }
  }
}
