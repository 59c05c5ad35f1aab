/** `host:` of a made-up host, and of this machine. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { programParts } from '../../../src/engine/rootfs/host/parts.ts'
import { buildSkeleton } from '../../../src/engine/rootfs/host/skeleton.ts'
import {
  findExecutable,
  makeRootReadOnly,
  prepareRootfs,
  resolveUser,
} from '../../../src/engine/rootfs/index.ts'
import { O, openIn } from '../../../src/linux/index.ts'
import { inside, layer, mount, open, put } from './support.ts'

const host = () => layer('host')
const line = (path: string, type: string) => `1 2 0:3 / ${path} rw - ${type} none rw`

function fakeHost(): void {
  put('usr/bin/true', '', 0o755, host())
  symlinkSync('usr/bin', join(host(), 'bin'))
  mkdirSync(join(host(), 'sbin'))
  put('etc/passwd', 'root:$6$hash:0:0::/root:/bin/sh\nweb:x:33:33:::\n', 0o644, host())
  put('etc/group', 'root:x:0:\n', 0o644, host())
  for (const name of ['shadow', 'gshadow', 'hostname', 'hosts', 'machine-id', 'app.conf']) {
    put(`etc/${name}`, 'secret', 0o644, host())
  }
  put('etc/ssl/certs/ca.pem', 'CA', 0o644, host())
  put('etc/ssl/certs/locked.pem', 'KEY', 0o600, host())
  put('etc/ssl/private/key.pem', 'KEY', 0o644, host())
  put('etc/ssh/ssh_host_key', 'KEY', 0o644, host())
  put('outside/zone', 'ZONE', 0o644, host())
  symlinkSync('../outside/zone', join(host(), 'etc/localtime'))
  symlinkSync('../usr/bin/true', join(host(), 'etc/os-release'))
  symlinkSync('nowhere', join(host(), 'etc/timezone'))
}
const build = () =>
  buildSkeleton({
    host: host(),
    cacheDirectory: layer('cache'),
    parts: programParts(host(), ''),
  })

describe('host:', () => {
  test('buildSkeleton() takes what the list names and everybody may read, nothing else', () => {
    fakeHost()
    const skeleton = build()
    expect(readdirSync(join(skeleton, 'etc')).sort()).toEqual([
      'group',
      'localtime',
      'mtab',
      'os-release',
      'passwd',
      'ssl',
    ])
    expect(readFileSync(join(skeleton, 'etc/passwd'), 'utf8')).toBe(
      'root:x:0:0::/root:/bin/sh\nweb:x:33:33:::\n',
    )
    expect(readdirSync(join(skeleton, 'etc/ssl'))).toEqual(['certs'])
    expect(readdirSync(join(skeleton, 'etc/ssl/certs'))).toEqual(['ca.pem'])
    expect(readFileSync(join(skeleton, 'etc/localtime'), 'utf8')).toBe('ZONE')
    expect(readlinkSync(join(skeleton, 'etc/os-release'))).toBe('../usr/bin/true')
  })

  test('buildSkeleton() has the directories of an installed system, empty', () => {
    fakeHost()
    const skeleton = build()
    expect(readlinkSync(join(skeleton, 'bin'))).toBe('usr/bin')
    expect(lstatSync(join(skeleton, 'sbin')).isDirectory()).toBe(true)
    const modes = ['root', 'tmp', 'var/tmp', 'home', 'proc', '.'].map((name) =>
      (statSync(join(skeleton, name)).mode & 0o7777).toString(8),
    )
    expect(modes).toEqual(['700', '1777', '1777', '755', '555', '755'])
    for (const name of ['usr', 'home', 'root', 'tmp', 'opt']) {
      expect(readdirSync(join(skeleton, name))).toEqual([])
    }
  })

  test('buildSkeleton() does not let the umask close a directory, and clears up', () => {
    fakeHost()
    mkdirSync(join(layer('cache'), 'draft-dead/etc'), { recursive: true })
    const umask = process.umask(0o077)
    try {
      const skeleton = build()
      const modes = ['.', 'etc', 'etc/ssl', 'etc/ssl/certs', 'usr', 'etc/ssl/certs/ca.pem'].map(
        (name) => (statSync(join(skeleton, name)).mode & 0o7777).toString(8),
      )
      expect(modes).toEqual(['755', '755', '755', '755', '755', '644'])
    } finally {
      process.umask(umask)
    }
    expect(readdirSync(layer('cache'))).toHaveLength(1)
  })

  test('buildSkeleton() builds the same once, and a change anew', () => {
    fakeHost()
    const first = build()
    expect(build()).toBe(first)
    put('etc/group', 'root:x:0:\nnew:x:7:\n', 0o644, host())
    expect(build()).not.toBe(first)
    expect(readdirSync(layer('cache'))).toHaveLength(2)
  })

  test('programParts() makes every mount below /usr a part of its own, parents first', () => {
    fakeHost()
    put('usr/local/share/data', '', 0o644, host())
    mkdirSync(join(host(), 'usr/auto'))
    const mountinfo = [
      line('/usr/local/share/data', 'ext4'),
      line('/usr/local', 'ext4'),
      line('/usr/auto', 'autofs'),
      line('/home', 'ext4'),
      line('/usr/gone', 'ext4'),
      line('/usr/local', 'ext4'),
    ].join('\n')
    expect(programParts(host(), mountinfo)).toEqual([
      { path: '/sbin', kind: 'directory' },
      { path: '/usr', kind: 'directory' },
      { path: '/usr/local', kind: 'directory' },
      { path: '/usr/local/share/data', kind: 'file' },
    ])
  })

  test('runs this machine’s programs, copy-on-write, without its secrets', () => {
    const fd = mount(prepareRootfs('host:', { cacheDirectory: layer('cache') }))
    expect(findExecutable({ rootFd: fd, name: 'sh', env: [], cwd: '/' })).toMatch(/\/sh$/)
    expect(resolveUser({ rootFd: fd, user: 'nobody' }).uid).toBeGreaterThan(0)
    for (const secret of ['etc/shadow', 'etc/ssh', 'etc/machine-id', 'work', 'home/tester']) {
      expect(existsSync(inside(fd, secret))).toBe(false)
    }
    const usr = openIn(fd, 'usr')
    open.push(usr)
    writeFileSync(`/proc/self/fd/${usr}/tsstack-test`, 'x')
    expect(existsSync('/usr/tsstack-test')).toBe(false)
    expect(readdirSync(join(layer('parts'), 'usr/upper'))).toEqual(['tsstack-test'])
    makeRootReadOnly(fd)
    for (const path of ['new', 'usr/new', 'usr/tsstack-test']) {
      const write = () => openIn(fd, path, { flags: O.WRONLY | O.CREAT, mode: 0o644 })
      expect(write).toThrow('EROFS')
    }
  })
})
