/** Images whose documents lie: each is refused, and the store is as before. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  HOST_PLATFORM,
  MEDIA,
  obtainImage,
  parseImageSource,
  parsePolicy,
} from '../../src/image/index.ts'
import { file, tar } from './archive.ts'
import { type LayoutImage, writeLayout } from './layout.ts'
import { type Scene, storeScene } from './store-scene.ts'

/** Layouts whose documents lie. */
const LIES: readonly [string, LayoutImage['edit'], string][] = [
  ['too few diff_ids', { config: (c) => ({ ...c, rootfs: { diff_ids: [] } }) }, 'diff_ids for 0'],
  [
    'a wrong diff_id',
    { config: (c) => ({ ...c, rootfs: { diff_ids: [`sha256:${'0'.repeat(64)}`] } }) },
    'unpacks to',
  ],
  [
    'a diff_id that is a path',
    { config: (c) => ({ ...c, rootfs: { diff_ids: ['sha256:../../x'] } }) },
    'no sha256 digest',
  ],
  [
    'a layer digest that is a path',
    {
      manifest: (m) => ({
        ...m,
        layers: [{ mediaType: MEDIA.layerGzip, digest: '../../../etc/passwd', size: 1 }],
      }),
    },
    'a digest is',
  ],
  ['an index and a manifest at once', { manifest: (m) => ({ ...m, manifests: [] }) }, 'at once'],
  [
    'an unknown layer type',
    {
      manifest: (m) => ({
        ...m,
        layers: (m['layers'] as object[]).map((l) => ({ ...l, mediaType: 'application/x-evil' })),
      }),
    },
    'unknown media type',
  ],
  [
    'a foreign layer with addresses',
    {
      manifest: (m) => ({
        ...m,
        layers: (m['layers'] as object[]).map((l) => ({
          ...l,
          digest: `sha256:${'1'.repeat(64)}`,
          mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
          urls: ['http://169.254.169.254/'],
        })),
      }),
    },
    'does not exist',
  ],
  [
    'a wrong layer size',
    {
      manifest: (m) => ({
        ...m,
        layers: (m['layers'] as { size: number }[]).map((l) => ({ ...l, size: l.size - 1 })),
      }),
    },
    'larger than',
  ],
  [
    'a size below zero',
    {
      manifest: (m) => ({
        ...m,
        layers: (m['layers'] as object[]).map((l) => ({ ...l, size: -1 })),
      }),
    },
    'no whole number',
  ],
  [
    '500 layers',
    {
      manifest: (m) => ({
        ...m,
        layers: Array.from({ length: 500 }, () => (m['layers'] as object[])[0]),
      }),
    },
    '500 layers',
  ],
  ['schema version 1', { manifest: (m) => ({ ...m, schemaVersion: 1 }) }, 'schema version 1'],
  ['no schema version', { manifest: (m) => ({ ...m, schemaVersion: undefined }) }, 'schemaVersion'],
  ['a manifest that is no JSON', { manifest: () => '{"layers": [' }, 'no JSON'],
  ['a manifest that is a list', { manifest: () => '[]' }, 'no object'],
  [
    'a huge manifest',
    { manifest: (m) => ({ ...m, annotations: { a: 'x'.repeat(5e6) } }) },
    'a manifest has',
  ],
  ['a config that is no JSON', { config: () => 'x' }, 'no JSON'],
  [
    'settings of a wrong type',
    { config: (c) => ({ ...c, config: { Env: [1] } }) },
    'no list of texts',
  ],
  [
    'another machine',
    { config: (c) => ({ ...c, architecture: 's390x' }) },
    'it is for linux/s390x',
  ],
  ['another system', { config: (c) => ({ ...c, os: 'windows' }) }, 'windows'],
  ['an index that names nothing', { index: (i) => ({ ...i, manifests: [] }) }, 'it has nothing'],
  [
    'an index without our machine',
    {
      index: (i) => ({
        ...i,
        manifests: (i['manifests'] as object[]).flatMap((m) => [
          { ...m, platform: { os: 'linux', architecture: 'mips' } },
          {
            ...m,
            digest: `sha256:${'2'.repeat(64)}`,
            platform: { os: 'linux', architecture: 'ppc64' },
          },
        ]),
      }),
    },
    'nothing for',
  ],
  [
    'a wrong manifest digest',
    {
      index: (i) => ({
        ...i,
        manifests: (i['manifests'] as object[]).map((m) => ({ ...m, size: 1 })),
      }),
    },
    'of 1 bytes',
  ],
]

const obtain = (scene: Scene) =>
  obtainImage(
    scene.store,
    {
      image: 'evil',
      source: parseImageSource(`oci:${join(scene.directory, 'layout')}`),
      policy: parsePolicy('missing'),
      platform: HOST_PLATFORM,
    },
    { env: {} },
  )

describe('a hostile image', () => {
  test.each(LIES)('with %s is refused, and the store is as before', async (_, edit, why) => {
    using scene = storeScene()
    writeLayout(join(scene.directory, 'layout'), {
      layers: [tar([file('x', 'y')])],
      edit: edit ?? {},
    })
    await expect(obtain(scene)).rejects.toThrow(why)
    expect(readdirSync(join(scene.store.directory, 'images'))).toEqual([])
    expect(readdirSync(join(scene.store.directory, 'drafts'))).toEqual([])
    expect(readdirSync(join(scene.store.directory, 'partial'))).toEqual([])
  })

  test('with keys that name prototypes, and 50,000 lists in each other, does nothing', async () => {
    using scene = storeScene()
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
    const evil = (config: Record<string, unknown>): string => {
      const text = JSON.stringify({ ...config, config: { Labels: { a: 'b' }, Volumes: {} } })
      return text
        .replace('"Labels":{', '"Labels":{"__proto__":"polluted","constructor":"x",')
        .replace('"Volumes":{}', `"Volumes":{"__proto__":{},"../../etc":{}},"Deep":${deep}`)
    }
    const layers = [tar([file('x', 'y')])]
    writeLayout(join(scene.directory, 'layout'), { layers, edit: { config: evil } })
    const { settings } = await obtain(scene)
    expect(settings.volumes).toEqual(['/__proto__', '/etc'])
    expect(Object.getPrototypeOf(settings.labels)).toBe(Object.prototype)
    expect({} as Record<string, unknown>).not.toHaveProperty('polluted')
  })
})
