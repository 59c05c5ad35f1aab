/** COPY and what belongs to it, on real layers of the real kernel. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DockerfileError } from '../../src/errors.ts'
import { type BuildScene, buildScene, type Built, textIn } from './build-scene.ts'

/** Paths of the topmost layer, sorted; directories end with a slash. */
function tree({ lowers }: Built, layer = 0): readonly string[] {
  const root = lowers[layer] ?? ''
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name).slice(root.length + 1)
      return entry.isDirectory() ? `${path}/` : path
    })
    .toSorted()
}

const copied = async (scene: BuildScene, line: string): Promise<readonly string[]> =>
  tree(await scene.build(`FROM scratch\n${line}\n`))

describe('COPY', () => {
  test.each([
    ['COPY a.txt /', ['a.txt']],
    ['COPY a.txt /x', ['x']],
    ['COPY a.txt /x/', ['x/', 'x/a.txt']],
    ['COPY a.txt b.md /x/', ['x/', 'x/a.txt', 'x/b.md']],
    ['COPY dir /x', ['x/', 'x/1.c', 'x/sub/', 'x/sub/2.c']],
    ['COPY dir/ .', ['1.c', 'sub/', 'sub/2.c']],
    ['COPY *.txt /x/', ['x/', 'x/a.txt']],
    ['COPY d*/*.c /x/', ['x/', 'x/1.c']],
    ['COPY ?.* /x/', ['x/', 'x/a.txt', 'x/b.md']],
    ['COPY [a-b].* /x/', ['x/', 'x/a.txt', 'x/b.md']],
    ['COPY --exclude=*.md . /', ['a.txt', 'dir/', 'dir/1.c', 'dir/sub/', 'dir/sub/2.c']],
    ['COPY --exclude=**/*.c dir /x', ['x/', 'x/sub/']],
    ['COPY --parents dir/sub/2.c /x', ['x/', 'x/dir/', 'x/dir/sub/', 'x/dir/sub/2.c']],
    ['COPY --parents dir/./sub/2.c /x/', ['x/', 'x/sub/', 'x/sub/2.c']],
    ['COPY --parents dir/**/*.c /x/', ['x/', 'x/dir/', 'x/dir/1.c', 'x/dir/sub/', 'x/dir/sub/2.c']],
    ['COPY ../../a.txt /x', ['x']],
    ['COPY ["a.txt", "/with blank"]', ['with blank']],
    ['COPY <<one <<two /x/\n1\none\n2\ntwo', ['x/', 'x/one', 'x/two']],
  ])('%s makes %j', async (line, expected) => {
    using scene = buildScene()
    scene.files({ 'a.txt': 'a', 'b.md': 'b', 'dir/1.c': '1', 'dir/sub/2.c': '2' })
    expect(await copied(scene, line)).toEqual(expected)
  })

  test('works relative to WORKDIR, and keeps modes but not owners', async () => {
    using scene = buildScene()
    scene.files({ run: '#!/bin/sh\n' })
    chmodSync(join(scene.context, 'run'), 0o4750)
    const built = await scene.build('FROM scratch\nWORKDIR /app\nWORKDIR sub\nCOPY run .\n')
    const { mode, uid, gid } = lstatSync(join(built.lowers[0] ?? '', 'app/sub/run'))
    expect([mode & 0o7777, uid, gid]).toEqual([0o4750, 0, 0])
    expect(built.document.config.WorkingDir).toBe('/app/sub')
  })

  test.each([
    ['--chown=1000', [1000, 1000]],
    ['--chown=1000:5', [1000, 5]],
    ['--chown=app', [77, 78]],
    ['--chown=app:staff', [77, 50]],
    ['--chown=$WHO', [9, 9]],
  ])('COPY %s gives files and new directories to %j', async (flag, ids) => {
    using scene = buildScene()
    scene.files({
      'etc/passwd': 'root:x:0:0::/:/bin/sh\napp:x:77:78::/:/bin/sh\n',
      'etc/group': 'staff:x:50:\n',
      a: 'a',
    })
    const text = `FROM scratch\nARG WHO=9\nCOPY etc /etc\nCOPY ${flag} a /x/y/\n`
    const { lowers } = await scene.build(text)
    for (const path of ['x', 'x/y', 'x/y/a']) {
      const { uid, gid } = lstatSync(join(lowers[0] ?? '', path))
      expect([uid, gid]).toEqual(ids)
    }
  })

  test.each([
    ['755', 0o755],
    ['0600', 0o600],
    ['u=rwX,go=rX', 0o644],
    ['a+x', 0o755],
    ['go-r', 0o600],
    ['u+s', 0o4644],
    ['g=u', 0o664],
  ])('COPY --chmod=%s makes a file of mode 644 %i', async (mode, expected) => {
    using scene = buildScene()
    scene.files({ a: 'a' })
    const { lowers } = await scene.build(`FROM scratch\nCOPY --chmod=${mode} a /a\n`)
    expect(lstatSync(join(lowers[0] ?? '', 'a')).mode & 0o7777).toBe(expected)
  })

  test('follows a link that is named, and keeps those inside a directory', async () => {
    using scene = buildScene()
    scene.files({ 'dir/real': 'r' })
    symlinkSync('real', join(scene.context, 'dir/link'))
    symlinkSync('dir', join(scene.context, 'other'))
    const built = await scene.build('FROM scratch\nCOPY dir/link /followed\nCOPY other /kept/\n')
    expect(textIn(built, 'followed')).toBe('r')
    expect(readlinkSync(join(built.lowers[0] ?? '', 'kept/link'))).toBe('real')
  })

  test('a link that leads out of the context leads nowhere', async () => {
    using scene = buildScene()
    writeFileSync(join(scene.directory, 'secret'), 'secret')
    symlinkSync('../secret', join(scene.context, 'relative'))
    symlinkSync('/etc/passwd', join(scene.context, 'absolute'))
    symlinkSync('..', join(scene.context, 'up'))
    for (const path of ['relative', 'absolute', 'up/secret']) {
      await expect(scene.build(`FROM scratch\nCOPY ${path} /x\n`)).rejects.toThrow('Cannot copy')
    }
  })

  test('a link of the image at the target is followed inside the image', async () => {
    using scene = buildScene()
    scene.files({ 'root/usr/bin/.keep': '', a: 'a' })
    symlinkSync('/usr/bin', join(scene.context, 'root/bin'))
    symlinkSync('../../../../tmp', join(scene.context, 'root/up'))
    const text = 'FROM scratch\nCOPY root /\nCOPY a /bin/\nCOPY a /up/tsstack-escaped/\n'
    const built = await scene.build(text)
    expect(tree(built, 1)).toEqual(['usr/', 'usr/bin/', 'usr/bin/a'])
    expect(tree(built)).toContain('tmp/tsstack-escaped/a')
    expect(existsSync('/tmp/tsstack-escaped')).toBe(false)
  })

  test('what stands in the way is named, with the line', async () => {
    using scene = buildScene()
    scene.files({ 'dir/a/b': 'b', a: 'a' })
    const error = await scene
      .build('FROM scratch\nCOPY a /x/a\nCOPY dir /x\n')
      .catch((each: unknown) => each)
    expect(error).toBeInstanceOf(DockerfileError)
    expect((error as DockerfileError).diagnostics).toMatchObject([
      { line: 3, column: 10, length: 2, message: 'Cannot copy to "/x/a": a file is there' },
    ])
  })

  test('copies from another stage with owners, and several names of one file stay one', async () => {
    using scene = buildScene()
    scene.files({ a: 'a' })
    const text =
      'FROM scratch AS first\nCOPY --chown=7:8 a /data/\nFROM scratch\nCOPY --from=first /data /d/\n'
    const built = await scene.build(text)
    const { uid, gid } = lstatSync(join(built.lowers[0] ?? '', 'd/a'))
    expect([uid, gid]).toEqual([7, 8])
  })

  test('stages that nothing needs are not built, wrong as they may be', async () => {
    using scene = buildScene()
    scene.files({ a: 'a' })
    const text = 'FROM scratch AS broken\nCOPY missing /\nFROM scratch\nCOPY a /\n'
    expect((await scene.build(text)).steps).toEqual(['done'])
    await expect(scene.build(text, { target: 'broken' })).rejects.toThrow('no such file')
    await expect(scene.build(text, { target: 'brocken' })).rejects.toThrow('none of that name')
  })

  test('a linked layer is the same over any base', async () => {
    using scene = buildScene()
    scene.files({ a: 'a', b: 'b' })
    const one = await scene.build('FROM scratch\nCOPY a /\nCOPY --link b /x/\n')
    const two = await scene.build('FROM scratch\nCOPY b /\nCOPY --link b /x/\n')
    expect(two.steps).toEqual(['done', 'cached'])
    expect(two.document.rootfs.diff_ids[1]).toBe(one.document.rootfs.diff_ids[1])
  })
})

