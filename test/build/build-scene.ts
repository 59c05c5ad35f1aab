/** A builder with a store of its own, on the real kernel; what a RUN does is given by the test. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  buildImage,
  type BuildEvent,
  type BuildRequest,
  type BuiltImage,
  type ImageDocument,
  type RunStep,
} from '../../src/build/index.ts'
import { layerStore } from '../../src/daemon/building/store.ts'
import {
  HOST_PLATFORM,
  type ImageStore,
  isDigest,
  lowersOf,
  openImageStore,
  readBlob,
  requireImage,
} from '../../src/image/index.ts'

export interface BuildScene extends Disposable {
  readonly directory: string
  readonly context: string
  readonly store: ImageStore
  readonly events: BuildEvent[]
  /** Writes files of the context, by path. */
  files(contents: Readonly<Record<string, string>>): void
  build(dockerfile: string, change?: Partial<BuildRequest>): Promise<Built>
}

export interface Built extends BuiltImage {
  readonly document: ImageDocument
  /** Lower directories, topmost first. */
  readonly lowers: readonly string[]
  /** How each step ended: `cached`, `done`. */
  readonly steps: readonly string[]
}

/** In a directory that is removed when the test ends. */
export function buildScene(
  run: (step: RunStep) => Promise<number> = () => Promise.reject(new Error('nothing runs here')),
): BuildScene {
  const directory = mkdtempSync(join(tmpdir(), 'tsstack-build-'))
  const context = join(directory, 'context')
  mkdirSync(context)
  const store = openImageStore(directory)
  const events: BuildEvent[] = []
  return {
    directory,
    context,
    store,
    events,
    files: (contents) => {
      for (const [path, text] of Object.entries(contents)) {
        mkdirSync(dirname(join(context, path)), { recursive: true })
        writeFileSync(join(context, path), text)
      }
    },
    build: async (text, change = {}) => {
      events.length = 0
      const built = await buildImage(
        { ...NOTHING, context, dockerfile: { kind: 'text', text, shown: 'Dockerfile' }, ...change },
        {
          store: layerStore(store, { directory: context, env: {}, onEvent: () => undefined }),
          run,
          cacheDirectory: join(directory, 'build'),
          env: {},
          onEvent: (event) => events.push(event),
          now: () => Date.now(),
          signal: new AbortController().signal,
        },
        HOST_PLATFORM,
      )
      return describe(store, built, events)
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

const NOTHING: Omit<BuildRequest, 'context' | 'dockerfile'> = {
  args: {},
  contexts: {},
  labels: {},
  names: [],
  network: 'none',
  secrets: [],
  ssh: [],
  ulimits: {},
  cacheFrom: [],
  cacheTo: [],
  extraHosts: [],
  noCache: false,
  noCacheStages: [],
  pull: false,
}

function describe(store: ImageStore, built: BuiltImage, events: readonly BuildEvent[]): Built {
  const { manifest, id } = built
  if (!isDigest(manifest) || !isDigest(id)) throw new Error('no digest')
  return {
    ...built,
    document: JSON.parse(readBlob(store, id).toString()) as ImageDocument,
    lowers: lowersOf(store, requireImage(store, manifest)),
    steps: events.flatMap((event) =>
      event.kind === 'step' && event.phase !== 'begun' ? [event.phase] : [],
    ),
  }
}

/** The text of a file in the topmost layer that has it. */
export function textIn({ lowers }: Built, path: string): string {
  for (const lower of lowers) {
    try {
      return readFileSync(join(lower, path), 'utf8')
    } catch {
      // A layer below may have it.
    }
  }
  throw new Error(`no layer has "${path}"`)
}
