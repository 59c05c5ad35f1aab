/** The image store while others change it: in this process, and in another one. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pruneBuilds } from '../../src/daemon/building/prune.ts'
import {
  cacheReach,
  changeNames,
  collect,
  findImage,
  holdStore,
  loadImages,
  readNames,
  removeByText,
  removePin,
  saveImages,
  usageOf,
  writePin,
} from '../../src/image/index.ts'
import { writeFileByRename } from '../../src/image/store/files.ts'
import { lock } from '../../src/image/store/lock.ts'
import { namesPath } from '../../src/image/store/places.ts'
import { file, tar } from './archive.ts'
import { addTarImage, type Scene, storeScene } from './store-scene.ts'

let scene: Scene
beforeEach(() => {
  scene = storeScene()
})
afterEach(() => scene[Symbol.dispose]())

const SOURCES = join(import.meta.dirname, '../../src')

/** Does `work` again and again in another process until `body` is done; `store` and `at` are there. */
async function beside(work: string, body: () => Promise<void> | void): Promise<void> {
  const script = `
    import * as fs from 'node:fs'
    import * as room from '${SOURCES}/image/index.ts'
    import { dropCached } from '${SOURCES}/image/store/cached.ts'
    const store = room.openImageStore(process.argv[1])
    let isOver = false
    process.stdin.on('end', () => (isOver = true)).resume()
    console.log('ready')
    for (let at = 0; !isOver; at += 1) {
      ${work}
      await new Promise((go) => setImmediate(go))
    }`
  const words = ['--input-type=module-typescript', '-e', script, scene.directory]
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  try {
    await body()
  } finally {
    child.stdin.end()
  }
  expect(await ended).toEqual([0, null])
}

const layer = (text: string): Buffer => tar([file('a', text)])

test('an image that a container takes while images are collected stays', async () => {
  const { manifest, lowers } = await addTarImage(scene, [layer('mine')])
  const named = { manifest, at: 0 }
  await changeNames(scene.store, (names) => names.set('docker.io/library/one:latest', named))
  const waits = await lock(scene.store, 'names')
  const collected = collect(scene.store, { all: true })
  await setTimeout(50)
  writePin(scene.store, 'container-one', { holder: 'container one', images: [manifest] })
  expect(findImage(scene.store, manifest)).toBeDefined()
  waits[Symbol.dispose]()
  expect(await collected).toMatchObject({ names: [], images: [] })
  expect(findImage(scene.store, manifest)).toBeDefined()
  expect(lowers.every((lower) => existsSync(lower))).toBe(true)
})

test('whoever has pinned an image and then found it has its files', async () => {
  const texts = [layer('first'), layer('second')]
  const work = `await room.collect(store, { all: true })`
  await beside(work, async () => {
    let found = 0
    const end = performance.now() + 5000
    while (performance.now() < end) {
      const hold = await holdStore(scene.store)
      const { manifest, lowers } = await addTarImage(scene, texts)
      hold[Symbol.dispose]()
      writePin(scene.store, 'container-one', { holder: 'container one', images: [manifest] })
      if (findImage(scene.store, manifest) !== undefined) {
        found += 1
        await setTimeout(2)
        expect(lowers.every((lower) => existsSync(lower))).toBe(true)
        expect(findImage(scene.store, manifest)).toBeDefined()
      }
      removePin(scene.store, 'container-one')
    }
    expect(found).toBeGreaterThan(0)
  })
})

test('a name that means another image by now is not taken away', async () => {
  const [before, after] = [
    await addTarImage(scene, [layer('before')]),
    await addTarImage(scene, [layer('after')]),
  ]
  const name = 'docker.io/library/one:latest'
  const give = (manifest: typeof before.manifest): Promise<void> =>
    changeNames(scene.store, (names) => names.set(name, { manifest, at: 0 }))
  await give(before.manifest)
  const waits = await lock(scene.store, 'names')
  const given = give(after.manifest)
  const removed = removeByText(scene.store, 'one', { force: false, directory: '/' })
  waits[Symbol.dispose]()
  await Promise.allSettled([given, removed])
  expect(findImage(scene.store, after.manifest)).toBeDefined()
})

test('a name that another image is given while an archive is loaded is not taken from it', async () => {
  const { manifest: other } = await addTarImage(scene, [layer('other')])
  await changeNames(scene.store, (names) =>
    names.set('docker.io/library/two:latest', { manifest: other, at: 0 }),
  )
  const image = await addTarImage(scene, [layer('loaded')])
  const loaded = image.manifest
  const name = 'docker.io/library/one:latest'
  await changeNames(scene.store, (names) => names.set(name, { manifest: loaded, at: 0 }))
  const archive = join(scene.directory, 'one.tar')
  await pipeline(
    Readable.from(saveImages(scene.store, [{ image, names: [name] }])),
    createWriteStream(archive),
  )
  await removeByText(scene.store, 'one', { force: false, directory: '/' })
  const waits = await lock(scene.store, 'names')
  const options = { what: 'one.tar' }
  const loading = loadImages(scene.store, archive, options)
  while (findImage(scene.store, loaded) === undefined) await setTimeout(1)
  // Whoever has the lock names it.
  writeFileByRename(namesPath(scene.store), JSON.stringify({ [name]: { manifest: other, at: 0 } }))
  waits[Symbol.dispose]()
  expect(await loading).toMatchObject([{ names: [], refused: [name] }])
  expect(readNames(scene.store).get(name)?.manifest).toBe(other)
})

test('sizes are told while layers come and go', async () => {
  const work = `
    for (const digit of '0123456789abcdef') {
      room.keepCached(store, 'sha256:' + digit.repeat(64))
      room.writeBlob(store, digit + at)
    }
    dropCached(store, Infinity)
    const blobs = store.directory + '/blobs'
    for (const name of fs.readdirSync(blobs)) fs.rmSync(blobs + '/' + name, { force: true })`
  await beside(work, async () => {
    const end = performance.now() + 3000
    while (performance.now() < end) {
      cacheReach(scene.store, 0)
      usageOf(scene.store)
      await setTimeout(0)
    }
  })
})

test('what a build uses is not thrown away under it', async () => {
  const place = join(scene.directory, 'build/mounts/one')
  mkdirSync(place, { recursive: true })
  for (let at = 0; at < 4000; at += 1) writeFileSync(join(place, String(at)), '')
  const script = `
    import { pruneBuilds } from '${SOURCES}/daemon/building/prune.ts'
    await pruneBuilds({ state: process.argv[1], before: Infinity, all: true })`
  const words = ['--input-type=module-typescript', '-e', script, scene.directory]
  const child = spawn(process.execPath, words, { stdio: 'inherit' })
  const ended = once(child, 'exit')
  while (existsSync(join(place, '0')) && existsSync(join(place, '3999'))) await setTimeout(0)
  {
    using _hold = await holdStore(scene.store)
    expect(existsSync(place)).toBe(false)
  }
  expect(await ended).toEqual([0, null])
  expect(await pruneBuilds({ state: scene.directory, before: 0, all: true })).toBeDefined()
})
