/** ADD: local archives are unpacked, inside the image whatever they say. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type BuildScene, buildScene, textIn } from './build-scene.ts'

/** Packs `paths` of the folder `from` of the scene into `name` of the context. */
function tar(
  { directory, context }: BuildScene,
  name: string,
  words: readonly string[],
  from: string = directory,
): void {
  execFileSync('tar', ['-cf', join(context, name), ...words], { cwd: from, stdio: 'ignore' })
}

function things({ directory }: BuildScene): void {
  mkdirSync(join(directory, 'things/dir'), { recursive: true })
  writeFileSync(join(directory, 'things/dir/file'), 'text', { mode: 0o640 })
  symlinkSync('dir/file', join(directory, 'things/link'))
}

/** More than bzip2 packs at a time, and than is looked at first. */
function noise({ directory }: BuildScene): void {
  const parts = Array.from({ length: 400_000 }, (_, at) => Math.sin(at).toString(36).slice(-4))
  writeFileSync(join(directory, 'things/dir/noise'), parts.join(''))
}

describe('ADD', () => {
  test.each([
    ['plain.tar', []],
    ['packed.tar.gz', ['-z']],
    ['packed.tar.zst', ['--zstd']],
    ['packed.tar.xz', ['-J']],
    ['packed.tar.bz2', ['-j']],
  ])('unpacks %s with owners, modes and links', async (name, packing) => {
    using scene = buildScene()
    things(scene)
    tar(scene, name, [...packing, '--owner=7', '--group=8', 'things'])
    const built = await scene.build(`FROM scratch\nADD ${name} /x/\n`)
    const [top = ''] = built.lowers
    const { mode, uid, gid } = lstatSync(join(top, 'x/things/dir/file'))
    expect([mode & 0o7777, uid, gid]).toEqual([0o640, 7, 8])
    expect(readlinkSync(join(top, 'x/things/link'))).toBe('dir/file')
    expect(existsSync(join(top, 'x', name))).toBe(false)
    expect((await scene.build(`FROM scratch\nADD ${name} /x/\n`)).steps).toEqual(['cached'])
  })

  test('--unpack=false and COPY keep the archive; --chown comes before its owners', async () => {
    using scene = buildScene()
    things(scene)
    tar(scene, 'a.tar', ['--owner=7', 'things'])
    const text = 'FROM scratch\nADD --unpack=false a.tar /\nCOPY a.tar /b.tar\n'
    const { lowers } = await scene.build(`${text}ADD --chown=5:6 --chmod=700 a.tar /c\n`)
    const { uid, gid, mode } = lstatSync(join(lowers[0] ?? '', 'c/things/dir/file'))
    expect([uid, gid, mode & 0o7777]).toEqual([5, 6, 0o700])
    expect(existsSync(join(lowers[1] ?? '', 'b.tar'))).toBe(true)
    expect(existsSync(join(lowers[2] ?? '', 'a.tar'))).toBe(true)
  })

  test('a packed file that is no archive is copied as it is', async () => {
    using scene = buildScene()
    writeFileSync(join(scene.context, 'notes.gz'), gzipSync('just notes '.repeat(100)))
    scene.files({ 'plain.txt': 'plain' })
    const built = await scene.build('FROM scratch\nADD notes.gz plain.txt /x/\n')
    expect(existsSync(join(built.lowers[0] ?? '', 'x/notes.gz'))).toBe(true)
    expect(textIn(built, 'x/plain.txt')).toBe('plain')
  })

  test('an archive whose names lead out of it is refused, and nothing is kept', async () => {
    using scene = buildScene()
    things(scene)
    const inner = join(scene.directory, 'things/dir')
    tar(scene, 'up.tar', ['-P', '../link'], inner)
    const error = scene.build('FROM scratch\nADD up.tar /x/\n')
    await expect(error).rejects.toThrow('leads out of it')
  })

  test('a link of the archive leads inside the image only', async () => {
    using scene = buildScene()
    const { directory } = scene
    mkdirSync(join(directory, 'one'))
    mkdirSync(join(directory, 'two/out'), { recursive: true })
    symlinkSync('../../../../../../tmp', join(directory, 'one/out'))
    writeFileSync(join(directory, 'two/out/tsstack-escaped'), 'x')
    tar(scene, 'l.tar', ['-C', 'one', 'out', '-C', '../two', 'out/tsstack-escaped'])
    const built = await scene.build('FROM scratch\nADD l.tar /x/\n')
    expect(existsSync('/tmp/tsstack-escaped')).toBe(false)
    expect(textIn(built, 'tmp/tsstack-escaped')).toBe('x')
  })

  test('one of bzip2 whose first block is larger than what is looked at first is an archive', async () => {
    using scene = buildScene()
    things(scene)
    noise(scene)
    tar(scene, 'a.tar.bz2', ['-j', 'things'])
    const built = await scene.build('FROM scratch\nADD a.tar.bz2 /x/\n')
    expect(textIn(built, 'x/things/dir/file')).toBe('text')
  })

  test('a packed bomb is no archive, and costs no memory to find out', async () => {
    using scene = buildScene()
    const zeros = execFileSync('sh', ['-c', 'head -c 300000000 /dev/zero | bzip2 -c'])
    writeFileSync(join(scene.context, 'bomb.bz2'), zeros)
    const before = process.memoryUsage().rss
    const built = await scene.build('FROM scratch\nADD bomb.bz2 /x/\n')
    expect(existsSync(join(built.lowers[0] ?? '', 'x/bomb.bz2'))).toBe(true)
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000)
  })

  test('an archive that is cut off says so, however it is packed', async () => {
    using scene = buildScene()
    things(scene)
    tar(scene, 'a.tar', ['things'])
    noise(scene)
    execFileSync('truncate', ['-s', '1000', join(scene.context, 'a.tar')])
    await expect(scene.build('FROM scratch\nADD a.tar /\n')).rejects.toThrow('cut off')
    for (const [name, how] of [
      ['b.tar.xz', '-J'],
      ['b.tar.bz2', '-j'],
    ] as const) {
      tar(scene, name, [how, 'things'])
      const bytes = readFileSync(join(scene.context, name))
      writeFileSync(join(scene.context, name), bytes.subarray(0, bytes.length - 12))
      const error = scene.build(`FROM scratch\nADD ${name} /\n`)
      await expect(error).rejects.toThrow(/data is broken/)
    }
  })
})
