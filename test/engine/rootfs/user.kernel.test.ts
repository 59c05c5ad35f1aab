/** Users of an image, read from its own files. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resolveUser } from '../../../src/engine/rootfs/index.ts'
import { image, mountImage, put } from './support.ts'

describe('resolveUser()', () => {
  test('reads the files of the image, and manages without them', () => {
    expect(resolveUser({ rootFd: mountImage(), user: '5' })).toMatchObject({ uid: 5, gid: 0 })
    put('etc/passwd', 'app:x:5:6::/app:\n')
    put('etc/group', 'app:x:6:\nextra:x:70:app\n')
    expect(resolveUser({ rootFd: mountImage(), user: 'app' })).toEqual({
      uid: 5,
      gid: 6,
      groups: [6, 70],
      home: '/app',
    })
  })

  test('does not read a passwd of two gigabytes', () => {
    put('etc/passwd', 'root:x:0:0::/root:\n')
    truncateSync(join(image, 'etc/passwd'), 2 ** 31)
    const before = process.memoryUsage().rss
    expect(() => resolveUser({ rootFd: mountImage(), user: 'root' })).toThrow(
      /Cannot read "\/etc\/passwd" of the image: .*EFBIG/,
    )
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
  })

  test('is not led to the host’s files, nor to a device', () => {
    mkdirSync(join(image, 'etc'))
    symlinkSync('/../../../../../etc/passwd', join(image, 'etc/passwd'))
    expect(() => resolveUser({ rootFd: mountImage(), user: 'root2' })).toThrow(/ELOOP|no user/)
    rmSync(join(image, 'etc/passwd'))
    mkdirSync(join(image, 'etc/passwd'))
    expect(() => resolveUser({ rootFd: mountImage(), user: 'x' })).toThrow(
      'Cannot read "/etc/passwd" of the image',
    )
  })

  test('asks files that cannot be read only for names', () => {
    mkdirSync(join(image, 'etc/passwd'), { recursive: true })
    execFileSync('mkfifo', [join(image, 'etc/group')])
    const rootFd = mountImage()
    expect(resolveUser({ rootFd })).toEqual({ uid: 0, gid: 0, groups: [0], home: '/' })
    const numbers = { user: '5:6', groupAdd: ['7'] }
    expect(resolveUser({ rootFd, ...numbers })).toMatchObject({ uid: 5, gid: 6, groups: [6, 7] })
    for (const query of [{ user: 'app' }, { user: '5:app' }, { groupAdd: ['app'] }]) {
      expect(() => resolveUser({ rootFd, ...query })).toThrow(/of the image: it is not a regular/)
    }
  })
})
