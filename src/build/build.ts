/** One build: what all of its stages share. */

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { close } from '../linux/index.ts'
import type { Dockerfile } from './dockerfile/dockerfile.ts'
import type { Word } from './dockerfile/words.ts'
import { FileDigests } from './files/digests.ts'
import type { FileTree } from './files/tree.ts'
import { openContext } from './files/context.ts'
import { EngineError } from '../errors.ts'
import { GlobalScope } from './plan/scope.ts'
import { type Origin, originOf } from './plan/stages.ts'
import type { BuildPorts, LayerRecord } from './ports.ts'
import type { BuildRequest } from './request.ts'
import { Roots } from './roots.ts'
import type { SourceText } from './source.ts'
import type { StageResult } from './stage.ts'
import { timeText } from './step/time.ts'
import { type ImportedCache, importCache } from './cache-export.ts'
import { chainOf, StepCache, type StepRecord } from './step-cache.ts'

/** What a step does when it is not in the cache; `undefined`: it changes nothing. */
export type MakeLayer = (place: StepPlace) => Promise<Changes | undefined>

export interface Changes {
  /** In overlayfs form. */
  readonly upper: string
  /** What it was made over, topmost first. */
  readonly lowers: readonly string[]
}

export interface StepPlace {
  /** Of the step, for events. */
  readonly id: number
  /** An empty directory beside the layers, which goes when the step is done. */
  readonly draft: string
}

export interface StepPlan {
  readonly title: string
  readonly key: string
  readonly usesCache: boolean
  readonly make: MakeLayer
}

export interface Build {
  readonly request: BuildRequest
  readonly ports: BuildPorts
  readonly dockerfile: Dockerfile
  readonly source: SourceText
  /** Absent: the Dockerfile is no file. */
  readonly dockerfilePath: string | undefined
  readonly global: GlobalScope
  readonly platform: string
}

/** Shared by stages that run at the same time. */
export class BuildSession {
  readonly build: Build
  readonly roots: Roots
  readonly digests: FileDigests
  readonly #cache: StepCache
  readonly #stages = new Map<number, Promise<StageResult>>()
  readonly #trees = new Map<string, Promise<FileTree>>()
  readonly #steps = new Map<string, Promise<StepRecord>>()
  /** Results of this build, for {@link exportCache}. */
  readonly results: Map<string, StepRecord> = new Map()
  readonly #imported: readonly ImportedCache[]
  readonly #runStage: (index: number) => Promise<StageResult>
  #lastId = 0

  constructor(
    build: Build,
    runStage: (session: BuildSession, index: number) => Promise<StageResult>,
  ) {
    const { store, cacheDirectory } = build.ports
    mkdirSync(cacheDirectory, { recursive: true, mode: 0o700 })
    this.build = build
    this.roots = new Roots(store, cacheDirectory)
    this.digests = new FileDigests(join(cacheDirectory, 'digests'))
    this.#cache = new StepCache(cacheDirectory)
    this.#imported = build.request.cacheFrom.flatMap((path) => importCache(path) ?? [])
    this.#runStage = (index) => runStage(this, index)
  }

  /** The stage, built once, whoever asks first. */
  stage(index: number): Promise<StageResult> {
    const running = this.#stages.get(index) ?? this.#runStage(index)
    this.#stages.set(index, running)
    // Whoever needs it is told; a stage that is begun early has nobody yet.
    running.catch(() => {})
    return running
  }

  origin(name: string, before: number): Origin {
    const { dockerfile, request } = this.build
    const contexts = new Set(Object.keys(request.contexts))
    return originOf(name, { dockerfile, contexts, before, allowsNumbers: true })
  }

  /** What `--from`, or its absence, copies from. */
  async tree(from: Word | undefined, before: number): Promise<FileTree> {
    const key = from === undefined ? '' : JSON.stringify(this.origin(from.text, before))
    const opening = this.#trees.get(key) ?? this.#openTree(from, before)
    this.#trees.set(key, opening)
    return opening
  }

