/** Programs of a container, found in its own files. */
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findExecutable, openInTree } from '../../../src/engine/rootfs/index.ts'
import { type Fd, getRlimit, openPath, setRlimit } from '../../../src/linux/index.ts'
import { image, layer, mountImage, open, put } from './support.ts'

const find = (fd: Fd, name: string, env: readonly string[] = ['PATH=/usr/bin:/bin'], cwd = '/') =>
  findExecutable({ rootFd: fd, name, env, cwd })

describe('findExecutable()', () => {
  test('takes the first in PATH that can be executed', () => {
    put('usr/bin/tool', '', 0o644)
    mkdirSync(join(image, 'bin/other'), { recursive: true })
    put('bin/tool', '', 0o755)
    put('usr/bin/deep/other', '', 0o755)
    const fd = mountImage()
    expect(find(fd, 'tool')).toBe('/bin/tool')
    expect(find(fd, 'other', ['PATH=/bin:/usr/bin/deep'])).toBe('/usr/bin/deep/other')
    expect(find(fd, './bin/tool')).toBe('/bin/tool')
    expect(find(fd, '../bin/tool', [], '/usr')).toBe('/bin/tool')
  })

  test('follows links inside the image, absolute ones as well, and never out', () => {
    put('opt/tool', '', 0o755)
    mkdirSync(join(image, 'bin'))
    symlinkSync('/opt/tool', join(image, 'bin/in'))
    symlinkSync('/bin/sh', join(image, 'bin/out'))
    symlinkSync('../../../../../../bin/sh', join(image, 'bin/up'))
    const fd = mountImage()
    expect(find(fd, 'in')).toBe('/bin/in')
    for (const name of ['out', 'up']) expect(() => find(fd, name)).toThrow('not found in $PATH')
  })

  test('does not take our own want of descriptors for a program that is missing', () => {
    put('bin/tool', '', 0o755)
    const fd = mountImage()
    const limit = getRlimit('nofile')
    setRlimit('nofile', { ...limit, soft: 3n })
    try {
      expect(() => find(fd, 'tool')).toThrow('EMFILE')
    } finally {
      setRlimit('nofile', limit)
    }
  })

  test('says what is wrong in Docker’s words, with the exit status of a shell', () => {
    put('etc/text')
    const fd = mountImage()
    const failure = (name: string) => {
      try {
        return find(fd, name, ['PATH=/etc'])
      } catch (error) {
        return error
      }
    }
    expect(failure('foo')).toMatchObject({
      code: 'EXEC_NOT_FOUND',
      message: 'exec: "foo": executable file not found in $PATH',
    })
    expect(failure('')).toMatchObject({ code: 'EXEC_NOT_FOUND' })
    expect(failure('/none')).toMatchObject({
      code: 'EXEC_NOT_FOUND',
      message: 'exec: "/none": no such file or directory',
    })
    expect(failure('text')).toMatchObject({
      code: 'EXEC_NOT_EXECUTABLE',
      message: 'exec: "text": permission denied',
    })
    expect(failure('/etc')).toMatchObject({
      code: 'EXEC_NOT_EXECUTABLE',
      message: 'exec: "/etc": is a directory',
    })
  })

  test('ignores relative and empty entries of PATH', () => {
    put('work/tool', '', 0o755)
    const fd = mountImage()
    expect(() => find(fd, 'tool', ['PATH=:.:work'], '/work')).toThrow('not found in $PATH')
  })

  test('looks into mounts that are not attached yet', () => {
    put('app/tool', '', 0o644)
    put('opt/tool', '', 0o755)
    const volume = layer('volume')
    put('tool', '', 0o755, volume)
    put('bin/deep', '', 0o755, volume)
    mkdirSync(join(image, 'bin'))
    symlinkSync('/app/bin/deep', join(image, 'bin/deep'))
    symlinkSync('../opt/tool', join(volume, 'back'))
    const rootFd = mountImage()
    const fd = openPath(volume)
    open.push(fd)
    const file = openPath(join(volume, 'tool'))
    open.push(file)
    const mounts = [
      { target: '/app', fd },
      { target: '/opt/single', fd: file },
    ]
    const env = ['PATH=/app:/bin']
    const look = (name: string) => findExecutable({ rootFd, mounts, name, env, cwd: '/app' })
    expect(look('tool')).toBe('/app/tool')
    expect(look('deep')).toBe('/bin/deep')
    expect(look('back')).toBe('/app/back')
    expect(look('/opt/single')).toBe('/opt/single')
    expect(look('./tool')).toBe('/app/tool')
    expect(() => look('none')).toThrow('not found in $PATH')
  })

  test('does not follow a link for ever', () => {
    mkdirSync(join(image, 'bin'))
    symlinkSync('loop', join(image, 'bin/loop'))
    const rootFd = mountImage()
    const mounts = [{ target: '/app', fd: rootFd }]
    expect(() => openInTree({ rootFd, mounts }, '/bin/loop')).toThrow('ELOOP')
  })
})
