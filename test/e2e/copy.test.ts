/** cp as a user meets it: both ways, through archives, past what containers put in the way. */
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
import { describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { cli, type Scene, shell, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const ok = (...words: readonly string[]) => scene.ok(...words)
const here = (name: string): string => join(scene.folder, name)
const inside = async (script: string, ...options: readonly string[]): Promise<string> =>
  (await ok('exec', ...options, 'web', 'sh', '-c', script)).stdout

/** What the program makes at its start is there. */
async function upReady(): Promise<void> {
  await ok('up', '-d')
  await until(async () => (await ok('logs')).stdout, /ready/)
}

/** A directory with a file, a directory and a link. */
function makeSource(): void {
  mkdirSync(here('src/deep'), { recursive: true })
  writeFileSync(here('src/one'), 'one\n', { mode: 0o640 })
  writeFileSync(here('src/deep/two'), 'two\n')
  symlinkSync('deep/two', here('src/link'))
}

describe('cp', () => {
  test('copies to all replicas or one, and from the first, by the rules of cp', async () => {
    scene.write({ web: [...SLEEP, 'scale: 2'] })
    makeSource()
    await ok('up', '-d')
    expect((await ok('cp', 'src/one', 'web:/srv')).stderr).toBe(
      'copied src/one to cli-web-1:/srv\ncopied src/one to cli-web-2:/srv\n',
    )
    expect(await inside('cat /srv/one', '--index', '2')).toBe('one\n')
    await ok('cp', '--index', '2', 'src', 'web:/srv/made')
    await ok('cp', '--index', '2', 'src', 'web:/srv/made')
    await ok('cp', '--index', '2', 'src/.', 'web:/srv/made/contents')
    const made = await inside('cd /srv/made; find . | sort; cat link', '--index', '2')
    expect(made.trim().split('\n').join(' ')).toBe(
      '. ./contents ./contents/deep ./contents/deep/two ./contents/link ./contents/one ' +
        './deep ./deep/two ./link ./one ' +
        './src ./src/deep ./src/deep/two ./src/link ./src/one two',
    )
    expect(await inside('ls /srv')).toBe('one\n')
    await ok('cp', '--index', '2', 'web:/srv/made/src', 'back')
    expect(readFileSync(here('back/deep/two'), 'utf8')).toBe('two\n')
    expect(readlinkSync(here('back/link'))).toBe('deep/two')
    expect(lstatSync(here('back/one')).mode & 0o7777).toBe(0o640)
    await ok('cp', 'web:/srv/one', 'renamed')
    expect(readFileSync(here('renamed'), 'utf8')).toBe('one\n')
    await ok('down', '-t', '0')
    expect(await scene.sandbox.leaks()).toBe('')
  })

  test('gives files to the users of the container that has users of its own', async () => {
    scene.write({ web: [...SLEEP, 'userns_mode: auto', 'tmpfs: [/mem]'] })
    makeSource()
    await ok('up', '-d')
    await ok('cp', 'src/one', 'web:/srv/one')
    expect(await inside('stat -c %u:%g /srv/one')).toBe('0:0\n')
    const { uid, gid } = lstatSync(here('src/one'))
    await ok('cp', '-a', 'src/one', 'web:/srv/as-here')
    expect(await inside('stat -c %u:%g /srv/as-here')).toBe(`${uid}:${gid}\n`)
    await inside('echo theirs > /srv/theirs; chown 1000:1000 /srv/theirs; chmod 600 /srv/theirs')
    await ok('cp', '-a', 'web:/srv/theirs', 'back')
    expect(readFileSync(here('back'), 'utf8')).toBe('theirs\n')
    expect(lstatSync(here('back'))).toMatchObject({ uid: 1000, gid: 1000 })
    await ok('cp', 'src/one', 'web:/mem/one')
    expect(await inside('cat /mem/one')).toBe('one\n')
    await ok('stop', '-t', '0')
    await ok('cp', 'src/deep/two', 'web:/srv/two')
    await ok('start')
    expect(await inside('stat -c %u:%g /srv/two /srv/theirs')).toBe('0:0\n1000:1000\n')
    await ok('down', '-t', '0')
    expect(await scene.sandbox.leaks()).toBe('')
  })

  test('copies archives from standard input, packed or not, and to standard output', async () => {
    scene.write({ web: SLEEP })
    makeSource()
    await ok('up', '-d')
    const pipe = (line: string) => scene.sandbox.inNetns(['sh', '-c', line], { cwd: scene.folder })
    await pipe(`tar cf - -C src . | ${cli('cp', '-', 'web:/srv')}`)
    expect(await inside('cat /srv/link')).toBe('two\n')
    await pipe(`tar czf - -C src deep | ${cli('cp', '-', 'web:/tmp')}`)
    expect(await inside('cat /tmp/deep/two')).toBe('two\n')
    const listed = await pipe(`${cli('cp', 'web:/srv/deep', '-')} | tar tf -`)
    expect(listed.stdout).toBe('deep/\ndeep/two\n')
    const torn = await pipe(`tar cf - src | head -c 700 | ${cli('cp', '-', 'web:/opt')}`)
    expect(torn).toMatchObject({ code: 1 })
    expect(torn.stderr).toContain('Cannot copy to "cli-web-1:/opt": it is cut off in the middle')
    expect((await scene.run('cp', '-', 'web:/srv/one')).stderr).toContain(
      'Cannot copy to "cli-web-1:/srv/one": it is a file',
    )
    await ok('down', '-t', '0')
  })

  test('keeps owners with -a, and follows a link at the end with -L alone', async () => {
    scene.write({
      web: [
        shell(
          'echo x > /srv/x; chown 7:8 /srv/x; ln -s x /srv/link; echo ready; exec sleep infinity',
        ),
      ],
    })
    await upReady()
    await ok('cp', '-a', 'web:/srv/x', 'kept')
    expect(lstatSync(here('kept'))).toMatchObject({ uid: 7, gid: 8 })
    await ok('cp', 'web:/srv/x', 'own')
    expect(lstatSync(here('own'))).toMatchObject({ uid: 0, gid: 0 })
    await ok('cp', 'web:/srv/link', 'link')
    expect(readlinkSync(here('link'))).toBe('x')
    await ok('cp', '-L', 'web:/srv/link', 'followed')
    expect(readFileSync(here('followed'), 'utf8')).toBe('x\n')
    await ok('cp', 'kept', 'web:/srv/mine')
    await ok('cp', '-a', 'kept', 'web:/srv/kept')
    expect(await inside('stat -c %u:%g /srv/mine /srv/kept')).toBe('0:0\n7:8\n')
    await ok('down', '-t', '0')
  })

  test('works on a container that has stopped, its volumes included, and it starts with it', async () => {
    scene.write({ web: [...SLEEP, "volumes: ['data:/data', 'cfg:/cfg:ro']"] })
    scene.append('volumes: { data: {}, cfg: {} }')
    writeFileSync(here('file'), 'new\n')
    await ok('create')
    await ok('cp', 'file', 'web:/data/first')
    await ok('up', '-d')
    await ok('stop', '-t', '0')
    await ok('cp', 'file', 'web:/etc/fresh')
    await ok('cp', 'web:/data/first', 'back')
    expect(readFileSync(here('back'), 'utf8')).toBe('new\n')
    const refused = await scene.run('cp', 'file', 'web:/cfg/file')
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toContain('Cannot copy to "cli-web-1:/cfg/file": it is read-only there')
    await ok('start')
    expect(await inside('cat /etc/fresh /data/first')).toBe('new\nnew\n')
    await ok('down', '-v', '-t', '0')
    expect(await scene.sandbox.leaks()).toBe('')
  })

  test('says what is wrong with names and places, and changes nothing', async () => {
    scene.write({ web: SLEEP, off: [...SLEEP, 'scale: 0'] })
    makeSource()
    await ok('up', '-d')
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['wbe:/etc/hosts', 'x'], /Cannot find "wbe".*\n.*Did you mean "web"/],
      [['web:/nowhere', 'x'], /Cannot copy "cli-web-1:\/nowhere": there is no such file/],
      [['nowhere', 'web:/srv'], /Cannot copy ".*\/nowhere": there is no such file/],
      [['src', 'web:/etc/hosts'], /"cli-web-1:\/etc\/hosts": it is a file/],
      [['src/one', 'web:/a/b/c'], /there is no directory "\/a\/b"/],
      [['src/one', 'web:/missing/'], /"cli-web-1:\/missing\/": there is no such directory/],
      [['--index', '9', 'web:/etc', 'x'], /replica 9 of "web": it has no container/],
      [['web:/etc', 'web:/srv'], /Cannot copy between services.*\n.*through a pipe/],
      [['src', 'other'], /neither source nor target is SERVICE:PATH/],
      [['web:/proc/cpuinfo', 'x'], /it is on a file system of the kernel/],
      [['src/one', 'web:/proc/sys/kernel/hostname'], /it is on a file system of the kernel/],
    ]
    for (const [words, message] of wrong) {
      const { code, stderr } = await scene.run('cp', ...words)
      expect(stderr).toMatch(message)
      expect(code).not.toBe(0)
    }
    expect(existsSync(here('x'))).toBe(false)
    await ok('down', '-t', '0')
  })
})

