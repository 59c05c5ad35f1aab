/** tsstack-oci: bundles, as podman and containerd have them run. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BundleScene } from '../oci/bundle-scene.ts'
import { until } from '../support/until.ts'

let scene: BundleScene
beforeEach(() => {
  scene = new BundleScene()
})
afterEach(async () => {
  await scene.oci('delete', '--force', scene.id)
  expect(await scene.leaks()).toBe('')
  scene.close()
})

const state = async () => JSON.parse((await scene.oci('state', scene.id)).stdout) as object

describe('life', () => {
  test('create waits, start runs, kill signals, delete removes', async () => {
    scene.write('echo ran > /ran; exec sleep 100')
    const pidFile = join(scene.directory, 'pid')
    expect(await scene.oci('create', '--pid-file', pidFile, scene.id)).toMatchObject({ code: 0 })
    const pid = Number(readFileSync(pidFile, 'utf8'))
    expect(await state()).toEqual({
      ociVersion: '1.2.0',
      id: scene.id,
      status: 'created',
      pid,
      bundle: scene.directory,
    })
    expect(scene.read('ran')).toBe('')
    expect(await scene.oci('delete', scene.id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('it is created; kill it first'),
    })
    expect(await scene.oci('start', scene.id)).toEqual({ code: 0, stdout: '', stderr: '' })
    await until(() => Promise.resolve(scene.read('ran')), /^ran$/m)
    expect(await scene.status()).toBe('running')
    expect(await scene.oci('start', scene.id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('it is running; only one that is created'),
    })
    expect((await scene.oci('kill', scene.id, 'KILL')).code).toBe(0)
    await until(() => scene.status(), /stopped/)
    expect(await scene.oci('kill', scene.id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('container not running'),
    })
    expect((await scene.oci('delete', scene.id)).code).toBe(0)
    expect(await scene.oci('state', scene.id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('container does not exist'),
    })
  })

  test('run ends with the status of the program, and leaves nothing', async () => {
    scene.write('echo out; echo err >&2; exit 7')
    expect(await scene.oci('run', scene.id)).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' })
    expect((await scene.oci('list', '-q')).stdout).toBe('')
  })

  test('nobody of ours stands between the container and its caller', async () => {
    scene.write('sleep 100')
    await scene.oci('create', scene.id)
    await scene.oci('start', scene.id)
    const { pid } = (await state()) as { pid: number }
    const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    expect(readFileSync(`/proc/${parent}/cmdline`, 'utf8')).not.toContain('tsstack-oci')
  })

  test('a program that is missing is an error of create, one that fails to run of start', async () => {
    scene.writeConfig('', { process: { args: ['nothing-of-the-kind'] } })
    expect(await scene.oci('create', scene.id)).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('executable file not found in $PATH'),
    })
    writeFileSync(join(scene.rootfs, 'bin/odd'), 'no program\n')
    chmodSync(join(scene.rootfs, 'bin/odd'), 0o755)
    scene.writeConfig('', { process: { args: ['odd'] } })
    expect((await scene.oci('create', scene.id)).code).toBe(0)
    expect(await scene.oci('start', scene.id)).toMatchObject({
      code: 126,
      stderr: expect.stringContaining('exec format error'),
    })
    expect(await scene.status()).toBe('stopped')
  })

  test('pause stops every process, resume lets them go on, ps lists them', async () => {
    scene.write('sleep 100 & wait')
    await scene.oci('run', '-d', scene.id)
    await until(async () => (await scene.oci('ps', scene.id)).stdout, /\d+,\s+\d+/)
    expect((await scene.oci('pause', scene.id)).code).toBe(0)
    expect((await scene.oci('resume', scene.id)).code).toBe(0)
    expect((await scene.oci('kill', '--all', scene.id, '9')).code).toBe(0)
    await until(() => scene.status(), /stopped/)
  })

  test('what fails is written to --log, and nothing is left', async () => {
    scene.writeConfig('true', { mounts: [{ destination: '/x', type: 'bind', source: '/none' }] })
    const log = join(scene.directory, 'log')
    const words = ['--log', log, '--log-format', 'json', 'create', scene.id]
    expect((await scene.oci(...words)).code).toBe(1)
    expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({
      level: 'error',
      msg: expect.stringContaining('Cannot mount "/none" at "/x"'),
    })
  })

  test('all problems of a config are told at once', async () => {
    scene.writeConfig('true', {
      process: { rlimits: [{ type: 'RLIMIT_TEST', soft: 1, hard: 1 }] },
      linux: { namespaces: [{ type: 'mount' }, { type: 'mount' }] },
      hostname: 'box',
    })
    const { code, stderr } = await scene.oci('create', scene.id)
    expect(code).toBe(2)
    expect(stderr).toContain('"RLIMIT_TEST" is no limit of this kernel')
    expect(stderr).toContain('"mount" is there twice')
    expect(stderr).toContain('hostname: it needs a uts namespace')
  })
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
    receiver.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await until(() => Promise.resolve(String(existsSync(socket))), /true/)
    expect((await scene.oci('create', '--console-socket', socket, scene.id)).code).toBe(0)
    expect((await scene.oci('start', scene.id)).code).toBe(0)
    await until(() => Promise.resolve(String(receiver.exitCode)), /0/)
    expect(text).toBe('12 34\r\n/dev/pts/0\r\nc\r\n')
  })
})

const RECEIVER = `
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()
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
    const bind = (destination: string, ...options: readonly string[]) => ({
      destination,
      type: 'bind',
      source: 'source',
      options: ['rbind', ...options],
    })
    const text = await scene.output(
      'cat /a/b/file; touch /a/b/new; touch /ro/new 2>&1; grep " /flags " /proc/self/mountinfo',
      { mounts: [bind('/a/b'), bind('/ro', 'rro'), bind('/flags', 'nosuid', 'nodev', 'noatime')] },
    )
    expect(text).toMatch(/^content\n.*\/ro\/new: Read-only file system\n.*nosuid,nodev,noatime/s)
    expect(existsSync(join(source, 'new'))).toBe(true)
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

describe('hooks', () => {
  const hook = (script: string, more: object = {}) => ({
    path: '/bin/sh',
    args: ['sh', '-c', script],
    env: ['PATH=/usr/bin:/bin'],
    ...more,
  })

  test('run at their times, in their namespaces, and read the state', async () => {
    const log = join(scene.directory, 'log')
    const note = (name: string) =>
      hook(`echo ${name} $(readlink /proc/self/ns/mnt) $(cat) >> ${log}`)
    const names = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop']
    scene.writeConfig('sleep 0.1', {
      hooks: {
        ...Object.fromEntries(names.map((name) => [name, [note(name)]])),
        startContainer: [hook('cat > /inside', { env: ['PATH=/bin'] })],
      },
    })
    const told = () => readFileSync(log, 'utf8').trim().split('\n')
    expect((await scene.oci('create', scene.id)).code).toBe(0)
    expect(told().map((line) => line.split(' ')[0])).toEqual(names.slice(0, 3))
    const own = execFileSync('readlink', ['/proc/self/ns/mnt'], { encoding: 'utf8' }).trim()
    expect(told().map((line) => line.includes(own))).toEqual([true, true, false])
    expect(scene.read('inside')).toBe('')
    expect((await scene.oci('start', scene.id)).code).toBe(0)
    expect(JSON.parse(scene.read('inside'))).toMatchObject({ id: scene.id, status: 'created' })
    await until(() => scene.status(), /stopped/)
    expect((await scene.oci('delete', scene.id)).code).toBe(0)
    expect(told().map((line) => line.split(' ')[0])).toEqual(names)
    expect(told().at(-1)).toContain('"status":"stopped"')
  })

  test('one that fails, or takes too long, keeps the container from being', async () => {
    scene.writeConfig('touch /ran', { hooks: { createRuntime: [hook('echo why >&2; exit 3')] } })
    expect(await scene.oci('create', scene.id)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/createRuntime hook "\/bin\/sh": exit status 3 \(why\)/),
    })
    scene.writeConfig('touch /ran', { hooks: { createRuntime: [hook('sleep 9', { timeout: 1 })] } })
    expect((await scene.oci('create', scene.id)).stderr).toContain('it took longer than 1 s')
    expect(scene.read('ran')).toBe('')
    expect((await scene.oci('state', scene.id)).code).toBe(2)
  })
})

describe('namespaces and groups', () => {
  test('a namespace may be another one’s, and has to be of its type', async () => {
    scene.writeConfig('readlink /proc/self/ns/net', {
      linux: {
        namespaces: [
          { type: 'mount' },
          { type: 'pid' },
          { type: 'network', path: `/proc/${process.pid}/ns/net` },
        ],
      },
    })
    const own = execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' })
    expect((await scene.oci('run', scene.id)).stdout).toBe(own)
    scene.writeConfig('true', {
      linux: {
        namespaces: [{ type: 'mount' }, { type: 'network', path: `/proc/${process.pid}/ns/uts` }],
      },
    })
    expect((await scene.oci('run', scene.id)).stderr).toContain(
      'Cannot enter the network namespace',
    )
  })

  test('a time namespace has the offsets of the config', async () => {
    const text = await scene.output('cut -d. -f1 /proc/uptime', {
      linux: {
        namespaces: ['mount', 'pid', 'time'].map((type) => ({ type })),
        timeOffsets: { boottime: { secs: 1_000_000_000 }, monotonic: { secs: 5 } },
      },
    })
    expect(Number(text)).toBeGreaterThan(1_000_000_000)
  })

  test('its own loopback is up', async () => {
    expect(await scene.output('cat /sys/class/net/lo/flags; ls /sys/class/net')).toMatch(/^0x9\n/)
  })

  test('limits are those of the config, in the group of its name', async () => {
    scene.writeConfig('sleep 100', {
      linux: {
        cgroupsPath: `/${scene.id}`,
        resources: { memory: { limit: 33_554_432 }, pids: { limit: 17 } },
      },
    })
    expect((await scene.oci('create', scene.id)).code).toBe(0)
    const { pid } = (await state()) as { pid: number }
    const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    expect(groups).toContain(`/${scene.id}\n`)
    const file = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup']
      .map((mount) => join(mount, scene.id, 'pids.max'))
      .find((path) => existsSync(path))
    expect(readFileSync(file ?? '', 'utf8')).toBe('17\n')
  })
})

test('features says what a config may ask for', async () => {
  const told = JSON.parse((await scene.oci('features')).stdout) as { mountOptions: string[] }
  expect(told).toMatchObject({
    ociVersionMax: '1.2.0',
    hooks: expect.arrayContaining(['createContainer']),
    linux: { cgroup: { v1: true, v2: true }, seccomp: { enabled: true } },
  })
  expect(told.mountOptions).toContain('rro')
})
