/** Root filesystems on the real kernel, friendly and hostile images. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openOverlayRoot, prepareRootfs } from '../../../src/engine/rootfs/index.ts'
import { image, inside, layer, mountImage, put, root, text } from './support.ts'

const prepare = (name: string) => () => prepareRootfs(name, { cacheDirectory: layer('cache') })
const inodeOfEtc = () => lstatSync(join(layer('init'), 'etc')).ino

describe('prepareRootfs()', () => {
  test('takes a directory, and says what is wrong with another', () => {
    put('file')
    expect(prepare(`dir:${image}`)()).toEqual({ lowers: [image], parts: [], image: {} })
    expect(prepare('dir:rootfs')).toThrow('Cannot use image "dir:rootfs": its path is not absolute')
    expect(prepare(`dir:${root}/none`)).toThrow('the directory does not exist')
    expect(prepare(`dir:${image}/file`)).toThrow('it is not a directory')
    expect(prepare('dir:/')).toThrow('the root of this machine is more than a rootfs')
  })

  test('refuses a registry reference with what can be used', () => {
    expect(prepare('nginx:1.27')).toThrow(
      'Cannot use image "nginx:1.27": registry images are not built yet',
    )
  })
})

describe('openOverlayRoot()', () => {
  test('shows the image with our files, and writes to the upper layer alone', () => {
    put('etc/hosts', 'of the image')
    put('etc/app.conf', 'kept')
    const fd = mountImage()
    expect(text(fd, 'etc/hosts')).toBe('HOSTS\n')
    expect(text(fd, 'etc/resolv.conf')).toBe('RESOLV\n')
    expect(text(fd, 'etc/hostname')).toBe('web\n')
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
    const layers = { init: layer('init'), upper, work, parts: layer('p'), place: layer('place') }
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

describe('buildInitLayer()', () => {
  test('follows a link for /etc inside the image', () => {
    put('usr/etc/app.conf', 'kept')
    symlinkSync('/usr/etc', join(image, 'etc'))
    const fd = mountImage()
    expect(text(fd, 'usr/etc/hosts')).toBe('HOSTS\n')
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
    expect(text(fd, 'etc/hosts')).toBe('HOSTS\n')
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
    expect(lstatSync(inside(fd, 'etc/hosts')).isFile()).toBe(true)
    expect(readdirSync(canary)).toEqual([])
  })

  test('leaves alone what is right, and mends what is not', () => {
    mountImage()
    const first = inodeOfEtc()
    mountImage()
    expect(inodeOfEtc()).toBe(first)
    for (const [path, content, mode] of [
      ['etc/hosts', 'OTHER\n', 0o644],
      ['etc/hostname', 'web\n', 0o666],
    ] as const) {
      put(path, content, mode, layer('init'))
      const fd = mountImage()
      expect(text(fd, 'etc/hosts')).toBe('HOSTS\n')
      expect(statSync(inside(fd, 'etc/hostname')).mode).toBe(0o100644)
    }
  })

  test('forgets files of an earlier attempt', () => {
    mountImage()
    put('etc/left-over', '', 0o644, layer('init'))
    expect(existsSync(inside(mountImage(), 'etc/left-over'))).toBe(false)
  })
})