describe('.dockerignore', () => {
  test('leaves files out of a directory and of patterns, and lets exceptions in', async () => {
    using scene = buildScene()
    scene.files({
      '.dockerignore': '# c\n*.log\nbuild\n!build/keep.txt\n**/tmp\n',
      'a.log': '',
      'a.txt': '',
      'build/keep.txt': '',
      'build/lose.txt': '',
      'deep/tmp/x': '',
      'deep/y.log': '',
    })
    expect(await copied(scene, 'COPY . /')).toEqual([
      '.dockerignore',
      'a.txt',
      'build/',
      'build/keep.txt',
      'deep/',
      'deep/y.log',
    ])
    await expect(copied(scene, 'COPY a.log /')).rejects.toThrow('left out by .dockerignore')
    expect(await copied(scene, 'COPY b*/*.txt /x/')).toEqual(['x/', 'x/keep.txt'])
  })

  test('one of the Dockerfile itself comes first', async () => {
    using scene = buildScene()
    scene.files({
      '.dockerignore': 'a',
      'web.Dockerfile': 'FROM scratch\nCOPY . /\n',
      a: '',
      b: '',
    })
    scene.files({ 'web.Dockerfile.dockerignore': 'b\n*file*\n.*' })
    const path = join(scene.context, 'web.Dockerfile')
    const dockerfile = { kind: 'file', path, shown: 'web.Dockerfile' } as const
    expect(tree(await scene.build('', { dockerfile }))).toEqual(['a'])
  })
})