  async #openTree(from: Word | undefined, before: number): Promise<FileTree> {
    const { request, dockerfilePath } = this.build
    if (from === undefined) {
      return openContext(request.context, dockerfilePath, 'the build context')
    }
    const origin = this.origin(from.text, before)
    const what = origin.kind === 'stage' ? `stage "${from.text}"` : `"${from.text}"`
    if (origin.kind === 'context') {
      const context = request.contexts[origin.name]
      if (context?.kind === 'directory') {
        return openContext(context.path, undefined, `the context "${origin.name}"`)
      }
    }
    const layers = await this.layersOf(origin)
    return { what, fd: this.roots.open(layers), keepsOwners: true }
  }

  /** A directory of what is fetched: opened once, closed with the session. */
  treeAt(directory: string, open: () => FileTree): Promise<FileTree> {
    const key = `fetched ${directory}`
    const opening = this.#trees.get(key) ?? Promise.resolve(open())
    this.#trees.set(key, opening)
    return opening
  }

  /** Shows as a step what has to be done before it is known whether a step is in the cache. */
  async telling<Result>(title: string, work: () => Promise<Result>): Promise<Result> {
    const { onEvent } = this.build.ports
    const id = (this.#lastId += 1)
    const begun = performance.now()
    const tell = (phase: 'begun' | 'done' | 'failed'): void =>
      onEvent({ kind: 'step', id, title, phase, tookMs: performance.now() - begun })
    tell('begun')
    try {
      const result = await work()
      tell('done')
      return result
    } catch (error) {
      tell('failed')
      throw error
    }
  }

  /** Names the files of a stage or image; `undefined` for a directory, which may change. */
  async chainOf(from: Word, before: number): Promise<string | undefined> {
    const origin = this.origin(from.text, before)
    if (
      origin.kind === 'context' &&
      this.build.request.contexts[origin.name]?.kind === 'directory'
    ) {
      return undefined
    }
    return chainOf(await this.layersOf(origin))
  }

  /** A text that follows from what `key` names: found out once. */
  async remember(key: string, find: () => Promise<string>): Promise<string> {
    const known = this.#cache.recall(key)
    if (known !== undefined) return known
    const found = await find()
    this.#cache.note(key, found)
    return found
  }

  async layersOf(origin: Origin): Promise<readonly LayerRecord[]> {
    if (origin.kind === 'scratch') return []
    if (origin.kind === 'stage') return (await this.stage(origin.index)).layers
    return (await this.base(referenceOf(this.build.request, origin), undefined)).layers
  }

  base(reference: string, platform: string | undefined): ReturnType<BuildPorts['store']['base']> {
    const { ports, request } = this.build
    return ports.store.base(reference, {
      pull: request.pull,
      platform: platform ?? this.build.platform,
      signal: ports.signal,
    })
  }

  /** The result of a step: of the cache, of the same step of another stage, or made now. */
  step(plan: StepPlan): Promise<StepRecord> {
    const known = this.#steps.get(plan.key)
    if (known) return known
    const running = this.#takeStep(plan).then((record) => {
      this.results.set(plan.key, record)
      return record
    })
    this.#steps.set(plan.key, running)
    running.catch(() => {})
    return running
  }

  #find(key: string): StepRecord | undefined {
    const found = this.#cache.find(key)
    const isHere =
      found?.layer === undefined || this.build.ports.store.directoryOf(found.layer.diffId)
    return isHere ? found : undefined
  }

  /** From a cache that was handed in; one that is broken is as good as none. */
  async #take(key: string): Promise<StepRecord | undefined> {
    const { store, signal, onEvent } = this.build.ports
    for (const { steps, blobOf } of this.#imported) {
      const record = steps.get(key)
      if (record === undefined) continue
      try {
        if (record.layer) await store.takeLayer(record.layer, blobOf(record.layer.digest), signal)
        this.#cache.keep(key, record)
        return record
      } catch (error) {
        signal.throwIfAborted()
        const message = `A step cannot be taken from "cache_from": ${String(error)}`
        onEvent({ kind: 'warning', message, hint: 'it is built' })
      }
    }
    return undefined
  }

  async #takeStep({ title, key, usesCache, make }: StepPlan): Promise<StepRecord> {
    const { store, onEvent, now, signal } = this.build.ports
    const id = (this.#lastId += 1)
    const found = usesCache ? (this.#find(key) ?? (await this.#take(key))) : undefined
    if (found) {
      if (found.layer) store.keep(found.layer.diffId)
      onEvent({ kind: 'step', id, title, phase: 'cached' })
      return found
    }
    signal.throwIfAborted()
    const begun = performance.now()
    onEvent({ kind: 'step', id, title, phase: 'begun' })
    const draft = this.roots.draft()
    try {
      const changes = await make({ id, draft })
      const latest = this.build.request.sourceDateEpoch
      const isChanged = changes && readdirSync(changes.upper).length > 0
      const layer = isChanged ? await store.addLayer(changes, { latest, signal }) : undefined
      const created = timeText(Math.min(now() / 1000, latest ?? Infinity))
      const record = { ...(layer ? { layer } : {}), created }
      this.#cache.keep(key, record)
      onEvent({ kind: 'step', id, title, phase: 'done', tookMs: performance.now() - begun })
      return record
    } catch (error) {
      onEvent({ kind: 'step', id, title, phase: 'failed', tookMs: performance.now() - begun })
      throw store.failure(error)
    } finally {
      rmSync(draft, { recursive: true, force: true })
    }
  }

  /** To be called when nothing runs any more. */
  async end(): Promise<void> {
    this.digests.save()
    for (const opening of this.#trees.values()) {
      await opening.then(({ fd }) => close(fd)).catch(() => {})
    }
  }
}

/** The image that a context of that name, or the name itself, refers to. */
export function referenceOf(
  { contexts }: BuildRequest,
  origin: Extract<Origin, { kind: 'context' | 'image' }>,
): string {
  if (origin.kind === 'image') return origin.reference
  const context = contexts[origin.name]
  if (context?.kind === 'image') return context.reference
  throw new EngineError('BUILD', `Cannot begin with the context "${origin.name}": it is a folder`, {
    hint: 'FROM needs an image: give the context as docker-image://NAME',
  })
}
