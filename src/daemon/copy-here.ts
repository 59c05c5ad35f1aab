/** This machine's end of `cp`, with the rights of whoever runs it. */

import {
  type CopySource,
  explainCopy,
  findPlace,
  openHostTree,
  pack,
  Unpacker,
} from '../engine/index.ts'
import { createDecompressor, sniffPacking, TarReader } from '../image/index.ts'

/** What lies at `path`, as an archive. */
export function packHere(
  path: string,
  options: { readonly followLink: boolean },
): { readonly source: CopySource; readonly archive: Iterable<Buffer> } {
  const tree = openHostTree()
  try {
    const { source, archive } = pack(tree, path, options)
    return { source, archive: explained(archive, path, tree) }
  } catch (error) {
    tree[Symbol.dispose]()
    throw explainCopy(error, `"${path}"`)
  }
}

function* explained(
  archive: Iterable<Buffer>,
  path: string,
  tree: Disposable,
): Generator<Buffer, void> {
  try {
    yield* archive
  } catch (error) {
    throw explainCopy(error, `"${path}"`)
  } finally {
    tree[Symbol.dispose]()
  }
}

export interface Unpacking extends Disposable {
  push(bytes: Buffer): void
  /** All has come. */
  finish(): void
}

/**
 * Writes an archive that holds `source` to `path`. Links that the archive or an earlier one has
 * brought are never followed: what is in it comes from a container.
 */
export function unpackHere(
  path: string,
  source: CopySource,
  { archive }: { readonly archive: boolean },
): Unpacking {
  const tree = openHostTree()
  const explaining = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw explainCopy(error, `to "${path}"`)
    }
  }
  try {
    const place = explaining(() => findPlace(tree, path, source))
    const unpacker = explaining(() => new Unpacker(tree, place, { archive, followsLinks: false }))
    const reader = new TarReader(unpacker)
    return {
      push: (bytes) => explaining(() => reader.push(bytes)),
      finish: () =>
        explaining(() => {
          reader.end()
          unpacker.finish()
        }),
      [Symbol.dispose]: () => {
        unpacker.close()
        tree[Symbol.dispose]()
      },
    }
  } catch (error) {
    tree[Symbol.dispose]()
    throw error
  }
}

/** An archive as it comes from elsewhere, unpacked if it is packed. */
export async function* plainArchive(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const plain: Buffer[] = []
  let unpacking: ReturnType<typeof createDecompressor> | undefined
  for await (const chunk of stream) {
    unpacking ??= createDecompressor(sniffPacking(chunk), (bytes) => plain.push(bytes))
    await unpacking.write(chunk)
    yield* plain.splice(0)
  }
  await unpacking?.end()
  yield* plain
}
