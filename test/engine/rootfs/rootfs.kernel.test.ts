/** Root filesystems on the real kernel, friendly and hostile images. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openOverlayRoot, prepareRootfs } from '../../../src/engine/rootfs/index.ts'
import type { Fd } from '../../../src/linux/index.ts'
import { image, initLayer, inside, layer, mountImage, put, root, text } from './support.ts'

const prepare = (name: string) => () => prepareRootfs(name, { cacheDirectory: layer('cache') })
const FILES = ['hostname', 'hosts', 'resolv.conf']
const sizesIn = (fd: Fd, etc: string) =>
  FILES.map((name) => lstatSync(inside(fd, `${etc}/${name}`)).size)
const EMPTY = [0, 0, 0]

describe('prepareRootfs()', () => {
  test('takes a directory, and says what is wrong with another', () => {
    put('file')
    expect(prepare(`dir:${image}`)()).toEqual({ lowers: [image], parts: [], image: {} })
    expect(prepare('dir:rootfs')).toThrow('Cannot use image "dir:rootfs": its path is not absolute')
    expect(prepare(`dir:${root}/none`)).toThrow('the directory does not exist')
    expect(prepare(`dir:${image}/file`)).toThrow('it is not a directory')
    expect(prepare('dir:/')).toThrow('the root of this machine is more than a rootfs')
  })

  test('refuses a registry reference whose image is not on this machine', () => {
    expect(prepare('nginx:1.27')).toThrow(
      'Cannot use image "nginx:1.27": it is not on this machine',
    )
  })
})

describe('openOverlayRoot()', () => {
  test('shows the image with our empty files, and writes to the upper layer alone', () => {
    put('etc/hosts', 'of the image')
    put('etc/app.conf', 'kept')
    const fd = mountImage()
    expect(sizesIn(fd, 'etc')).toEqual(EMPTY)
    expect(text(fd, 'etc/app.conf')).toBe('kept')
    writeFileSync(inside(fd, 'new'), 'x')
    expect(readdirSync(layer('upper'))).toEqual(['new'])
    expect(readdirSync(image)).toEqual(['etc'])
  })

  test('has the owner and modes of the image’s directories', () => {
    put('etc/passwd')
    chownSync(image, 7, 8)
    chmodSync(image, 0o751)
    chownSync(join(image, 'etc'), 9, 10)
    chmodSync(join(image, 'etc'), 0o2750)
    const fd = mountImage()
    expect(statSync(inside(fd, '.'))).toMatchObject({ uid: 7, gid: 8, mode: 0o40751 })
    expect(statSync(inside(fd, 'etc'))).toMatchObject({ uid: 9, gid: 10, mode: 0o42750 })
  })

  test('keeps what an earlier attempt wrote, and survives one that crashed', () => {
    const first = mountImage()
    writeFileSync(inside(first, 'kept'), 'yes')
    // Still open, as after a crash of the supervisor while the container runs.
    const second = mountImage()
    expect(text(second, 'kept')).toBe('yes')
  })

  test('says NO_OVERLAY with the cure where an upper layer cannot be', () => {
    const below = mountImage()
    const upper = join(inside(below, 'state'), 'upper')
    const work = join(inside(below, 'state'), 'work')
    mkdirSync(dirname(upper))
    const source = prepareRootfs(`dir:${image}`, { cacheDirectory: layer('cache') })
    const init = initLayer(image).directory
    const layers = { init, upper, work, parts: layer('p'), place: layer('place') }
    expect(() => openOverlayRoot(source, layers)).toThrow(
      expect.objectContaining({
        code: 'NO_OVERLAY',
        message: expect.stringMatching(
          /^Cannot mount overlay with upper layer ".*": (mount|fsconfig)\(/,
        ),
        hint: expect.stringContaining('is on overlay, which cannot hold an upper layer'),
      }),
    )
  })
})

describe('openInitLayer()', () => {
  test('follows a link for /etc inside the image', () => {
    put('usr/etc/app.conf', 'kept')
    symlinkSync('/usr/etc', join(image, 'etc'))
    const fd = mountImage()
    expect(initLayer(image).etc).toBe('usr/etc')
    expect(sizesIn(fd, 'usr/etc')).toEqual(EMPTY)
    expect(text(fd, 'usr/etc/app.conf')).toBe('kept')
    expect(readlinkSync(inside(fd, 'etc'))).toBe('/usr/etc')
  })

  test.each([
    ['out of the image', '../../../../../../..'],
    ['to a directory of the host', 'CANARY'],
    ['to nowhere', '/none'],
    ['to itself', 'etc'],
    ['to a directory of ours', '/proc'],
  ])('covers a link for /etc that leads %s', (_, target) => {
    const canary = layer('canary')
    mkdirSync(canary)
    symlinkSync(target.replace('CANARY', canary), join(image, 'etc'))
    const fd = mountImage()
    expect(lstatSync(inside(fd, 'etc')).isDirectory()).toBe(true)
    expect(initLayer(image).etc).toBe('etc')
    expect(sizesIn(fd, 'etc')).toEqual(EMPTY)
    expect(readdirSync(canary)).toEqual([])
  })

  test('covers links of the image for /proc, /sys, /dev and files of /etc', () => {
    const canary = layer('canary')
    mkdirSync(canary)
    put('etc/other')
    for (const name of ['proc', 'sys', 'dev']) symlinkSync(canary, join(image, name))
    for (const name of ['hosts', 'hostname', 'resolv.conf']) {
      symlinkSync(join(canary, name), join(image, 'etc', name))
    }
    const fd = mountImage()
    for (const name of ['proc', 'sys', 'dev']) {
      expect(lstatSync(inside(fd, name)).isDirectory()).toBe(true)
    }
    for (const name of FILES) expect(lstatSync(inside(fd, `etc/${name}`)).isFile()).toBe(true)
    expect(sizesIn(fd, 'etc')).toEqual(EMPTY)
    expect(readdirSync(canary)).toEqual([])
  })

  test('is one directory for all images that lack the same', () => {
    put('etc/passwd')
    const other = layer('other')
    put('etc/group', '', 0o644, other)
    const { directory } = initLayer(image)
    expect(initLayer(image).directory).toBe(directory)
    expect(initLayer(other).directory).toBe(directory)
    expect(readdirSync(layer('cache'))).toEqual([basename(directory)])
    const modes = ['.', 'etc', 'etc/hosts', 'proc'].map((name) =>
      (statSync(join(directory, name)).mode & 0o7777).toString(8),
    )
    expect(modes).toEqual(['755', '755', '644', '755'])
  })

  test('sees what changes in the image from one start to the next', () => {
    put('etc/passwd')
    put('proc/own')
    const first = initLayer(image)
    expect(existsSync(join(first.directory, 'proc'))).toBe(false)
    chmodSync(join(image, 'etc'), 0o700)
    const second = initLayer(image)
    expect(second.directory).not.toBe(first.directory)
    rmSync(join(image, 'proc'), { recursive: true })
    symlinkSync('etc', join(image, 'proc'))
    const third = initLayer(image)
    expect(third.directory).not.toBe(second.directory)
    expect(lstatSync(join(third.directory, 'proc')).isDirectory()).toBe(true)
    // What containers run on stays.
    for (const { directory } of [first, second]) expect(existsSync(directory)).toBe(true)
  })

  test('sees what changes behind a link for /etc', () => {
    put('usr/etc/app.conf')
    symlinkSync('usr/etc', join(image, 'etc'))
    mountImage()
    chmodSync(join(image, 'usr/etc'), 0o750)
    expect(statSync(inside(mountImage(), 'etc')).mode & 0o7777).toBe(0o750)
  })

  test('is built again when it is gone, and clears up after a crash', () => {
    const { directory } = initLayer(image)
    rmSync(layer('cache'), { recursive: true })
    mkdirSync(join(layer('cache'), 'draft-dead/etc'), { recursive: true })
    expect(initLayer(image).directory).toBe(directory)
    expect(readdirSync(layer('cache'))).toEqual([basename(directory)])
    expect(readdirSync(join(directory, 'etc')).sort()).toEqual(FILES)
  })
})
