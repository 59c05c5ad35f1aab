/** Whether the rules of a table, or of a chain, are still those that were first seen there. */

import { createHash } from 'node:crypto'
import type { nft } from '../../linux/index.ts'

/** A rule that is replaced keeps its number and its place: only what it says tells. */
export class RuleMemory {
  readonly #hashes = new Map<string, string>()

  /** The first look is believed: how the kernel writes down what we ask is its own business. */
  areKnown(place: string, rules: readonly nft.Rule[]): boolean {
    const hash = createHash('sha256')
    for (const { handle, content } of rules) hash.update(`${handle} `).update(content)
    const found = hash.digest('base64')
    const before = this.#hashes.get(place)
    if (before === undefined) this.#hashes.set(place, found)
    return before === undefined || before === found
  }

  /** They are about to be made again. */
  forget(place: string): void {
    this.#hashes.delete(place)
  }
}
