/** Images made to do harm: each is refused, or does nothing outside of its own layer. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { addLayer, digestOf, openImageStore } from '../../src/image/index.ts'
import { readXattrs } from '../../src/linux/index.ts'
import {
  directory,
  type Entry,
  entryBytes,
  file,
  hardlink,
  padded,
  symlink,
  tar,
  withChecksum,
} from './archive.ts'
import { type Scene, addTar, storeScene } from './store-scene.ts'

/** What nobody may touch: beside the store, and known to the archives by its whole path. */
interface Canary {
  readonly path: string
  readonly check: () => void
}

function canary({ directory: root }: Scene): Canary {
  const place = join(root, 'canary')
  mkdirSync(place)
  const path = join(place, 'file')
  writeFileSync(path, 'sings', { mode: 0o640 })
  const before = describeFile(path)
  return {
    path,
    check: () => {
      expect(describeFile(path)).toBe(before)
      expect(readdirSync(place)).toEqual(['file'])
      expect(lstatSync(place).mode & 0o7777).toBe(0o755)
      expect(existsSync('/tsstack-evil')).toBe(false)
    },
  }
}

function describeFile(path: string): string {
  const { mode, uid, gid, nlink, mtimeMs, ino } = lstatSync(path)
  return [readFileSync(path, 'utf8'), mode, uid, gid, nlink, mtimeMs, ino].join()
}

/** Nothing half-made stays. */
function expectClean({ store }: Scene): void {
  for (const part of ['drafts', 'partial', 'layers', 'images', 'diffs']) {
    expect(readdirSync(join(store.directory, part)), part).toEqual([])
  }
}

const UP = '../'.repeat(20)

/** By name: what is in the archive, given the canary's path; and why it is refused. */
const REFUSED: readonly [string, (path: string) => readonly Entry[], string][] = [
  ['a name with ..', (path) => [file(`${UP}${path}`, 'evil')], 'leads out of the root'],
  ['a name that climbs from inside', (path) => [file(`a/b/${UP}${path}`, 'x')], 'leads out'],
  ['a directory with ..', () => [directory(`${UP}tsstack-evil/`)], 'leads out'],
  ['a symlink with .. in its name', (path) => [symlink(`${UP}x`, path)], 'leads out'],
  ['a hard link to the host', (path) => [hardlink('steal', path)], 'is missing'],
  ['a hard link with ..', (path) => [hardlink('steal', `${UP}${path}`)], 'leads out'],
  [
    'a hard link through a symlink to the host',
    (path) => [symlink('out', '/'), hardlink('steal', `out${path}`)],
    'is missing',
  ],
  ['a hard link to itself', () => [hardlink('a', 'a')], 'leads to itself'],
  [
    'a hard link to a directory',
    () => [directory('d/'), hardlink('h', 'd')],
    'no file of this layer',
  ],
  [
    'a hard link to what comes later',
    () => [hardlink('h', 'later'), file('later', 'x')],
    'no file of this layer',
  ],
  ['a hard link to the root', () => [hardlink('h', '/')], 'or to the root'],
  ['a file below a file', () => [file('f', 'x'), file('f/below', 'x')], 'something lies below it'],
  ['a whiteout of nothing', () => [file('.wh.', '')], 'removes no name'],
  ['a whiteout of .', () => [file('.wh..', '')], 'removes no name'],
  ['a whiteout of ..', () => [file('a/.wh...', '')], 'removes no name'],
  ['links in a circle', () => [symlink('a', 'b'), symlink('b', 'a'), file('a/x', 'x')], 'ELOOP'],
  ['an unknown type', () => [{ ...file('x', ''), type: 'Z' }], 'unknown type'],
  ['a name with NUL', () => [file('x', '', { pax: { path: 'a\0b' } })], 'NUL'],
  ['a link target with NUL', () => [{ ...symlink('x', ''), pax: { linkpath: 'a\0b' } }], 'NUL'],
  ['an empty symlink', () => [symlink('x', '')], 'leads nowhere'],
  ['a root that is a file', () => [file('./', 'x', { type: '0', name: '.' })], 'no directory'],
  ['a root that is a link', (path) => [symlink('.', path)], 'no directory'],
  [
    'a name of 5000 bytes',
    () => [file('x', '', { pax: { path: 'd/'.repeat(2500) + 'x' } })],
    'ENAMETOOLONG',
  ],
  [
    'a component of 300 bytes',
    () => [file('x', '', { pax: { path: 'c'.repeat(300) } })],
    'ENAMETOOLONG',
  ],
  ['an owner that means nobody', () => [file('x', '', { pax: { uid: '4294967295' } })], 'owner'],
  ['an owner below zero', () => [file('x', '', { pax: { uid: '-1' } })], 'not decimal'],
  ['a size in words', () => [file('x', '', { pax: { size: 'many' } })], 'not decimal'],
  [
    'a size that is too large',
    () => [file('x', '', { pax: { size: '99999999999999999' } })],
    'decimal',
  ],
  [
    'an attribute that no file can have',
    () => [file('x', '', { pax: { 'SCHILY.xattr.security.capability': 'junk' } })],
    'cannot be kept',
  ],
  ['more bytes promised than there are', () => [file('x', 'short', { size: 1e9 })], 'cut off'],
]

