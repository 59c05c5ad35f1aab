/** Throws away what builds have kept for later ones. */

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheReach, collect, findLayer, isDigest, openImageStore } from '../../image/index.ts'
import type { ImageStore } from '../../image/index.ts'

export interface BuildPrune {
  /** State root. */
  readonly state: string
  /** What was used after this stays, in milliseconds since the epoch. */
  readonly before: number
  /** Also what was fetched, and what RUN --mount=type=cache has filled. */
  readonly all: boolean
}

export interface BuildPruned {
  readonly steps: number
  readonly bytes: number
}

/** Layers that an image has stay: a build may still use them. Waits for builds under way. */
export async function pruneBuilds({ state, before, all }: BuildPrune): Promise<BuildPruned> {
  const store = openImageStore(state)
  const directory = join(state, 'build')
  const parts = all ? ['downloads', 'git', 'mounts', 'digests'] : []
  const { bytes } = await collect(store, {
    all: false,
    cachedBefore: before,
    onHeld: () => {
      for (const part of parts) rmSync(join(directory, part), { recursive: true, force: true })
    },
  })
  return { steps: removeLost(store, stepsOf(state)), bytes }
}

/**
 * After a build: what was used longest ago goes, where the cache has grown too large. Never waits:
 * of builds that run side by side the last one does it.
 */
export async function boundBuildCache(state: string, bytesMax?: number): Promise<void> {
  const store = openImageStore(state)
  const before = cacheReach(store, bytesMax)
  if (before === undefined) return
  const signal = AbortSignal.abort()
  try {
    await collect(store, { all: false, keepsUnnamed: true, cachedBefore: before, signal })
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return
    throw error
  }
  removeLost(store, stepsOf(state))
}

function stepsOf(state: string): string {
  return join(state, 'build', 'steps')
}

/** Notes of steps whose layer is gone. */
function removeLost(store: ImageStore, directory: string): number {
  if (!existsSync(directory)) return 0
  const notes = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  const lost = notes.filter(
    (name) => name.endsWith('.json') && isLost(store, join(directory, name)),
  )
  for (const name of lost) rmSync(join(directory, name), { force: true })
  return lost.length
}

function isLost(store: ImageStore, path: string): boolean {
  try {
    const note = JSON.parse(readFileSync(path, 'utf8')) as { layer?: { diffId?: unknown } }
    const diffId = note.layer?.diffId
    return diffId !== undefined && !(isDigest(diffId) && findLayer(store, diffId) !== undefined)
  } catch {
    return true
  }
}
