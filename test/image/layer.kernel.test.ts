import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readXattrs } from '../../src/linux/index.ts'
import { directory, file, hardlink, symlink, tar } from './archive.ts'
import { addTar, addTarImage, storeScene } from './store-scene.ts'

describe('addLayer()', () => {
  test.each(['none', 'gzip', 'zstd'] as const)('unpacks %s layers as they are', async (how) => {
    using scene = storeScene()
    const archive = tar([
      directory('./', { mode: 0o700, mtime: 1000 }),
      directory('bin/', { mode: 0o1777, uid: 12, gid: 34, mtime: 77 }),
      file('bin/tool', 'x'.repeat(200_000), { mode: 0o4755, mtime: 99 }),
      hardlink('bin/same', 'bin/tool'),
      symlink('link', '/nowhere/at/all'),
      { name: 'null', type: '3', major: 1, minor: 3, mode: 0o666 },
      { name: 'pipe', type: '6', mode: 0o600 },
      file(`long/${'n'.repeat(90)}`, 'deep', { pax: { path: `long/${'n'.repeat(200)}` } }),
    ])
    const { directory: root, entries } = await addTar(scene, archive, how)
    expect(entries).toBe(8)
    expect(lstatSync(root).mode & 0o7777).toBe(0o700)
    expect(lstatSync(root).mtimeMs).toBe(1_000_000)
    const bin = lstatSync(join(root, 'bin'))
    expect([bin.mode & 0o7777, bin.uid, bin.gid, bin.mtimeMs]).toEqual([0o1777, 12, 34, 77_000])
    const tool = lstatSync(join(root, 'bin/tool'))
    expect([tool.mode & 0o7777, tool.size, tool.mtimeMs]).toEqual([0o4755, 200_000, 99_000])
    expect(statSync(join(root, 'bin/same')).ino).toBe(tool.ino)
    expect(readlinkSync(join(root, 'link'))).toBe('/nowhere/at/all')
    expect(lstatSync(join(root, 'null')).rdev).toBe(0x103)
    expect(lstatSync(join(root, 'pipe')).isFIFO()).toBe(true)
    expect(readdirSync(join(root, 'long'))).toEqual(['n'.repeat(200)])
  })

  test('an archive without its last padding and end is whole, as umoci writes them', async () => {
    using scene = storeScene()
    const archive = tar([file('a', 'one'), file('b', 'two')])
    const { directory: root } = await addTar(scene, archive.subarray(0, 3 * 512 + 3))
    expect(readFileSync(join(root, 'b'), 'utf8')).toBe('two')
  })

  test('whiteouts and opaque directories take overlay form', async () => {
    using scene = storeScene()
    const layer = await addTar(
      scene,
      tar([file('etc/.wh.passwd'), directory('var/'), file('var/.wh..wh..opq'), file('var/new')]),
    )
    const gone = lstatSync(join(layer.directory, 'etc/passwd'))
    expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0])
    const opaque = readXattrs(join(layer.directory, 'var')).get('trusted.overlay.opaque')
    expect(opaque?.toString()).toBe('y')
    expect(readdirSync(join(layer.directory, 'var'))).toEqual(['new'])
  })

  test('binary attributes and capabilities are kept, the overlay notes of others are not', async () => {
    using scene = storeScene()
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    const { directory: root } = await addTar(
      scene,
      tar([
        file('ping', 'x', {
          mode: 0o755,
          pax: {
            'SCHILY.xattr.security.capability': capability,
            'SCHILY.xattr.user.note': Buffer.from([0, 255, 10, 61]),
            'SCHILY.xattr.trusted.overlay.redirect': '/etc',
            'SCHILY.xattr.user.overlay.opaque': 'y',
            'SCHILY.xattr.security.selinux': 'system_u',
          },
        }),
      ]),
    )
    const xattrs = readXattrs(join(root, 'ping'))
    expect([...xattrs.keys()].toSorted()).toEqual(['security.capability', 'user.note'])
    expect(xattrs.get('security.capability')).toEqual(capability)
    expect(xattrs.get('user.note')).toEqual(Buffer.from([0, 255, 10, 61]))
  })

  test('an image has its layers topmost first, a repeated one once', async () => {
    using scene = storeScene()
    const [a, b] = [tar([file('a', 'a')]), tar([file('b', 'b')])]
    const image = await addTarImage(scene, [a, b, a], { Env: ['A=b'], Cmd: ['/a'] })
    expect(image.lowers.map((lower) => readdirSync(lower).join())).toEqual(['a', 'b'])
    expect(image.settings).toEqual({ environment: ['A=b'], command: ['/a'] })
    expect(readFileSync(join(image.lowers[0] ?? '', 'a'), 'utf8')).toBe('a')
  })
})