describe('the cache', () => {
  test('takes every step of an unchanged tree, and gives the very same image', async () => {
    using scene = buildScene()
    scene.files({ a: 'a', 'dir/b': 'b' })
    const text = 'FROM scratch\nLABEL x=y\nCOPY a /\nWORKDIR /w\nCOPY dir .\n'
    const first = await scene.build(text)
    const second = await scene.build(text)
    expect(first.steps).toEqual(['done', 'done', 'done'])
    expect(second.steps).toEqual(['cached', 'cached', 'cached'])
    expect(second.id).toBe(first.id)
    expect(second.manifest).toBe(first.manifest)
  })

  test('a changed file makes its step and those after it again; a touched one does not', async () => {
    using scene = buildScene()
    scene.files({ a: 'a', b: 'b' })
    const text = 'FROM scratch\nCOPY a /\nCOPY b /\n'
    await scene.build(text)
    writeFileSync(join(scene.context, 'a'), 'a')
    expect((await scene.build(text)).steps).toEqual(['cached', 'cached'])
    writeFileSync(join(scene.context, 'b'), 'B')
    expect((await scene.build(text)).steps).toEqual(['cached', 'done'])
    chmodSync(join(scene.context, 'a'), 0o600)
    expect((await scene.build(text)).steps).toEqual(['done', 'done'])
    expect((await scene.build(text, { noCache: true })).steps).toEqual(['done', 'done'])
  })

  test('a given time makes two builds the same byte for byte', async () => {
    using one = buildScene()
    using two = buildScene()
    const manifests = []
    for (const scene of [one, two]) {
      scene.files({ a: 'a', 'd/b': 'b' })
      mkdirSync(join(scene.context, 'd/empty'))
      const text = 'FROM scratch\nCOPY a /x/y/\nCOPY d /d/\nWORKDIR /new\n'
      manifests.push((await scene.build(text, { sourceDateEpoch: 1_600_000_000 })).manifest)
    }
    expect(manifests[1]).toBe(manifests[0])
  })
})
