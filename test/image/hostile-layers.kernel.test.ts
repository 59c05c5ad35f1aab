/** More layers made to do harm: by order, by kind, by number, and by how they are packed. */
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { addLayer, digestOf, findLayer, readBlob } from '../../src/image/index.ts'
import { readXattrs } from '../../src/linux/index.ts'
import {
  directory,
  type Entry,
  entryBytes,
  file,
  hardlink,
  node,
  symlink,
  tar,
  withChecksum,
} from './archive.ts'
import { addTar, addTarImage, type Scene, storeScene } from './store-scene.ts'

const REFUSED: readonly [string, readonly Entry[], string][] = [
  ['something below a whiteout', [file('.wh.d/child', 'x')], 'below a mark'],
  ['something below an opaque mark', [file('d/.wh..wh..opq/x', 'x')], 'below a mark'],
  [
    'a link to follow that is a pipe',
    [node('p', '6'), file('p/x', 'x')],
    'something lies below it',
  ],
  ['a directory below a device', [node('z', '3', 1, 5), directory('z/d/')], 'something lies below'],
  ['a hard link to a whiteout', [file('.wh.gone', ''), hardlink('h', 'gone')], 'no file of this'],
  ['a hard link through itself', [symlink('l', 'l/x'), hardlink('h', 'l/y')], 'ELOOP'],
  [
    'a target of 5000 bytes',
    [file('x', '', { pax: { linkpath: 'a'.repeat(5000) }, type: '2' })],
    'ENAMETOOLONG',
  ],
  ['a size below zero in PAX', [file('x', '', { pax: { size: '-1' } })], 'not decimal'],
  ['a size with a fraction', [file('x', '', { pax: { size: '1.5' } })], 'not decimal'],
  ['a size in hexadecimal', [file('x', '', { pax: { size: '0x10' } })], 'not decimal'],
  ['a time that is no number', [file('x', '', { pax: { mtime: 'soon' } })], 'no number'],
  ['an endless time', [file('x', '', { pax: { mtime: '9'.repeat(40) } })], 'no number'],
  ['a continuation of another volume', [{ ...file('x', ''), type: 'M' }], 'unknown type'],
  ['a dump of a directory', [{ ...file('x', ''), type: 'D' }], 'unknown type'],
  ['a header of NULs and one byte', [{ name: '', type: '\u0001' }], 'unknown type'],
  ['a name of dots and a parent', [file('./.././../x', 'x')], 'leads out'],
  [
    'a PAX path over a plain name',
    [file('ok', 'x', { pax: { path: '../../../evil' } })],
    'leads out',
  ],
  [
    'a name of GNU over a plain name',
    [{ name: '././@LongLink', type: 'L', content: '../evil\0' }, file('ok', '')],
    'leads out',
  ],
  [
    'a sparse name over a plain name',
    [
      file('ok', '', {
        pax: {
          'GNU.sparse.name': '../evil',
          'GNU.sparse.map': '0,0',
          'GNU.sparse.numblocks': '1',
          'GNU.sparse.size': '0',
        },
      }),
    ],
    'leads out',
  ],
  [
    'a sparse file beyond all bounds',
    [
      file('s', '', {
        pax: {
          'GNU.sparse.map': '0,0',
          'GNU.sparse.numblocks': '1',
          'GNU.sparse.size': '9007199254740991',
        },
      }),
    ],
    'EFBIG',
  ],
  [
    'an extended header and no entry',
    [{ name: 'p', type: 'x', content: '12 path=abc\n' }],
    'cut off',
  ],
  [
    'a record of length zero',
    [{ name: 'p', type: 'x', content: '0 path=x\n' }, file('y', '')],
    'malformed',
  ],
  [
    'a record without a key',
    [{ name: 'p', type: 'x', content: '6 =x\n\n' }, file('y', '')],
    'header',
  ],
]

const expectEmpty = ({ store }: Scene): void => {
  for (const part of ['drafts', 'partial', 'layers', 'images', 'diffs']) {
    expect(readdirSync(join(store.directory, part)), part).toEqual([])
  }
}

