import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { KernelError } from '../../src/errors.ts'
import { createDetachedMount } from '../../src/linux/detached-mount.ts'
import { close, type Fd } from '../../src/linux/fd.ts'
import { isKernelAtLeast } from '../../src/linux/kernel.ts'
import { makeDirectoryIn, makeFileIn } from '../../src/linux/make.ts'
import { mountSetattr, moveMount, openTree, unmount } from '../../src/linux/mount.ts'
import { openIn, openPath, readIn } from '../../src/linux/path.ts'
import { fsTypeOf, FS_MAGIC, statFd } from '../../src/linux/stat.ts'
import { leakedDescriptors, withDirectory } from './host.ts'

function overlay(directory: string, lowers: readonly string[], lowersAs?: 'each' | 'list'): Fd {
  mkdirSync(join(directory, 'upper'), { recursive: true })
  mkdirSync(join(directory, 'work'), { recursive: true })
  return createDetachedMount({
    type: 'overlay',
    options: { upperdir: join(directory, 'upper'), workdir: join(directory, 'work') },
    lowers,
    lowersAs,
  })
}

function layer(directory: string, name: string, content = name): string {
  const path = join(directory, name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'who'), content)
  writeFileSync(join(path, `only-${content}`), '')
  return path
}

describe('createDetachedMount()', () => {
  test('makes an overlay that is mounted nowhere, topmost lower directory first', () => {
    withDirectory((directory) => {
      const before = readFileSync('/proc/self/mountinfo', 'utf8')
      const lowers = [layer(directory, 'top'), layer(directory, 'bottom')]
      const fd = overlay(directory, lowers)
      expect(fsTypeOf(fd)).toBe(FS_MAGIC.overlay)
      expect(readIn(fd, '/who', 100).toString()).toBe('top')
      expect(readIn(fd, '/only-bottom', 100).toString()).toBe('')
      makeFileIn(fd, 'new', { mode: 0o600, content: 'x' })
      expect(readFileSync(join(directory, 'upper/new'), 'utf8')).toBe('x')
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before)
      close(fd)
    })
  })

  // `lowerdir+` came with Linux 6.7.
  test.each(isKernelAtLeast('6.7') ? (['each', 'list'] as const) : (['list'] as const))(
    'takes forty lower directories, also with colons, commas, backslashes and long names, as %s',
    (lowersAs) => {
      withDirectory((directory) => {
        const odd = ['a:b', 'c,d', String.raw`e\f`, 'long'.repeat(50) + '/' + 'x'.repeat(200)]
        const names = [...odd, ...Array.from({ length: 36 }, (_, index) => `layer-${index}`)]
        const lowers = names.map((name, index) => layer(directory, name, String(index)))
        const cwd = process.cwd()
        expect(
          leakedDescriptors(() => {
            const fd = overlay(directory, lowers, lowersAs)
            expect(readIn(fd, 'who', 100).toString()).toBe('0')
            for (const index of names.keys()) readIn(fd, `only-${index}`, 1)
            close(fd)
          }),
        ).toBe(0)
        expect(process.cwd()).toBe(cwd)
      })
    },
  )

  test('fails with the kernel’s own explanation as hint', () => {
    let error: unknown
    try {
      createDetachedMount({ type: 'tmpfs', options: { size: 'plenty' } })
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(KernelError)
    expect((error as KernelError).message).toBe(
      'fsconfig("tmpfs", "size", "plenty") failed: EINVAL (Invalid argument)',
    )
    expect((error as KernelError).hint).toMatch(/size/)
  })

  test('leaves no descriptor behind when it fails', () => {
    expect(
      leakedDescriptors(() => {
        expect(() => createDetachedMount({ type: 'nosuchfs' })).toThrow(
          'fsopen("nosuchfs") failed: ENODEV',
        )
        expect(() =>
          createDetachedMount({
            type: 'overlay',
            options: { upperdir: '/no,such', workdir: '/x' },
            lowers: ['/tmp'],
          }),
        ).toThrow('ENOENT')
      }),
    ).toBe(0)
  })

  test('gives a tmpfs its options and flags', () => {
    const fd = createDetachedMount({
      type: 'tmpfs',
      options: { mode: '1777', size: '64k' },
      flags: { nosuid: true, readOnly: true },
    })
    expect(statFd(fd)).toMatchObject({ kind: 'directory', mode: 0o1777 })
    expect(() => makeDirectoryIn(fd, 'x', { mode: 0o755 })).toThrow('EROFS')
    close(fd)
  })
})

describe('mountSetattr()', () => {
  test('makes a detached tree read-only, and writable again', () => {
    const fd = createDetachedMount({ type: 'tmpfs' })
    mountSetattr(fd, { recursive: true, set: { readOnly: true, nodev: true } })
    expect(() => makeDirectoryIn(fd, 'x', { mode: 0o755 })).toThrow('EROFS')
    mountSetattr(fd, { clear: { readOnly: true } })
    makeDirectoryIn(fd, 'x', { mode: 0o700 })
    const made = openIn(fd, 'x')
    expect(statFd(made)).toMatchObject({ kind: 'directory', mode: 0o700 })
    close(made)
    close(fd)
  })
})

describe('openTree()', () => {
  test('clones a path or a descriptor as a detached bind mount', () => {
    withDirectory((directory) => {
      writeFileSync(join(directory, 'file'), 'content')
      const clone = openTree(directory, { clone: true, recursive: true })
      expect(readIn(clone, 'file', 10).toString()).toBe('content')
      mountSetattr(clone, { set: { readOnly: true } })
      writeFileSync(join(directory, 'other'), '')
      expect(() => makeFileIn(clone, 'third', { mode: 0o644 })).toThrow('EROFS')
      const path = openPath(join(directory, 'file'))
      const file = openTree(path, { clone: true })
      expect(readlinkSync(`/proc/self/fd/${file}`)).toMatch(/file|\//)
      expect(statFd(file).inode).toBe(statFd(path).inode)
      for (const fd of [clone, path, file]) close(fd)
    })
  })

  test('names the path that is missing', () => {
    expect(() => openTree('/no/such', { clone: true })).toThrow(
      'open_tree("/no/such") failed: ENOENT (No such file or directory)',
    )
  })
})

describe('moveMount() and unmount()', () => {
  test('attach a detached tree at a path or a descriptor, and take it away', () => {
    withDirectory((directory) => {
      const before = readFileSync('/proc/self/mountinfo', 'utf8')
      const fd = createDetachedMount({ type: 'tmpfs', source: 'tsstack-test' })
      makeFileIn(fd, 'inside', { mode: 0o644, content: 'x' })
      const target = openPath(directory)
      moveMount(fd, target)
      expect(readFileSync(join(directory, 'inside'), 'utf8')).toBe('x')
      unmount(directory)
      const second = createDetachedMount({ type: 'tmpfs', source: 'tsstack-test' })
      moveMount(second, directory)
      close(second)
      unmount(directory)
      expect(() => unmount(directory)).toThrow(`umount2("${directory}") failed: EINVAL`)
      close(target)
      close(fd)
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before)
    })
  })
})