/** What is borne with, and what it leaves in the layer. */
const BORNE: readonly [string, (path: string) => readonly Entry[], string][] = [
  ['an absolute name', () => [file('/tsstack-evil', 'x')], 'tsstack-evil'],
  [
    'a file through a symlink to the host',
    (path) => [symlink('out', path), file('out/evil', 'x')],
    '',
  ],
  [
    'a file through a symlink to /',
    () => [symlink('out', '/'), file('out/tsstack-evil', 'x')],
    'out,tsstack-evil',
  ],
  [
    'a file through a symlink with ..',
    () => [symlink('out', UP), file('out/tsstack-evil', 'x')],
    'out,tsstack-evil',
  ],
  ['a file over a symlink', (path) => [symlink('f', path), file('f', 'evil')], 'f'],
  [
    'a directory over a symlink',
    (path) => [symlink('d', path), directory('d/', { mode: 0o777 })],
    'd',
  ],
  [
    'a symlink over a directory, then into it',
    (path) => [directory('d/'), file('d/x', '1'), symlink('d', path), file('d', '2')],
    'd',
  ],
  [
    'a link exchanged between entries',
    (path) => [
      directory('d/'),
      symlink('l', 'd'),
      file('l/a', '1'),
      symlink('l', `${path}/..`),
      file('l/file', 'evil'),
    ],
    '',
  ],
  [
    'a file over a hard link',
    () => [file('a', 'one'), hardlink('b', 'a'), file('b', 'two')],
    'a,b',
  ],
  [
    'a mode through a symlink',
    (path) => [symlink('l', path), { ...symlink('l', path), mode: 0o777 }],
    'l',
  ],
  [
    'a whiteout through a symlink',
    (path) => [symlink('l', join(path, '..')), file('l/.wh.file', '')],
    '',
  ],
  ['a file below a whiteout', () => [file('.wh.d', ''), file('d/x', '')], 'd'],
  ['an opaque mark at the root', () => [file('.wh..wh..opq', ''), file('x', '')], 'x'],
  ['notes of aufs', () => [file('.wh..wh.plnk', 'x'), file('.wh..wh.aufs', 'x')], ''],
  [
    'a name that is no UTF-8',
    () => [{ ...file('x', ''), name: Buffer.from([0x66, 0xff, 0xfe]) }],
    undefined as never,
  ],
  ['a setuid program', () => [file('su', 'x', { mode: 0o6755 })], 'su'],
  ['a device', () => [{ name: 'sda', type: '4', major: 8, minor: 0 }], 'sda'],
  [
    'a comment for all entries',
    () => [
      { name: 'pax_global_header', type: 'g', content: '20 comment=whatever\n' },
      file('x', ''),
    ],
    'x',
  ],
  ['nothing at all', () => [], ''],
]

const sparse = (map: string, size = '100'): Entry => ({
  ...file('s', 'data'),
  pax: { 'GNU.sparse.map': map, 'GNU.sparse.size': size, 'GNU.sparse.numblocks': '1' },
})

