/** Brings a stack's images to this machine, and into its desired state. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  findWish,
  type ImageEvent,
  type ImageStore,
  type ImageWish,
  openImageStore,
  readNames,
  type StoredImage,
} from '../../image/index.ts'
import {
  type ContainerSpec,
  type DesiredState,
  type ImageFacts,
  withImages,
} from '../../planner/index.ts'
import type { Supervisor } from '../supervisor.ts'
import { factsOf, type StackWish, wishesOf } from './wishes.ts'
import { obtainInWorker } from './worker-client.ts'

export interface ObtainRequest {
  /** Empty: all. */
  readonly services: readonly string[]
  /** A policy that comes before that of the stack file. */
  readonly pull?: string | undefined
  /** The user's: credentials and proxies are found by it. */
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly onEvent: (event: ImageEvent) => void
  /** Called before anything is fetched; what it rejects with ends it all. */
  readonly check: () => Promise<void>
}

/**
 * `desired` with what its images say; images that are missing or due are fetched first, by a
 * process of its own: unpacking would hold up everything else here.
 * @throws {EngineError} and nothing of the stack has been touched
 */
export async function obtainImages(
  { engine }: Supervisor,
  desired: DesiredState,
  request: ObtainRequest,
): Promise<DesiredState> {
  const wishes = wishesOf(desired, request)
  const { state } = engine.paths
  if (wishes.length > 0) {
    const store = openImageStore(state)
    const missing = wishes.filter(({ wish }) => !isPresent(store, wish))
    if (missing.length > 0) {
      await request.check()
      await obtainInWorker(state, { ...request, desired, wishes: missing })
    }
  }
  return knownImages(state, desired)
}

/** `desired` with what is known of its images without asking anybody. */
export function knownImages(state: string, desired: DesiredState): DesiredState {
  const wishes = wishesOf(desired, { services: [], pull: 'missing' })
  if (wishes.length === 0 || !existsSync(join(state, 'images'))) return desired
  const store = openImageStore(state)
  const names = readNames(store)
  const facts = new Map<string, ImageFacts>()
  for (const { desired: image, wish } of wishes) {
    // Never: a layout that changes just now is not this plan's business.
    const found = findWish(store, { ...wish, policy: { kind: 'never' } }, names)
    if (found) facts.set(keyOf(image), factsOf(found))
  }
  return withImages(desired, (spec) => facts.get(keyOf(spec)))
}

function isPresent(store: ImageStore, wish: ImageWish): StoredImage | undefined {
  return findWish(store, wish)
}

function keyOf({ image, platform }: Pick<ContainerSpec, 'image' | 'platform'>): string {
  return `${image} ${platform ?? ''}`
}

export type { StackWish }