describe('a hostile layer', () => {
  test.each(REFUSED)('with %s is refused', async (_, entries, why) => {
    using scene = storeScene()
    await expect(addTar(scene, tar(entries))).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      message: expect.stringContaining(why),
    })
    expectEmpty(scene)
  })

  test('that makes one name everything in turn ends with the last', async () => {
    using scene = storeScene()
    const kinds: readonly Entry[] = [
      file('n', 'first'),
      directory('n/'),
      file('n/inside', 'x'),
      symlink('n', '/etc'),
      node('n', '6'),
      node('n', '3', 1, 3),
      directory('n/', { mode: 0o700 }),
      file('n', 'last'),
    ]
    const layer = await addTar(scene, tar(kinds))
    expect(readdirSync(layer.directory)).toEqual(['n'])
    expect(readFileSync(join(layer.directory, 'n'), 'utf8')).toBe('last')
  })

  test('whose times, owners and modes are extreme keeps what the kernel can', async () => {
    using scene = storeScene()
    const entries = [
      file('old', 'x', { pax: { mtime: '-62135596800.5' } }),
      file('late', 'x', { pax: { mtime: '253402300799.999999999' } }),
      file('owner', 'x', { pax: { uid: '4294967294', gid: '4294967294' } }),
      file('mode', 'x', { mode: 0o7777 }),
      directory('sticky/', { mode: 0o1777 }),
    ]
    const { directory: root } = await addTar(scene, tar(entries))
    expect(lstatSync(join(root, 'owner')).uid).toBe(4294967294)
    expect(lstatSync(join(root, 'mode')).mode & 0o7777).toBe(0o7777)
    expect(lstatSync(join(root, 'sticky')).mode & 0o7777).toBe(0o1777)
    expect(readdirSync(root).length).toBe(5)
  })

  test('whose attributes forge the overlay, or belong to the machine, loses them', async () => {
    using scene = storeScene()
    const forged = [
      'trusted.overlay.opaque',
      'trusted.overlay.redirect',
      'trusted.overlay.metacopy',
      'user.overlay.opaque',
      'user.overlay.whiteout',
      'trusted.evil',
      'security.selinux',
      'security.ima',
      'security.evm',
      'security.SMACK64',
    ]
    const pax = Object.fromEntries(forged.map((name) => [`SCHILY.xattr.${name}`, 'y']))
    const entries = [
      directory('d/', { pax }),
      file('f', 'x', { pax: { ...pax, 'SCHILY.xattr.user.note': 'kept' } }),
    ]
    const { directory: root } = await addTar(scene, tar(entries))
    expect([...readXattrs(join(root, 'd')).keys()]).toEqual([])
    expect([...readXattrs(join(root, 'f')).keys()]).toEqual(['user.note'])
  })

  test('with names that terminals obey, or that are not text, keeps them as bytes', async () => {
    using scene = storeScene()
    const names = ['a\nb', 'tab\there', '\u001b]0;evil\u0007', '-rf', '$(reboot)', ' ', "'", 'a\\b']
    const bytes = [Buffer.from([0x80, 0x81]), Buffer.from([0xc0, 0xaf, 0x2e, 0x2e])]
    const entries = [...names.map((name) => file(name, 'x')), ...bytes.map((name) => ({ name }))]
    const { directory: root } = await addTar(scene, tar(entries))
    const found = readdirSync(root, { encoding: 'buffer' }).map((name) => name.toString('latin1'))
    const wanted = [...names, ...bytes.map((name) => name.toString('latin1'))]
    expect(found.toSorted()).toEqual(wanted.toSorted())
  })

  test('with 30,000 entries of one name, or a thousand levels, is unpacked', async () => {
    using scene = storeScene()
    const one = entryBytes(file('same', ''))
    const many = Buffer.concat([...Array.from({ length: 30_000 }, () => one), Buffer.alloc(1024)])
    const first = await addTar(scene, many)
    expect(readdirSync(first.directory)).toEqual(['same'])
    const deep = tar([file('x', 'x', { pax: { path: `${'d/'.repeat(1000)}x` } })])
    const { directory: root } = await addTar(scene, deep)
    expect(readFileSync(join(root, 'd/'.repeat(1000), 'x'), 'utf8')).toBe('x')
  })

  test('whose links make a tree deeper than any path is refused or stays removable', async () => {
    using scene = storeScene()
    const part = 'e'.repeat(200)
    const entries: Entry[] = []
    // Each link leads to the deepest place so far, and the next goes on from there.
    let here = Array.from({ length: 15 }, () => part).join('/')
    for (let round = 0; round < 20; round += 1) {
      entries.push(file('f', 'x', { pax: { path: `${here}/f` } }))
      entries.push({ name: `l${round}`, type: '2', pax: { linkpath: here } })
      here = `l${round}/${Array.from({ length: 15 }, () => part).join('/')}`
    }
    await addTar(scene, tar(entries)).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'IMAGE_CORRUPT' })
    })
    // The scene is removed when this ends; that it can be is what is shown.
  })
})

/** A frame whose decoder would need 2 GiB before the first byte. @see RFC 8878, 3.1.1.1.2 */
function hugeWindow(): Buffer {
  const magic = [0x28, 0xb5, 0x2f, 0xfd]
  const [descriptor, window] = [0x00, (31 - 10) << 3]
  // One block of raw bytes, which is the last.
  const block = [0x01 | (4 << 3), 0, 0]
  return Buffer.from([...magic, descriptor, window, ...block, 1, 2, 3, 4])
}

