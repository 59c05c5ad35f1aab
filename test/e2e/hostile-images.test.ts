/** Images whose settings and files want what no image may have: run as a user would run them. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { directory, type Entry, file, node, symlink, tar } from '../image/archive.ts'
import { busyboxLayer } from '../image/busybox.ts'
import { writeLayout } from '../image/layout.ts'
import { saidBy } from '../support/sandbox.ts'
import { type Scene, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

const SLEEP = { Cmd: ['sleep', '1000'] }

interface Image {
  readonly config?: object
  readonly entries?: readonly Entry[]
}

/** What `up` says of the image, by which nothing of it runs. */
const REFUSED: readonly [string, Image, string][] = [
  ['a NUL in its command', { config: { Cmd: ['sleep', '9\0--evil'] } }, '"Cmd" holds a NUL'],
  ['a NUL in its environment', { config: { Env: ['A=b\0LD_PRELOAD=/x'] } }, '"Env" holds a NUL'],
  ['a NUL in its directory', { config: { WorkingDir: '/a\0b' } }, '"WorkingDir" holds a NUL'],
  ['a NUL in its user', { config: { User: 'root\0x' } }, '"User" holds a NUL'],
  ['a NUL in a volume', { config: { Volumes: { '/a\0b': {} } } }, '"Volumes" holds a NUL'],
  ['a NUL in a label', { config: { Labels: { 'a\0': 'b' } } }, '"Labels" holds a NUL'],
  ['a volume for its root', { config: { Volumes: { '/': {} } } }, '"Volumes" names the root'],
  ['a volume above its root', { config: { Volumes: { '../..': {} } } }, 'names the root'],
  [
    'a volume for /proc',
    { config: { ...SLEEP, Volumes: { '/proc': {} } } },
    'Cannot mount at "/proc"',
  ],
  ['a thousand volumes', { config: { Volumes: volumes(1000) } }, '1000 volumes; 200 are the most'],
  ['user -1', { config: { ...SLEEP, User: '-1' } }, '"-1" is not a number from 0'],
  ['user 4294967295', { config: { ...SLEEP, User: '4294967295' } }, 'is not a number from 0'],
  ['a user of three parts', { config: { ...SLEEP, User: '1:0:0' } }, 'more than one ":"'],
  [
    'a user whom nobody knows',
    { config: { ...SLEEP, User: 'nobody-here' } },
    'no user "nobody-here"',
  ],
  [
    'a pipe for passwd',
    { config: { ...SLEEP, User: 'a' }, entries: [node('etc/passwd', '6')] },
    'Cannot read "/etc/passwd"',
  ],
  [
    'a device for passwd',
    { config: { ...SLEEP, User: 'a' }, entries: [node('etc/passwd', '3', 1, 5)] },
    'Cannot read "/etc/passwd"',
  ],
  [
    'a volume at a link to nowhere',
    { config: { ...SLEEP, Volumes: { '/v': {} } }, entries: [symlink('v', '/not/there')] },
    'Cannot mount at "/v" of "evil-web-1": the image has a link there that leads nowhere',
  ],
  [
    'a volume at a pipe',
    { config: { ...SLEEP, Volumes: { '/v': {} } }, entries: [node('v', '6')] },
    'the image has a file there, and a directory is mounted',
  ],
  [
    'passwd out of the image',
    {
      config: { ...SLEEP, User: 'root' },
      entries: [symlink('etc/passwd', '/../../proc/1/environ')],
    },
    'no user "root"',
  ],
  [
    'a descriptor as its directory',
    { config: { ...SLEEP, WorkingDir: '/proc/self/fd/9' } },
    'chdir("/proc/self/fd/9") failed',
  ],
  [
    'a directory out of the image',
    { config: { ...SLEEP, WorkingDir: '/l' }, entries: [symlink('l', '../../../root')] },
    'chdir("/l") failed',
  ],
  [
    'a signal of no name',
    { config: { ...SLEEP, StopSignal: 'SIGEVIL' } },
    'Cannot send signal "SIGEVIL"',
  ],
  [
    'a probe of no kind',
    { config: { ...SLEEP, Healthcheck: { Test: ['EVIL', 'x'] } } },
    'unknown kind "EVIL"',
  ],
  [
    'a time below zero',
    { config: { ...SLEEP, Healthcheck: { Test: ['CMD', 'a'], Interval: -1 } } },
    'no whole number',
  ],
  ['a text for words', { config: { Entrypoint: 'sleep 1000' } }, '"Entrypoint" is no list'],
  ['nothing to run', {}, 'says not what to run'],
  ['an endless environment', { config: { ...SLEEP, Env: [`A=${'x'.repeat(3e6)}`] } }, 'E2BIG'],
  [
    'a pipe as its program',
    { config: { Cmd: ['/p'] }, entries: [{ ...node('p', '6'), mode: 0o755 }] },
    'permission denied',
  ],
]

