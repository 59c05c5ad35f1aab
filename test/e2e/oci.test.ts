/** tsstack-oci: bundles, as podman and containerd have them run. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type BundleScene, useBundleScene } from '../oci/bundle-scene.ts'
import { pidIn } from '../support/pid-file.ts'
import { until } from '../support/until.ts'
import { succeeded } from '../support/sandbox.ts'

let scene: BundleScene
useBundleScene((opened) => (scene = opened))

const state = async () => JSON.parse((await scene.oci('state', scene.id)).stdout) as object

describe('life', () => {
  test('create waits, start runs, kill signals, delete removes', async () => {
    scene.write('echo ran > /ran; exec sleep 100')
    const pidFile = join(scene.directory, 'pid')
    succeeded(await scene.oci('create', '--pid-file', pidFile, scene.id))
    const pid = pidIn(pidFile)
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
    succeeded(await scene.oci('kill', scene.id, 'KILL'))
    await until(() => scene.status(), /stopped/)
    expect(await scene.oci('kill', scene.id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('container not running'),
    })
    succeeded(await scene.oci('delete', scene.id))
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
    succeeded(await scene.oci('create', scene.id))
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
    succeeded(await scene.oci('pause', scene.id))
    succeeded(await scene.oci('resume', scene.id))
    succeeded(await scene.oci('kill', '--all', scene.id, '9'))
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

const hook = (script: string, more: object = {}) => ({
  path: '/bin/sh',
  args: ['sh', '-c', script],
  env: ['PATH=/usr/bin:/bin'],
  ...more,
})

describe('hooks', () => {
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
    succeeded(await scene.oci('create', scene.id))
    expect(told().map((line) => line.split(' ')[0])).toEqual(names.slice(0, 3))
    const own = execFileSync('readlink', ['/proc/self/ns/mnt'], { encoding: 'utf8' }).trim()
    expect(told().map((line) => line.includes(own))).toEqual([true, true, false])
    expect(scene.read('inside')).toBe('')
    succeeded(await scene.oci('start', scene.id))
    expect(JSON.parse(scene.read('inside'))).toMatchObject({ id: scene.id, status: 'created' })
    await until(() => scene.status(), /stopped/)
    succeeded(await scene.oci('delete', scene.id))
    expect(told().map((line) => line.split(' ')[0])).toEqual(names)
    expect(told().at(-1)).toContain('"status":"stopped"')
  })

  test('one that fails, or takes too long, keeps the container from being', async () => {
    scene.writeConfig('touch /ran', { hooks: { createRuntime: [hook('echo why >&2; exit 3')] } })
    expect(await scene.oci('create', scene.id)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/createRuntime hook "\/bin\/sh": exit status 3 \(why\)/),
    })
    scene.writeConfig('touch /ran', {
      hooks: { createRuntime: [hook('exec sleep 99', { timeout: 1 })] },
    })
    expect((await scene.oci('create', scene.id)).stderr).toContain('it took longer than 1 s')
    expect(scene.read('ran')).toBe('')
    expect((await scene.oci('state', scene.id)).code).toBe(2)
  })
})

describe('a hook that is a program of the container', () => {
  test('may do no more than the container, and is in its groups', async () => {
    const names = ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type }))
    const seen = '^(CapBnd|CapEff|NoNewPrivs|Seccomp):'
    const script = `id -u; grep -E "${seen}" /proc/self/status; cat /proc/self/cgroup`
    scene.writeConfig('sleep 1000', {
      process: {
        user: { uid: 1000, gid: 1000 },
        capabilities: { bounding: ['CAP_CHOWN'], effective: [], permitted: [] },
        noNewPrivileges: true,
      },
      linux: {
        // The host's view of groups, so that the names of theirs are seen.
        namespaces: names,
        seccomp: {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['sethostname'], action: 'SCMP_ACT_ERRNO' }],
        },
      },
      hooks: { startContainer: [hook(`(${script}) >&2`, { env: ['PATH=/bin'] })] },
    })
    succeeded(await scene.oci('create', scene.id))
    const { code, stderr } = await scene.oci('start', scene.id)
    expect(code).toBe(0)
    const lines = stderr.trim().split('\n')
    expect(lines.slice(0, 5).map((line) => line.replace(/\s+0*/, ' '))).toEqual([
      '1000',
      'CapEff: ',
      'CapBnd: 1',
      'NoNewPrivs: 1',
      'Seccomp: 2',
    ])
    expect(lines.slice(5).join()).toContain(`/tsstack-oci/${scene.id}`)
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
    succeeded(await scene.oci('create', scene.id))
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
