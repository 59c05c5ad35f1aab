/** Layers as trees: what a stage has come to, to be read from or written over. */

import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../errors.ts'
import { close, createDetachedMount, type Fd, O, openPath, overlayOptions } from '../linux/index.ts'
import type { LayerRecord, LayerStore } from './ports.ts'

/** A root that is being changed; disposing it unmounts. */
export interface WritableRoot extends Disposable {
  readonly fd: Fd
  /** Gets every change; complete once the root is unmounted. */
  readonly upper: string
}

export class Roots {
  readonly #store: LayerStore
  /** A root without layers. */
  readonly #empty: string

  constructor(store: LayerStore, cacheDirectory: string) {
    this.#store = store
    this.#empty = join(cacheDirectory, 'empty')
  }

  /** Lower directories, topmost first; never none. */
  lowersOf(layers: readonly LayerRecord[]): readonly string[] {
    // A layer that appears again lower down would change nothing, and overlayfs refuses it.
    const ids = new Set(layers.toReversed().map(({ diffId }) => diffId))
    const lowers = [...ids].map((diffId) => {
      const directory = this.#store.directoryOf(diffId)
      if (directory !== undefined) return directory
      throw new EngineError('BUILD', `Cannot go on: layer ${diffId} is gone from the store`, {
        hint: 'run the build again',
      })
    })
    return lowers.length > 0 ? lowers : [this.#emptyDirectory()]
  }

  /** To be read only. The caller closes the descriptor. */
  open(layers: readonly LayerRecord[]): Fd {
    const [first = '', ...more] = this.lowersOf(layers)
    if (more.length === 0) return openPath(first, O.DIRECTORY)
    return createDetachedMount({
      type: 'overlay',
      lowers: [first, ...more],
      options: overlayOptions(),
    })
  }

  /** `draft`: an empty directory beside the layers. */
  write(layers: readonly LayerRecord[], draft: string): WritableRoot {
    const [upper, work] = [join(draft, 'upper'), join(draft, 'work')]
    for (const directory of [upper, work]) mkdirSync(directory, { mode: 0o755 })
    const lowers = this.lowersOf(layers)
    // The merged root shows the uppermost directory's owner and mode.
    const { uid, gid, mode } = lstatSync(lowers[0] ?? '/')
    chownSync(upper, uid, gid)
    chmodSync(upper, mode & 0o7777)
    const fd = createDetachedMount({
      type: 'overlay',
      lowers,
      options: { upperdir: upper, workdir: work, ...overlayOptions() },
    })
    return { fd, upper, [Symbol.dispose]: () => close(fd) }
  }

  /** An empty directory beside the layers. */
  draft(): string {
    return mkdtempSync(join(this.#store.drafts, 'build-'))
  }

  #emptyDirectory(): string {
    mkdirSync(this.#empty, { recursive: true, mode: 0o755 })
    return this.#empty
  }
}
