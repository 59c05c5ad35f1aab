/** How a value got into the stack: the file that named its file, and the values it replaced. */
import type { RelatedPlace } from '../../errors.ts'
import type { Place, Source } from '../tree/node.ts'
import { positionOf } from './position.ts'

/** Files that name each other are followed so far: cycles end here. */
const STEPS_MAX = 8

export class Ancestry {
  readonly #introduced = new WeakMap<Source, Place>()
  readonly #replaced = new WeakMap<Place, Place>()

  /** `by` is the text of `include`, `extends` or `env_file` that named the file. */
  introduce(source: Source, by: Place): void {
    if (!this.#introduced.has(source) && by.source !== source) this.#introduced.set(source, by)
  }

  /** What stands at `winner` took the place of what stands at `earlier`. */
  replace(winner: Place, earlier: Place): void {
    if (winner !== earlier) this.#replaced.set(winner, earlier)
  }

  /** The values that lost, the latest first; then the way to the file, from there outwards. */
  of(place: Place): readonly RelatedPlace[] {
    const related: RelatedPlace[] = []
    let lost = this.#replaced.get(place)
    for (; lost !== undefined && related.length < STEPS_MAX; lost = this.#replaced.get(lost)) {
      related.push(relatedPlace('it replaces', lost))
    }
    let by = this.#introduced.get(place.source)
    for (let step = 0; by !== undefined && step < STEPS_MAX; step++) {
      related.push(relatedPlace('introduced by', by))
      by = this.#introduced.get(by.source)
    }
    return related
  }
}

export function relatedPlace(message: string, { source, start }: Place): RelatedPlace {
  return { message, file: source.name, ...positionOf(source, start) }
}

/** `introduced by compose.yaml:2:3`, a line for each. */
export function relatedLines(related: readonly RelatedPlace[] = []): readonly string[] {
  return related.map(({ message, file, line, column }) => `${message} ${file}:${line}:${column}`)
}
