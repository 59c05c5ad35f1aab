import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createDetachedMount } from '../../src/linux/detached-mount.ts'
import { close, makeFifo, type Fd } from '../../src/linux/fd.ts'
import { makeDirectoryIn, makeFileIn, makeNodeIn, symlinkIn } from '../../src/linux/make.ts'
import { openIn, openPath, readIn, type Resolve } from '../../src/linux/path.ts'
import { chmodFd, chownFd, fsTypeOf, FS_MAGIC, statFd } from '../../src/linux/stat.ts'
import { O } from '../../src/linux/open-flags.ts'
import { leakedDescriptors, withDirectory } from './host.ts'

/** A tree `root` with a secret beside it. */
function inTree(
  use: (tree: { readonly fd: Fd; readonly root: string; readonly outside: string }) => void,
): void {
  withDirectory((directory) => {
    const root = join(directory, 'root')
    mkdirSync(join(root, 'etc'), { recursive: true })
    writeFileSync(join(root, 'etc/passwd'), 'inside')
    const outside = join(directory, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'secret')
    const leaked = leakedDescriptors(() => {
      const fd = openPath(root, O.DIRECTORY)
      try {
        use({ fd, root, outside })
      } finally {
        close(fd)
      }
    })
    expect(leaked).toBe(0)
  })
}

describe('openIn()', () => {
  test('takes absolute links and .. as inside the root', () => {
    inTree(({ fd, root, outside }) => {
      symlinkSync('/etc/passwd', join(root, 'absolute'))
      symlinkSync('../../../../../../etc/passwd', join(root, 'relative'))
      symlinkSync(join(outside, 'secret'), join(root, 'out'))
      expect(readIn(fd, '/absolute', 99).toString()).toBe('inside')
      expect(readIn(fd, 'relative', 99).toString()).toBe('inside')
      expect(readIn(fd, '../../etc/passwd', 99).toString()).toBe('inside')
      expect(() => readIn(fd, 'out', 99)).toThrow('openat2("out") failed: ENOENT')
    })
  })

  test.each<[Resolve, string]>([
    ['beneath', 'EXDEV'],
    ['no-symlinks', 'ELOOP'],
    ['same-mount', 'ELOOP'],
  ])('%s refuses a link that leads out: %s', (resolve, errno) => {
    inTree(({ fd, root, outside }) => {
      symlinkSync(outside, join(root, 'out'))
      expect(() => openIn(fd, 'out/secret', { resolve })).toThrow(errno)
      close(openIn(fd, 'etc/passwd', { resolve }))
    })
  })

  test('does not follow magic links of procfs', () => {
    const proc = openPath('/proc')
    expect(() => openIn(proc, 'self/root')).toThrow('ELOOP')
    close(proc)
  })
})

describe('readIn()', () => {
  test('refuses what is too large, a pipe and a directory, and never waits', () => {
    inTree(({ fd, root }) => {
      writeFileSync(join(root, 'ten'), '0123456789')
      makeFifo(join(root, 'fifo'))
      expect(readIn(fd, 'ten', 10).toString()).toBe('0123456789')
      expect(() => readIn(fd, 'ten', 9)).toThrow('read("ten") failed: EFBIG')
      expect(() => readIn(fd, 'fifo', 9)).toThrow('EINVAL')
      expect(() => readIn(fd, 'etc', 9)).toThrow('EINVAL')
    })
  })
})

