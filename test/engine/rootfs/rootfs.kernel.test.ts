/** Root filesystems on the real kernel, friendly and hostile images. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildSkeleton } from '../../../src/engine/rootfs/host/skeleton.ts'
import { programParts } from '../../../src/engine/rootfs/host/parts.ts'
import {
  buildInitLayer,
  findExecutable,
  makeRootReadOnly,
  openInTree,
  openOverlayRoot,
  prepareRootfs,
  resolveUser,
  type RootfsSource,
} from '../../../src/engine/rootfs/index.ts'
import {
  close,
  composeTree,
  createDetachedMount,
  type Fd,
  O,
  openIn,
  openPath,
} from '../../../src/linux/index.ts'

let root = ''
let image = ''
let mounts = ''
const open: Fd[] = []
beforeEach(() => {
  mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  root = mkdtempSync(join(tmpdir(), 'tsstack-rootfs-'))
  image = join(root, 'image')
  mkdirSync(join(root, 'place'))
  mkdirSync(image, { mode: 0o755 })
})
afterEach(() => {
  for (const fd of open.splice(0)) close(fd)
  rmSync(root, { recursive: true, force: true })
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts)
})

function put(path: string, content = '', mode = 0o644, base = image): void {
  const file = join(base, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  chmodSync(file, mode)
}

const layer = (name: string) => join(root, name)
const inodeOfEtc = () => lstatSync(join(layer('init'), 'etc')).ino

function mount(source: RootfsSource): Fd {
  buildInitLayer({
    directory: layer('init'),
    lowers: source.lowers,
    hostname: 'web',
    hosts: 'HOSTS\n',
    resolvConf: 'RESOLV\n',
  })
  const fd = openOverlayRoot(source, {
    init: layer('init'),
    upper: layer('upper'),
    work: layer('work'),
    parts: layer('parts'),
    place: layer('place'),
  })
  open.push(fd)
  return fd
}

const mountImage = () => mount(prepareRootfs(`dir:${image}`, { cacheDirectory: layer('cache') }))
const inside = (fd: Fd, path: string) => `/proc/self/fd/${fd}/${path}`
const text = (fd: Fd, path: string) => readFileSync(inside(fd, path), 'utf8')

const prepare = (name: string) => () => prepareRootfs(name, { cacheDirectory: layer('cache') })
const find = (fd: Fd, name: string, env: readonly string[] = ['PATH=/usr/bin:/bin'], cwd = '/') =>
  findExecutable({ rootFd: fd, name, env, cwd })
const host = () => layer('host')
const line = (path: string, type: string) => `1 2 0:3 / ${path} rw - ${type} none rw`
const tmpfs = () => createDetachedMount({ type: 'tmpfs' })

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

  test('buildSkeleton() does not let the umask close a directory, and clears what a crash left', () => {
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

describe.each(['detached', 'namespace'] as const)('composeTree() by way of a %s', (way) => {
  test('mounts parts in a tree that is mounted nowhere', () => {
    const whole = tmpfs()
    mkdirSync(inside(whole, 'a'))
    const one = tmpfs()
    mkdirSync(inside(one, 'b'))
    const two = tmpfs()
    writeFileSync(inside(two, 'file'), 'deep')
    const directory = process.cwd()
    const parts = [
      { fd: one, target: 'a' },
      { fd: two, target: 'a/b' },
    ]
    let fd: Fd
    try {
      fd = composeTree(whole, parts, { place: layer('place'), way })
    } catch (error) {
      // A kernel before 6.15 takes the other way by itself.
      expect(way).toBe('detached')
      expect(String(error)).toContain('EINVAL')
      return
    }
    open.push(fd)
    expect(text(fd, 'a/b/file')).toBe('deep')
    expect(process.cwd()).toBe(directory)
    expect(readdirSync(layer('place'))).toEqual([])
  })
})
