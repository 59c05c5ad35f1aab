/** Archives of `docker save`, honest ones and others: names in them lead nowhere but inside. */
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdirSync, renameSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  digestOf,
  HOST_PLATFORM,
  loadImages,
  obtainImage,
  parseImageSource,
  parsePolicy,
  readNames,
} from '../../src/image/index.ts'
import { type Entry, file, hardlink, node, symlink, tar } from './archive.ts'
import { writeLayout } from './layout.ts'
import { type Scene, storeScene } from './store-scene.ts'

const LAYER = tar([file('x', 'y')])

const config = (diffIds: readonly string[] = [digestOf(LAYER)]): string =>
  JSON.stringify({ ...HOST_PLATFORM, config: {}, rootfs: { type: 'layers', diff_ids: diffIds } })

const manifest = (change: object = {}): Entry =>
  file(
    'manifest.json',
    JSON.stringify([{ Config: 'c.json', RepoTags: ['app:1'], Layers: ['l/layer.tar'], ...change }]),
  )

const HONEST = [manifest(), file('c.json', config()), { ...file('l/layer.tar'), content: LAYER }]

function load(scene: Scene, entries: readonly Entry[]) {
  const path = join(scene.directory, 'archive.tar')
  writeFileSync(path, tar(entries))
  return loadImages(scene.store, path, { what: 'archive' })
}

const store = ({ store: { directory } }: Scene): unknown =>
  ['images', 'drafts', 'partial', 'layers'].map((part) => readdirSync(join(directory, part)))

describe('docker-archive', () => {
  test('is loaded by its names, also packed, and its layers may be links', async () => {
    using scene = storeScene()
    const [first] = await load(scene, HONEST)
    expect(first?.names).toEqual(['docker.io/library/app:1'])
    const link = [
      manifest({ RepoTags: ['app:2'] }),
      file('c.json', config()),
      symlink('l/layer.tar', '../other/layer.tar'),
      { ...file('other/layer.tar'), content: LAYER },
    ]
    const [second] = await load(scene, link)
    expect(second?.image.layers).toEqual(first?.image.layers)
    for (const pack of ['gzip', 'zstd', 'xz', 'bzip2']) {
      const path = join(scene.directory, `a.${pack}`)
      writeFileSync(path, execFileSync(pack, ['-c'], { input: tar(HONEST) }))
      expect((await loadImages(scene.store, path, { what: 'archive' })).length).toBe(1)
    }
  })

  test('a name that means another image here stays with it', async () => {
    using scene = storeScene()
    await load(scene, HONEST)
    const before = readNames(scene.store).get('docker.io/library/app:1')
    const other = tar([file('z', 'z')])
    const changed = [
      manifest(),
      file('c.json', config([digestOf(other)])),
      { ...file('l/layer.tar'), content: other },
    ]
    const [loaded] = await load(scene, changed)
    expect(loaded?.refused).toEqual(['docker.io/library/app:1'])
    expect(readNames(scene.store).get('docker.io/library/app:1')).toEqual(before)
  })

  test.each<[string, readonly Entry[], string]>([
    ['a Config that climbs out', [manifest({ Config: '../../../../etc/passwd' })], 'it has no'],
    ['an absolute Config', [manifest({ Config: '/etc/passwd' })], 'it has no'],
    [
      'a Config that is a link to the host',
      [manifest(), symlink('c.json', '/etc/passwd')],
      'it has no',
    ],
    [
      'a Config that is a hard link to the host',
      [manifest(), hardlink('c.json', '../../etc/passwd')],
      'it has no',
    ],
    ['a Config that links to itself', [manifest(), symlink('c.json', 'c.json')], 'it has no'],
    ['a Config that is a pipe', [manifest(), node('c.json', '6')], 'it has no'],
    [
      'a layer that climbs out',
      [manifest({ Layers: ['../../../etc/passwd'] }), file('c.json', config())],
      'it has no',
    ],
    ['a layer that is not there', [manifest(), file('c.json', config())], 'it has no'],
    [
      'fewer diff IDs than layers',
      [manifest(), file('c.json', config([])), { ...file('l/layer.tar'), content: LAYER }],
      'diff_ids for 0',
    ],
    [
      'another layer than its diff ID says',
      [
        manifest(),
        file('c.json', config([digestOf('x')])),
        { ...file('l/layer.tar'), content: LAYER },
      ],
      'digest',
    ],
    [
      'ten thousand layers',
      [manifest({ Layers: Array.from({ length: 10_000 }, () => 'l/layer.tar') })],
      '10000 layers; 400 are the most',
    ],
    [
      'a tag that is no name',
      [manifest({ RepoTags: ['../../evil:\u001b[2J'] }), file('c.json', config())],
      'Cannot understand image',
    ],
    ['a tag that is a number', [manifest({ RepoTags: 7 })], '"RepoTags" is no list'],
    ['a manifest that is an object', [file('manifest.json', '{}')], 'is no list'],
    ['an empty manifest', [file('manifest.json', '[]')], 'is no list'],
    ['a manifest that is no JSON', [file('manifest.json', '[{')], 'is no JSON'],
    ['a manifest of 5 MB', [file('manifest.json', `[${' '.repeat(5e6)}]`)], 'more than'],
    ['nothing in it', [], 'oci-layout'],
    [
      'a member larger than the archive',
      [{ ...file('manifest.json', '[]'), size: 1e12 }],
      'cut off',
    ],
    [
      'a member of a size below zero',
      [file('manifest.json', '[]', { pax: { size: '-1' } })],
      'not decimal',
    ],
  ])('with %s is refused, and the store is as before', async (_, entries, why) => {
    using scene = storeScene()
    await expect(load(scene, entries)).rejects.toThrow(why)
    expect(store(scene)).toEqual([[], [], [], []])
  })

  test('packed garbage is refused in words of ours', async () => {
    using scene = storeScene()
    const path = join(scene.directory, 'garbage')
    for (const bytes of [
      gzipSync(Buffer.alloc(5000, 'garbage')).subarray(0, 40),
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff]),
      Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2, 3]),
      Buffer.from('BZh91AY&SY garbage'),
    ]) {
      writeFileSync(path, bytes)
      const loaded = loadImages(scene.store, path, { what: 'archive' })
      await expect(loaded).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' })
    }
    expect(store(scene)).toEqual([[], [], [], []])
  })
})