describe('makeDirectoryIn()', () => {
  test('makes what is missing with the mode asked for, whatever the umask', () => {
    inTree(({ fd, root }) => {
      const umask = process.umask(0o077)
      try {
        makeDirectoryIn(fd, '/var/lib/data', { mode: 0o1777, uid: 12, gid: 34 })
      } finally {
        process.umask(umask)
      }
      expect(statSync(join(root, 'var')).mode & 0o7777).toBe(0o755)
      const made = statSync(join(root, 'var/lib/data'))
      expect([made.mode & 0o7777, made.uid, made.gid]).toEqual([0o1777, 12, 34])
      makeDirectoryIn(fd, '/var/lib/data', { mode: 0o700 })
      expect(statSync(join(root, 'var/lib/data')).mode & 0o7777).toBe(0o1777)
      makeDirectoryIn(fd, '/', { mode: 0o700 })
    })
  })

  test('follows a link inside the tree and never makes anything outside', () => {
    inTree(({ fd, root, outside }) => {
      mkdirSync(join(root, 'real'))
      symlinkSync('/real', join(root, 'link'))
      makeDirectoryIn(fd, 'link/below', { mode: 0o755 })
      expect(existsSync(join(root, 'real/below'))).toBe(true)
      symlinkSync(outside, join(root, 'out'))
      expect(() => makeDirectoryIn(fd, 'out/below', { mode: 0o755 })).toThrow('ELOOP')
      makeDirectoryIn(fd, '../../up', { mode: 0o755 })
      expect(existsSync(join(root, 'up'))).toBe(true)
      expect(existsSync(join(outside, 'below'))).toBe(false)
    })
  })

  test('refuses a file on the way', () => {
    inTree(({ fd }) => {
      expect(() => makeDirectoryIn(fd, 'etc/passwd/x', { mode: 0o755 })).toThrow('ENOTDIR')
    })
  })
})

describe('makeFileIn()', () => {
  test('makes an empty file and leaves an existing one alone', () => {
    inTree(({ fd, root }) => {
      makeFileIn(fd, 'run/secrets/key', { mode: 0o444 })
      expect(statSync(join(root, 'run/secrets/key')).mode & 0o7777).toBe(0o444)
      makeFileIn(fd, 'etc/passwd', { mode: 0o600 })
      expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toBe('inside')
    })
  })

  test('writes content, through a link only inside the tree', () => {
    inTree(({ fd, root, outside }) => {
      makeFileIn(fd, 'etc/hosts', { mode: 0o644, content: 'longer than that' })
      makeFileIn(fd, 'etc/hosts', { mode: 0o644, content: '127.0.0.1' })
      expect(readFileSync(join(root, 'etc/hosts'), 'utf8')).toBe('127.0.0.1')
      symlinkSync(join(outside, 'secret'), join(root, 'etc/resolv.conf'))
      expect(() => makeFileIn(fd, 'etc/resolv.conf', { mode: 0o644, content: 'x' })).toThrow(
        'ENOENT',
      )
      expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
      makeFifo(join(root, 'fifo'))
      expect(() => makeFileIn(fd, 'fifo', { mode: 0o644, content: 'x' })).toThrow(/ENXIO|EINVAL/)
    })
  })
})

describe('makeNodeIn() and symlinkIn()', () => {
  test('make device nodes of any number, and links, in a detached tmpfs', () => {
    const fd = createDetachedMount({ type: 'tmpfs' })
    makeNodeIn(fd, 'null', { type: 'character', major: 1, minor: 3, mode: 0o666 })
    makeNodeIn(fd, 'deep/odd', { type: 'block', major: 259, minor: 70_000, mode: 0o600, gid: 6 })
    symlinkIn(fd, '/proc/self/fd', 'fd')
    const made = openIn(fd, 'null')
    expect(statFd(made)).toMatchObject({ kind: 'character', mode: 0o666, major: 1, minor: 3 })
    const odd = openIn(fd, 'deep/odd')
    expect(statFd(odd)).toMatchObject({ kind: 'block', major: 259, minor: 70_000, gid: 6 })
    expect(readlinkSync(`/proc/self/fd/${fd}/fd`)).toBe('/proc/self/fd')
    expect(() =>
      makeNodeIn(fd, 'null', { type: 'character', major: 1, minor: 5, mode: 0o666 }),
    ).toThrow('mknodat("null") failed: EEXIST')
    for (const open of [fd, made, odd]) close(open)
  })
})

describe('statFd(), chownFd(), chmodFd() and fsTypeOf()', () => {
  test('work through an O_PATH descriptor', () => {
    inTree(({ fd, root }) => {
      const file = openIn(fd, 'etc/passwd')
      chownFd(file, 1234, 5678)
      chmodFd(file, 0o4755)
      expect(statFd(file)).toMatchObject({
        kind: 'file',
        mode: 0o4755,
        uid: 1234,
        gid: 5678,
        size: 6,
      })
      expect(lstatSync(join(root, 'etc/passwd')).uid).toBe(1234)
      close(file)
      const proc = openPath('/proc')
      expect(fsTypeOf(proc)).toBe(FS_MAGIC.proc)
      close(proc)
    })
  })
})