describe('a hostile archive', () => {
  test.each(REFUSED)('%s is refused', async (_, entries, why) => {
    using scene = storeScene()
    const { path, check } = canary(scene)
    await expect(addTar(scene, tar(entries(path)))).rejects.toThrow(why)
    await expect(addTar(scene, tar(entries(path)))).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' })
    check()
    expectClean(scene)
  })

  test.each(BORNE)('%s stays inside', async (_, entries, names) => {
    using scene = storeScene()
    const { path, check } = canary(scene)
    const layer = await addTar(scene, tar(entries(path)))
    check()
    if (names) expect(readdirSync(layer.directory).join()).toBe(names)
  })

  test('a hard link that is overwritten leaves the other name alone', async () => {
    using scene = storeScene()
    const entries = [file('a', 'one'), hardlink('b', 'a'), file('b', 'two')]
    const { directory: root } = await addTar(scene, tar(entries))
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('one')
    expect(readFileSync(join(root, 'b'), 'utf8')).toBe('two')
  })

  test('a whiteout and what comes in its place make an opaque directory', async () => {
    using scene = storeScene()
    for (const entries of [
      [file('.wh.d', ''), directory('d/'), file('d/x', '')],
      [directory('d/'), file('d/x', ''), file('.wh.d', '')],
      [file('.wh.d', ''), file('d/x', '')],
    ]) {
      const { directory: root } = await addTar(scene, tar(entries))
      expect(readXattrs(join(root, 'd')).get('trusted.overlay.opaque')?.toString()).toBe('y')
    }
  })

  test('a header with a wrong checksum, garbage, and half an archive are refused', async () => {
    using scene = storeScene()
    const whole = tar([file('x', 'y'.repeat(2000))])
    const wrong = Buffer.from(whole)
    wrong[0] = 0x7a
    await expect(addTar(scene, wrong)).rejects.toThrow('wrong checksum')
    await expect(addTar(scene, Buffer.alloc(4096, 'garbage'))).rejects.toThrow('checksum')
    await expect(addTar(scene, whole.subarray(0, 1000))).rejects.toThrow('cut off')
    const junk = Buffer.concat([gzipSync(whole).subarray(0, 40), Buffer.alloc(100, 7)])
    const digest = digestOf(junk)
    const open = async function* (): AsyncGenerator<Buffer> {
      yield junk
    }
    const wish = { digest, size: junk.length, compression: 'gzip' as const }
    await expect(addLayer(scene.store, wish, { open })).rejects.toThrow('gzip data is broken')
    expectClean(scene)
  })

  test('an extended header of two megabytes, and one that lies about its length, are refused', async () => {
    using scene = storeScene()
    const bomb = file('x', '', { pax: { comment: 'c'.repeat(2 * 1024 * 1024) } })
    await expect(addTar(scene, tar([bomb]))).rejects.toThrow('extended header has')
    const lie = { name: 'p', type: 'x', content: '999 path=x\n' }
    await expect(addTar(scene, tar([lie, file('y', '')]))).rejects.toThrow('malformed')
    expectClean(scene)
  })

  test('a file of a terabyte with holes takes no room, and reads as it should', async () => {
    using scene = storeScene()
    const pax = {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': 'sparse',
      'GNU.sparse.realsize': String(2 ** 40),
    }
    const map = padded(Buffer.from(`1\n${2 ** 39}\n5\n`))
    const content = Buffer.concat([map, Buffer.from('hello')])
    const entry: Entry = { ...file('GNUSparseFile.0/sparse'), content, pax }
    const { directory: root } = await addTar(scene, tar([entry]))
    const stat = statSync(join(root, 'sparse'))
    expect([stat.size, stat.blocks < 100]).toEqual([2 ** 40, true])
  })

  test('maps of holes that overlap, go beyond the file or lie about their data are refused', async () => {
    using scene = storeScene()
    await expect(addTar(scene, tar([sparse('0,2,1,2')]))).rejects.toThrow('goes backwards')
    await expect(addTar(scene, tar([sparse('99,4')]))).rejects.toThrow('does not fit')
    await expect(addTar(scene, tar([sparse('0,9')]))).rejects.toThrow('does not fit')
    await expect(addTar(scene, tar([sparse('0')]))).rejects.toThrow('cut')
    expectClean(scene)
  })

  test('old GNU names and holes are read', async () => {
    using scene = storeScene()
    const long = 'n'.repeat(150)
    const header = Buffer.from(
      entryBytes({ ...file('old', ''), type: 'S', size: 4 }).subarray(0, 512),
    )
    header.write('ustar  \0', 257, 'latin1')
    header.write('00000000010\0', 386, 'latin1')
    header.write('00000000004\0', 398, 'latin1')
    header.write('00000000100\0', 483, 'latin1')
    const bytes = Buffer.concat([
      entryBytes({ name: '././@LongLink', type: 'L', content: `${long}\0` }),
      entryBytes(file('cut', 'x')),
      withChecksum(header),
      padded(Buffer.from('hole')),
      Buffer.alloc(1024),
    ])
    const { directory: root } = await addTar(scene, bytes)
    expect(readdirSync(root).toSorted()).toEqual([long, 'old'])
    expect(readFileSync(join(root, 'old'))).toEqual(
      Buffer.concat([Buffer.alloc(8), Buffer.from('hole'), Buffer.alloc(52)]),
    )
  })
})

describe('a full disk', () => {
  test('is a clear error, and leaves a store that goes on working', async () => {
    using scene = storeScene()
    const place = join(scene.directory, 'small')
    mkdirSync(place)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=700', 'none', place])
    try {
      const small: Scene = { ...scene, store: openImageStore(place) }
      const bomb = gzipSync(tar([{ ...file('zeros'), content: Buffer.alloc(64 * 1024 * 1024) }]))
      const wish = { digest: digestOf(bomb), size: bomb.length, compression: 'gzip' as const }
      const open = async function* (): AsyncGenerator<Buffer> {
        yield bomb
      }
      await expect(addLayer(small.store, wish, { open })).rejects.toMatchObject({
        code: 'DISK_FULL',
      })
      expectClean(small)
      const layer = await addTar(small, tar([file('x', 'y')]))
      expect(readFileSync(join(layer.directory, 'x'), 'utf8')).toBe('y')
    } finally {
      execFileSync('umount', [place])
    }
  })
})
