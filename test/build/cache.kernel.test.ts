/** What builds keep: handed to other machines, kept from those who clean up, thrown away. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { boundBuildCache, pruneBuilds } from '../../src/daemon/building/prune.ts'
import { collect, holdStore, usageOf } from '../../src/image/index.ts'
import { type BuildScene, buildScene, textIn } from './build-scene.ts'

const TEXT = [
  'FROM scratch AS tool',
  'COPY a /a',
  'FROM scratch',
  'COPY b /b',
  'COPY --from=tool /a /from-tool',
  'ENV x=1',
  '',
].join('\n')

function filled(): BuildScene {
  const scene = buildScene()
  scene.files({ a: 'first', b: 'second' })
  return scene
}

const blobs = (directory: string): number => readdirSync(join(directory, 'blobs/sha256')).length

describe('cache_to and cache_from', () => {
  test('another machine takes every step, and gives the very same image', async () => {
    using here = filled()
    using there = filled()
    const directory = join(here.directory, 'cache')
    const built = await here.build(TEXT, { cacheTo: [{ directory, mode: 'max' }] })
    const taken = await there.build(TEXT, { cacheFrom: [directory] })
    expect(taken.steps).toEqual(['cached', 'cached', 'cached'])
    expect(taken.id).toBe(built.id)
    expect(textIn(taken, 'from-tool')).toBe('first')
    there.files({ b: 'changed' })
    const changed = await there.build(TEXT, { cacheFrom: [directory], noCache: false })
    expect(changed.steps.toSorted()).toEqual(['cached', 'done', 'done'])
  })

  test('min keeps the layers of the image only, max those of all stages', async () => {
    using scene = filled()
    const [min, max] = [join(scene.directory, 'min'), join(scene.directory, 'max')]
    await scene.build(TEXT, { cacheTo: [{ directory: min, mode: 'min' }] })
    await scene.build(TEXT, { cacheTo: [{ directory: max, mode: 'max' }] })
    // Layers, manifest and configuration.
    expect([blobs(min), blobs(max)]).toEqual([4, 5])
  })

  test('a cache that lies, is broken or is not there costs time only', async () => {
    using here = filled()
    const directory = join(here.directory, 'cache')
    await here.build(TEXT, { cacheTo: [{ directory, mode: 'max' }] })
    const places = join(directory, 'blobs/sha256')
    for (const name of readdirSync(places)) {
      const bytes = readFileSync(join(places, name))
      if (!bytes.includes('"')) writeFileSync(join(places, name), bytes.fill(0x41, 600, 700))
    }
    for (const cache of [directory, join(here.directory, 'nowhere'), here.context]) {
      using there = filled()
      const built = await there.build(TEXT, { cacheFrom: [cache] })
      expect(built.steps).toEqual(['done', 'done', 'done'])
      expect(textIn(built, 'b')).toBe('second')
    }
  })

  test('documents of a cache that are no lists, or name paths, are as good as none', async () => {
    using here = filled()
    const good = join(here.directory, 'cache')
    await here.build(TEXT, { cacheTo: [{ directory: good, mode: 'max' }] })
    const index = JSON.parse(readFileSync(join(good, 'index.json'), 'utf8'))
    const lies = [
      '[]',
      '{"manifests": 7}',
      '{"manifests": [{"digest": "sha256:../../../../etc/passwd"}]}',
      JSON.stringify({
        manifests: [{ ...index.manifests[0], digest: `sha256:${'0'.repeat(64)}` }],
      }),
      'no JSON',
    ]
    for (const [at, lie] of lies.entries()) {
      const directory = join(here.directory, `lie-${at}`)
      cpSync(good, directory, { recursive: true })
      writeFileSync(join(directory, 'index.json'), lie)
      using there = filled()
      expect((await there.build(TEXT, { cacheFrom: [directory] })).steps).toContain('done')
    }
  })

  test('a place that cannot be written is an error that names it', async () => {
    using scene = filled()
    const directory = join(scene.context, 'a', 'below-a-file')
    const built = scene.build(TEXT, { cacheTo: [{ directory, mode: 'max' }] })
    await expect(built).rejects.toThrow(`Cannot leave the cache in "${directory}"`)
  })
})

describe('whoever cleans up', () => {
  test('leaves layers of builds until they are asked to take them, and says how much', async () => {
    using scene = filled()
    const { store, directory } = scene
    await scene.build(TEXT)
    const { images, bytes, cachedBytes } = await collect(store, { all: true })
    expect([images.length, cachedBytes > 0, bytes > 0]).toEqual([1, true, true])
    expect(usageOf(store).buildCache).toMatchObject({ layers: 3, bytes: cachedBytes })
    expect((await scene.build(TEXT)).steps).toEqual(['cached', 'cached', 'cached'])
    await collect(store, { all: true })
    const hourAgo = Date.now() - 3_600_000
    const young = await pruneBuilds({ state: directory, before: hourAgo, all: false })
    expect(young).toEqual({ steps: 0, bytes: 0 })
    const all = await pruneBuilds({ state: directory, before: Date.now() + 1000, all: true })
    expect([all.steps, all.bytes > 0]).toEqual([3, true])
    expect(readdirSync(join(store.directory, 'layers'))).toEqual([])
    expect((await scene.build(TEXT)).steps).toEqual(['done', 'done', 'done'])
  })

  test('leaves layers that an image has, also when builds forget them', async () => {
    using scene = filled()
    const { store, directory } = scene
    const built = await scene.build(TEXT, { names: ['kept:1'] })
    await pruneBuilds({ state: directory, before: Date.now() + 1000, all: false })
    expect(textIn(built, 'from-tool')).toBe('first')
    // The one of the other stage alone is in no image.
    expect(readdirSync(join(store.directory, 'layers'))).toHaveLength(2)
  })
})

describe('the bound of the cache', () => {
  const SIZE = 100_000
  const COPY = 'FROM scratch\nCOPY big /big\n'

  /** Three builds of one file each, whose layers no image has any more but the last one's. */
  async function grown(): Promise<BuildScene> {
    const scene = buildScene()
    for (const letter of ['a', 'b', 'c']) {
      scene.files({ big: letter.repeat(SIZE) })
      await scene.build(COPY, { names: ['big:1'] })
    }
    await collect(scene.store, { all: true })
    return scene
  }

  const stepsOf = async (scene: BuildScene, letter: string): Promise<readonly string[]> => {
    scene.files({ big: letter.repeat(SIZE) })
    return (await scene.build(COPY)).steps
  }

  test('lets the layers go that were used longest ago', async () => {
    using scene = await grown()
    await boundBuildCache(scene.directory)
    expect(usageOf(scene.store).buildCache.layers).toBe(3)
    await boundBuildCache(scene.directory, 5 * SIZE)
    expect(usageOf(scene.store).buildCache.layers).toBe(2)
    expect(await stepsOf(scene, 'b')).toEqual(['cached'])
    expect(await stepsOf(scene, 'a')).toEqual(['done'])
  })

  test('is nobody’s to keep who would have to wait for another build', async () => {
    using scene = await grown()
    {
      using _build = await holdStore(scene.store)
      await boundBuildCache(scene.directory, 0)
      expect(usageOf(scene.store).buildCache.layers).toBe(3)
    }
    await boundBuildCache(scene.directory, 0)
    expect(usageOf(scene.store).buildCache).toEqual({ layers: 0, bytes: 0 })
  })
})