describe('cp and a container that means harm', () => {
  test('never leaves the root of the container, whatever its links say', async () => {
    const outside = here('outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'of the host')
    writeFileSync(here('file'), 'new\n')
    const script = [
      `mkdir -p ${outside}`,
      `ln -s ${outside}/secret /srv/secret`,
      `ln -s ${outside} /srv/directory`,
      'ln -s /proc/1/root/../../.. /srv/up',
      'ln -s ../../../../../../../../../../../etc /srv/etc',
      'ln -s loop /srv/loop; mkfifo /srv/fifo; echo ready; exec sleep infinity',
    ]
    scene.write({ web: [shell(script.join('; '))] })
    await upReady()
    await ok('cp', 'file', 'web:/srv/directory/secret')
    expect(await inside(`cat ${outside}/secret`)).toBe('new\n')
    await ok('cp', 'file', 'web:/srv/etc/copied')
    expect(existsSync('/etc/copied')).toBe(false)
    await scene.run('cp', 'file', 'web:/srv/up/copied')
    expect(existsSync('/copied')).toBe(false)
    expect((await scene.run('cp', '-L', 'web:/srv/loop', 'x')).code).toBe(1)
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('of the host')
    // What is in the place of a file is replaced, not written to: nobody reads this pipe.
    await ok('cp', 'file', 'web:/srv/fifo')
    expect(await inside('cat /srv/fifo')).toBe('new\n')
    await ok('down', '-t', '0')
  })

  test('writes through no link that it has brought to this machine before', async () => {
    mkdirSync(here('outside'))
    const swap = 'rm /srv/app/way; mkdir /srv/app/way; echo evil > /srv/app/way/file'
    const begin = `mkdir /srv/app; ln -s ${here('outside')} /srv/app/way`
    scene.write({ web: [shell(`${begin}; echo ready; exec sleep infinity`)] })
    await upReady()
    await ok('cp', 'web:/srv/app', 'app')
    expect(readlinkSync(here('app/way'))).toBe(here('outside'))
    await inside(swap)
    const { code, stderr } = await scene.run('cp', 'web:/srv/app/.', 'app')
    expect(code).toBe(1)
    expect(stderr).toContain('app/way": a symbolic link is in its place')
    expect(existsSync(here('outside/file'))).toBe(false)
    await ok('down', '-t', '0')
  })

  test('gives nobody a setuid program, and leaves devices and sockets where they are', async () => {
    const script = [
      'cp /bin/sh /srv/suid; chmod 6755 /srv/suid; mknod /srv/device c 1 3; mkfifo /srv/fifo',
      'echo ready; exec sleep infinity',
    ]
    scene.write({ web: [shell(script.join('; '))] })
    await upReady()
    await ok('cp', 'web:/srv', 'srv')
    expect(lstatSync(here('srv/suid')).mode & 0o7777).toBe(0o755)
    expect(existsSync(here('srv/device'))).toBe(false)
    expect(lstatSync(here('srv/fifo')).isFIFO()).toBe(true)
    expect((await scene.run('cp', 'web:/srv/device', 'x')).stderr).toContain('it is a character')
    await ok('down', '-t', '0')
  })
})