const plain = tar([file('x', 'y')])

function wrongSum(): Buffer {
  const packed = gzipSync(plain)
  return packed.fill(7, packed.length - 8)
}

const from = (bytes: Buffer) => ({
  async *open(offset: number): AsyncGenerator<Buffer> {
    yield bytes.subarray(offset)
  },
})

const add = ({ store }: Scene, bytes: Buffer, compression: 'gzip' | 'zstd' | 'none') =>
  addLayer(store, { digest: digestOf(bytes), size: bytes.length, compression }, from(bytes))

describe('how a layer is packed', () => {
  test('several gzip members and zstd frames are one archive', async () => {
    using scene = storeScene()
    const [a, b] = [plain.subarray(0, 700), plain.subarray(700)]
    const gzipped = await add(scene, Buffer.concat([gzipSync(a), gzipSync(b)]), 'gzip')
    // What podman keeps beside the frames is to be skipped.
    const note = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
    const frames = Buffer.concat([note, zstdCompressSync(a), note, zstdCompressSync(b), note])
    const zstd = await add(scene, frames, 'zstd')
    expect([gzipped.diffId, zstd.diffId]).toEqual([digestOf(plain), digestOf(plain)])
  })

  test.each([
    ['gzip cut off', gzipSync(plain).subarray(0, 60), 'gzip'],
    ['gzip with a wrong checksum', wrongSum(), 'gzip'],
    ['zstd with something behind it', Buffer.concat([zstdCompressSync(plain), plain]), 'zstd'],
    [
      'zstd that ends in what is to be skipped',
      Buffer.from([0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 1]),
      'zstd',
    ],
    ['zstd that is gzip', gzipSync(plain), 'zstd'],
    ['gzip that is zstd', zstdCompressSync(plain), 'gzip'],
    ['zstd cut off', zstdCompressSync(plain).subarray(0, 30), 'zstd'],
    ['no bytes at all', Buffer.alloc(0), 'gzip'],
    ['zstd with a window of 2 GiB', hugeWindow(), 'zstd'],
  ] as const)('%s is refused', async (_, bytes, compression) => {
    using scene = storeScene()
    const added = add(scene, bytes, compression)
    await expect(added).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' })
    expectEmpty(scene)
  })

  test('a bomb of zeros in one file takes no memory', async () => {
    using scene = storeScene()
    const header = file('zeros')
    const bytes = Buffer.alloc(50_000_000)
    const before = process.memoryUsage().rss
    const packed = gzipSync(tar([{ ...header, content: bytes }]), { level: 9 })
    const layer = await add(scene, packed, 'gzip')
    expect(statSync(join(layer.directory, 'zeros')).size).toBe(bytes.length)
    expect(process.memoryUsage().rss - before).toBeLessThan(250_000_000)
  })
})

describe('layers that name what others have', () => {
  test('a blob of another image that is no layer stays', async () => {
    using scene = storeScene()
    const honest = await addTarImage(scene, [tar([file('x', 'y')])])
    for (const digest of [honest.id, honest.manifest]) {
      const size = readBlob(scene.store, digest).length
      for (const compression of ['none', 'gzip', 'zstd'] as const) {
        const wish = { digest, size, compression }
        const other = from(Buffer.from('something else'))
        await expect(addLayer(scene.store, wish, other)).rejects.toMatchObject({
          code: 'IMAGE_CORRUPT',
        })
        expect(readBlob(scene.store, digest)).toHaveLength(size)
      }
    }
  })

  test('a layer that is here is not taken by another size or diff ID', async () => {
    using scene = storeScene()
    const bytes = tar([file('x', 'y')])
    const { diffId } = await addTar(scene, bytes, 'none')
    const wish = { digest: digestOf(bytes), size: bytes.length, compression: 'none' as const }
    await expect(addLayer(scene.store, { ...wish, size: 1 }, from(bytes))).rejects.toThrow('not 1')
    const other = digestOf('other')
    const lie = addLayer(scene.store, { ...wish, diffId: other }, from(bytes))
    await expect(lie).rejects.toThrow('unpacks to')
    expect(findLayer(scene.store, diffId)).toBeDefined()
  })
})

test('a header with a size in base 256 that no archive has is refused', async () => {
  using scene = storeScene()
  const header = Buffer.from(entryBytes(file('x', '')).subarray(0, 512))
  // Base 256: 2^62 bytes.
  header.fill(0, 124, 136)
  header[124] = 0x80
  header[128] = 0x40
  const bytes = Buffer.concat([withChecksum(header), Buffer.alloc(1024)])
  await expect(addTar(scene, bytes)).rejects.toThrow(/too large|cut off/)
  expectEmpty(scene)
})
