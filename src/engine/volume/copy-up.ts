/** Fills an empty volume with what the image has at its place, all of it even after a crash. */

import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { copyDirectoryAttributes, copyTree } from './copy-tree.ts'

/**
 * Copies directory `content` into the directory `data` of a volume when that is empty. The
 * directory itself stays the same one: other containers may have it mounted already. A copy is made
 * beside it first, `data.draft`, which a crash leaves to be thrown away; once complete it is
 * `data.ready`, and its entries move over one by one, which the next call finishes.
 */
export function fillVolume(content: string, data: string): void {
  const [draft, ready] = [`${data}.draft`, `${data}.ready`]
  if (!existsSync(ready)) {
    rmSync(draft, { recursive: true, force: true })
    if (readdirSync(data).length > 0) return
    mkdirSync(draft, { mode: 0o700 })
    copyTree(content, draft)
    renameSync(draft, ready)
  }
  for (const name of readdirSync(ready, { encoding: 'buffer' })) moveOver(ready, data, name)
  copyDirectoryAttributes(content, data)
  rmSync(ready, { recursive: true })
}

/** What a container has put there meanwhile is newer than the image, and stays. */
function moveOver(ready: string, data: string, name: Buffer): void {
  const [from, to] = [ready, data].map((directory) =>
    Buffer.concat([Buffer.from(`${directory}/`), name]),
  ) as [Buffer, Buffer]
  if (lstatSync(to, { throwIfNoEntry: false }) === undefined) renameSync(from, to)
}
