/** What a program sees in a container of tsstack-oci: itself, and its files. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type BundleScene, useBundleScene } from '../oci/bundle-scene.ts'
import { until } from '../support/until.ts'
import { succeeded } from '../support/sandbox.ts'

let scene: BundleScene
useBundleScene((opened) => (scene = opened))

const bind = (destination: string, ...options: readonly string[]) => ({
  destination,
  type: 'bind',
  source: 'source',
  options: ['rbind', ...options],
})

describe('process', () => {
  test('user, groups, umask, environment and directory are what the config says', async () => {
    const text = await scene.output('id; umask; pwd; echo $A', {
      process: {
        user: { uid: 12, gid: 34, additionalGids: [5, 6], umask: 0o77 },
        env: ['PATH=/bin', 'A=b=c'],
        cwd: '/work',
      },
    })
    expect(text).toBe('uid=12 gid=34 groups=5,6,34\n0077\n/work\nb=c\n'.replace('5,6,34', '5,6'))
  })

  test('each set of capabilities is its own, ambient ones reach a user', async () => {
    const names = ['CAP_CHOWN', 'CAP_KILL']
    const text = await scene.output('grep Cap /proc/self/status', {
      process: {
        user: { uid: 12, gid: 34 },
        capabilities: {
          bounding: [...names, 'CAP_SYS_CHROOT'],
          permitted: names,
          effective: ['CAP_KILL'],
          inheritable: names,
          ambient: ['CAP_KILL'],
        },
      },
    })
    const value = (name: string) => new RegExp(`^Cap${name}:\\t(\\w+)$`, 'm').exec(text)?.[1]
    expect(['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((name) => Number(`0x${value(name)}`))).toEqual([
      0x21, 0x20, 0x20, 0x40021, 0x20,
    ])
  })

  test('limits, the score of the OOM killer and no_new_privs are set', async () => {
    const text = await scene.output(
      'ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status',
      {
        process: {
          rlimits: [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }],
          oomScoreAdj: 321,
          noNewPrivileges: true,
        },
      },
    )
    expect(text).toBe('100\n200\n321\nNoNewPrivs:\t1\n')
  })

  test('a filter decides which calls are possible, also without no_new_privs', async () => {
    const text = await scene.output('mkdir /made 2>&1; echo $?', {
      linux: {
        seccomp: {
          defaultAction: 'SCMP_ACT_ALLOW',
          architectures: ['SCMP_ARCH_X86_64'],
          syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
        },
      },
    })
    expect(text).toMatch(/not supported\n1\n$/)
  })

  test('--preserve-fds hands descriptors on, and no others are there', async () => {
    scene.write('cat <&3; cat <&4; ls /proc/self/fd | wc -l')
    const [first, second] = ['one', 'two'].map((name) => join(scene.directory, name))
    writeFileSync(first ?? '', 'first\n')
    writeFileSync(second ?? '', 'second\n')
    const command = `exec 3<${first} 4<${second} 9</etc/passwd; exec "$@"`
    const runtime = join(import.meta.dirname, '../../bin/tsstack-oci.js')
    const words = ['--root', scene.root, 'run', '--preserve-fds', '2', scene.id]
    const text = execFileSync('sh', ['-c', command, 'sh', process.execPath, runtime, ...words], {
      cwd: scene.directory,
      encoding: 'utf8',
    })
    // 0 to 4 and the one of the directory that ls reads.
    expect(text).toBe('first\nsecond\n6\n')
  })

  test('a terminal is handed to the console socket, with its size', async () => {
    scene.writeConfig('stty size; tty; ls -l /dev/console | cut -c1', {
      process: { terminal: true, consoleSize: { height: 12, width: 34 } },
    })
    expect(await scene.oci('create', scene.id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('give --console-socket'),
    })
    const socket = join(scene.directory, 'console')
    // Node takes no descriptors from sockets; python does.
    const receiver = spawn('/usr/bin/python3', ['-c', RECEIVER, socket], {
      stdio: ['ignore', 'pipe', 2],
    })
    let text = ''
    receiver.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const closed = once(receiver, 'close')
    await until(() => Promise.resolve(String(existsSync(socket))), /true/)
    succeeded(await scene.oci('create', '--console-socket', socket, scene.id))
    succeeded(await scene.oci('start', scene.id))
    expect(await closed).toEqual([0, null])
    expect(text).toBe('12 34\r\n/dev/pts/0\r\nc\r\n')
  })
})

const RECEIVER = `
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1] + '.new'); server.listen()
# Under its name it is found only when it listens.
os.rename(sys.argv[1] + '.new', sys.argv[1])
peer, _ = server.accept()
_, rights, _, _ = peer.recvmsg(100, socket.CMSG_LEN(4))
master = array.array('i', rights[0][2])[0]
try:
    while data := os.read(master, 4096): os.write(1, data)
except OSError: pass
`

describe('files', () => {
  test('binds, read-only ones with all below, and places that are made', async () => {
    const source = join(scene.directory, 'source')
    mkdirSync(source)
    writeFileSync(join(source, 'file'), 'content\n')
    const text = await scene.output(
      'cat /a/b/file; touch /a/b/new; touch /ro/new 2>&1; grep " /flags " /proc/self/mountinfo',
      { mounts: [bind('/a/b'), bind('/ro', 'rro'), bind('/flags', 'nosuid', 'nodev', 'noatime')] },
    )
    expect(text).toMatch(/^content\n.*\/ro\/new: Read-only file system\n.*nosuid,nodev,noatime/s)
    expect(existsSync(join(source, 'new'))).toBe(true)
  })

  test('owners are mapped by the mount, or by the users of the container', async () => {
    const source = join(scene.directory, 'source')
    mkdirSync(source)
    writeFileSync(join(source, 'file'), 'x')
    const map = [{ containerID: 0, hostID: 4242, size: 1 }]
    const mount = { destination: '/m', type: 'bind', source: 'source', options: ['idmap'] }
    const own = { ...mount, uidMappings: map, gidMappings: map }
    expect(await scene.output('stat -c %u:%g /m/file', { mounts: [own] })).toBe('4242:4242\n')
    chownSync(scene.rootfs, 100_000, 100_000)
    const users = [{ containerID: 0, hostID: 100_000, size: 1000 }]
    const namespaces = ['pid', 'mount', 'user', 'network', 'ipc'].map((type) => ({ type }))
    const linux = { namespaces, uidMappings: users, gidMappings: users }
    const script = 'id -u; stat -c %u:%g /m/file; cat /proc/self/uid_map; ls -l /dev/null'
    const text = await scene.output(script, { mounts: [mount], linux })
    expect(text).toMatch(/^0\n0:0\n +0 +100000 +1000\ncrw-rw-rw-/)
    succeeded(await scene.oci('run', scene.id))
    scene.writeConfig('true', { mounts: [mount] })
    expect((await scene.oci('create', scene.id)).stderr).toContain('neither it nor "linux" has')
  })

  test('a tmpfs begins with what it covers, when it is to', async () => {
    mkdirSync(join(scene.rootfs, 'data'))
    writeFileSync(join(scene.rootfs, 'data/file'), 'from below\n')
    const tmpfs = { destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] }
    expect(await scene.output('cat /data/file; echo x > /data/file', { mounts: [tmpfs] })).toBe(
      'from below\n',
    )
    expect(scene.read('data/file')).toBe('from below\n')
  })

  test('masked and read-only paths may be anywhere in the root, or missing', async () => {
    for (const name of ['secret', 'fixed']) {
      mkdirSync(join(scene.rootfs, name))
      writeFileSync(join(scene.rootfs, name, 'file'), 'x\n')
    }
    writeFileSync(join(scene.rootfs, 'token'), 'secret\n')
    const text = await scene.output('ls /secret; cat /token; touch /fixed/new 2>&1; true', {
      linux: {
        maskedPaths: ['/secret', '/token', '/missing'],
        readonlyPaths: ['/fixed', '/missing/too'],
      },
    })
    expect(text).toMatch(/^touch: \/fixed\/new: Read-only file system\n$/)
  })

  test('devices of the config are made beside the default ones', async () => {
    const text = await scene.output('ls -l /dev/mine /dev/pipe /dev/null', {
      linux: {
        devices: [
          { path: '/dev/mine', type: 'c', major: 1, minor: 3, fileMode: 0o640, uid: 1, gid: 2 },
          { path: '/dev/pipe', type: 'p' },
        ],
      },
    })
    expect(text).toMatch(/^crw-r----- +1 1 +2 +1, +3 /m)
    expect(text).toMatch(/^prw-rw-rw- .*\/dev\/pipe$/m)
    expect(text).toMatch(/^crw-rw-rw- .*\/dev\/null$/m)
  })

  test.each(['proc', 'sys'])('a root whose /%s is a link is refused', async (name) => {
    mkdirSync(join(scene.rootfs, 'elsewhere'))
    symlinkSync('/elsewhere', join(scene.rootfs, name))
    scene.write('true')
    expect(await scene.oci('create', scene.id)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/symbolic link of the root leads away/),
    })
  })

  test('nothing may be mounted on the root or below procfs', async () => {
    for (const destination of ['/', '/proc/sys', '/proc']) {
      scene.writeConfig('true', { mounts: [{ destination, type: 'tmpfs', source: 'tmpfs' }] })
      expect((await scene.oci('create', scene.id)).stderr).toContain(`Cannot mount at "`)
    }
  })
})