function volumes(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`/v${at}`, {}]))
}

/** Files that lead out of the image, or are what nothing should wait for: it runs all the same. */
const BORNE: readonly [string, Image, string, string][] = [
  [
    'links for /dev, /proc and /sys',
    { entries: [symlink('dev', '/etc'), symlink('proc', '../../etc'), symlink('sys', '/tmp')] },
    'test -c /dev/null && test -d /proc/1',
    '',
  ],
  [
    'files for /proc and /dev',
    { entries: [file('proc', 'x'), file('dev', 'x')] },
    'echo runs',
    'runs\n',
  ],
  [
    'links and pipes for files that are written',
    {
      entries: [
        symlink('etc/hosts', '/../../tmp/tsstack-evil'),
        symlink('etc/resolv.conf', '/proc/self/fd/3'),
        node('etc/hostname', '6'),
      ],
    },
    'grep -q localhost /etc/hosts && echo fine',
    'fine\n',
  ],
  [
    'a volume that is a link',
    { config: { Volumes: { '/v': {} } }, entries: [symlink('v', '/../../../tmp')] },
    'readlink /v',
    '/../../../tmp\n',
  ],
  [
    'a volume of pipes, devices and a terabyte of hole',
    {
      config: { Volumes: { '/v': {} } },
      entries: [
        directory('v/'),
        node('v/pipe', '6'),
        node('v/zero', '3', 1, 5),
        {
          ...file('v/hole', 'x'),
          pax: {
            'GNU.sparse.map': '0,1',
            'GNU.sparse.size': String(2 ** 40),
            'GNU.sparse.numblocks': '1',
          },
        },
      ],
    },
    'stat -c %s /v/hole; test -p /v/pipe; ls /v',
    '1099511627776\nhole\npipe\n',
  ],
  [
    'odd variables',
    { config: { Env: ['ALONE', '=x', '', 'A=b\nC=d', 'LAST=1'] } },
    'echo $LAST',
    '1\n',
  ],
  [
    'a directory that is not there, with parents',
    { config: { WorkingDir: '../../x/../y' } },
    'pwd',
    '/y\n',
  ],
  [
    'ports of no number',
    { config: { ExposedPorts: { '99999/tcp': {}, 'x/y': {}, '80-70/tcp': {} } } },
    'echo runs',
    'runs\n',
  ],
  [
    'a probe once in a lifetime',
    { config: { Healthcheck: { Test: ['CMD', 'true'], Interval: 9e15, Timeout: 9e15 } } },
    'echo runs',
    'runs\n',
  ],
  [
    'labels that name prototypes',
    { config: { Labels: JSON.parse('{"__proto__": "x", "constructor": "y"}') } },
    'echo runs',
    'runs\n',
  ],
  [
    'a mount of sysfs made unreachable',
    { entries: [directory('sys/', { mode: 0 }), directory('tmp/', { mode: 0 })] },
    'echo runs',
    'runs\n',
  ],
]

function write({ config = {}, entries = [] }: Image): void {
  writeLayout(join(scene.folder, 'image'), { layers: [busyboxLayer(), tar(entries)], config })
  const service = { image: 'oci:./image', network_mode: 'none', stop_grace_period: '0s' }
  const stack = { name: 'evil', services: { web: service } }
  writeFileSync(join(scene.folder, 'compose.yaml'), JSON.stringify(stack))
}

test.each(REFUSED)('an image with %s does not run, and says why', async (_, image, why) => {
  write(image)
  const up = await scene.run('up', '-d')
  expect(up.code).not.toBe(0)
  expect(saidBy(up)).toContain(why)
  expect(saidBy(up)).not.toContain('mistake in tsstack')
  await scene.ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})

test.each(BORNE)('an image with %s runs in its own bounds', async (_, image, script, output) => {
  write({ ...image, config: { ...SLEEP, ...image.config } })
  await scene.ok('up', '-d')
  expect((await scene.ok('exec', 'web', 'sh', '-c', script)).stdout).toBe(output)
  expect(existsSync('/tmp/tsstack-evil')).toBe(false)
  await scene.ok('down', '-v')
  expect(await scene.sandbox.leaks()).toBe('')
})