/** A socket that nobody listens at; the path of one is short, so it is made elsewhere. */
async function socketAt(path: string): Promise<void> {
  const short = join(tmpdir(), `tsstack-socket-${process.pid}`)
  const server = createServer().listen(short)
  await once(server, 'listening')
  renameSync(short, path)
  server.close()
}

const obtain = (scene: Scene, path: string) =>
  obtainImage(
    scene.store,
    { image: 'evil', source: parseImageSource(`oci:${path}`), policy: parsePolicy('missing') },
    { env: {} },
  )

describe('a layout', () => {
  test.each(['link to the host', 'pipe', 'directory', 'socket'])(
    'whose manifest or layer is a %s is refused without waiting',
    async (how) => {
      for (const at of [0, 1, 2]) {
        using scene = storeScene()
        const path = writeLayout(join(scene.directory, 'layout'), { layers: [LAYER] })
        const blobs = join(path, 'blobs/sha256')
        const blob = join(blobs, readdirSync(blobs)[at] ?? '')
        renameSync(blob, join(scene.directory, 'moved'))
        if (how === 'pipe') execFileSync('mkfifo', [blob])
        else if (how === 'directory') mkdirSync(blob)
        else if (how === 'socket') {
          await socketAt(blob)
        } else symlinkSync('/etc/passwd', blob)
        await expect(obtain(scene, path)).rejects.toMatchObject({
          code: expect.stringMatching(/^IMAGE/),
          message: expect.not.stringContaining('root:'),
        })
        expect(store(scene)).toEqual([[], [], [], []])
      }
    },
  )

  test('of indexes in each other, or of one that names itself, is refused', async () => {
    using scene = storeScene()
    const path = writeLayout(join(scene.directory, 'layout'), {
      layers: [LAYER],
      edit: {
        manifest: () => ({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.index.v1+json',
          manifests: [
            {
              mediaType: 'application/vnd.oci.image.index.v1+json',
              digest: digestOf('{}'),
              size: 2,
              platform: HOST_PLATFORM,
            },
          ],
        }),
      },
    })
    writeFileSync(join(path, 'blobs/sha256', digestOf('{}').slice(7)), '{}')
    await expect(obtain(scene, path)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' })
    expect(store(scene)).toEqual([[], [], [], []])
  })

  test('with annotations by the megabyte, and keys in any order, is what it is', async () => {
    using scene = storeScene()
    const many = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, at) => [`k${at}`, 'v'.repeat(50)]),
    )
    const path = writeLayout(join(scene.directory, 'layout'), {
      layers: [LAYER],
      edit: { manifest: (m) => ({ annotations: many, ...m }) },
    })
    expect((await obtain(scene, path)).layers).toHaveLength(1)
  })

  test.each([
    ['sha512 digests', `sha512:${'a'.repeat(128)}`],
    ['digests in capitals', `sha256:${'A'.repeat(64)}`],
    ['digests of no algorithm', 'a'.repeat(64)],
    ['short digests', 'sha256:abc'],
    ['digests with a newline', `sha256:${'a'.repeat(64)}\n`],
    ['digests of a list', ['sha256:', 'x']],
  ])('with %s is refused', async (_, digest) => {
    using scene = storeScene()
    const path = writeLayout(join(scene.directory, 'layout'), {
      layers: [LAYER],
      edit: { manifest: (m) => ({ ...m, layers: [{ ...(m['layers'] as object[])[0], digest }] }) },
    })
    await expect(obtain(scene, path)).rejects.toThrow('sha256:')
    expect(store(scene)).toEqual([[], [], [], []])
  })
})
