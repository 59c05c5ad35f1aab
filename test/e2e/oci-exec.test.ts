/** tsstack-oci in a container that runs: other programs in it, other limits, what it uses. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { detectCgroups } from '../../src/linux/index.ts'
import { type BundleScene, useBundleScene } from '../oci/bundle-scene.ts'
import { pidIn } from '../support/pid-file.ts'
import { until } from '../support/until.ts'
import { succeeded } from '../support/sandbox.ts'

let scene: BundleScene
useBundleScene((opened) => (scene = opened))

/** Leaves it running with `change` of its config; it is what it is to be from its first moment. */
async function start(change: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const process = { args: ['sleep', '1000'], ...(change['process'] as object) }
  scene.writeConfig('', { ...change, process })
  succeeded(await scene.oci('create', scene.id))
  succeeded(await scene.oci('start', scene.id))
}

const exec = (...words: readonly string[]) => scene.oci('exec', scene.id, ...words)

test('exec runs a program beside the first one, in its namespaces and groups', async () => {
  await start({ hostname: 'inside' })
  const { stdout } = await exec('sh', '-c', 'hostname; cat /proc/1/cmdline | tr "\\0" " "; id -u')
  expect(stdout).toBe('inside\nsleep 1000 0\n')
  for (const name of ['pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup']) {
    const { stdout: both } = await exec('readlink', `/proc/1/ns/${name}`, `/proc/self/ns/${name}`)
    expect(new Set(both.trim().split('\n')).size, name).toBe(1)
  }
  const groups = await exec('sh', '-c', 'cmp /proc/1/cgroup /proc/self/cgroup && echo same')
  expect(groups.stdout).toBe('same\n')
})

test('exec ends with the status of the program, and says what cannot be executed', async () => {
  await start()
  expect(await exec('sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({
    code: 7,
    stdout: 'out\n',
    stderr: 'err\n',
  })
  expect((await exec('sh', '-c', 'kill -9 $$')).code).toBe(137)
  expect(await exec('nothing-of-the-kind')).toMatchObject({
    code: 127,
    stderr: expect.stringContaining('executable file not found in $PATH'),
  })
})

test('exec confines as the container is confined, and lets no descriptor in', async () => {
  const names = ['CAP_KILL', 'CAP_CHOWN']
  const capabilities = { bounding: names, effective: names, permitted: names }
  const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }]
  await start({
    process: { capabilities, noNewPrivileges: true, rlimits },
    linux: {
      namespaces: ['pid', 'mount', 'network', 'ipc', 'uts', 'cgroup'].map((type) => ({ type })),
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['sethostname'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }],
      },
    },
  })
  const script = 'grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; ulimit -n; ulimit -Hn'
  const [inside, first] = await Promise.all([
    exec('sh', '-c', script),
    exec('grep', '-E', '^(Cap|NoNew|Seccomp:)', '/proc/1/status'),
  ])
  expect(inside.stdout).toBe(`${first.stdout}100\n200\n`)
  expect((await exec('ls', '/proc/self/fd')).stdout).toBe('0\n1\n2\n3\n')
})

test('exec --process takes a process of its own, in the background with its pid in a file', async () => {
  await start()
  const [file, pidFile] = [join(scene.directory, 'process.json'), join(scene.directory, 'pid')]
  const args = ['sh', '-c', 'echo $NAME $(id -u):$(id -g) $PWD > /done; exec sleep 1000']
  const user = { uid: 0, gid: 7 }
  const process = { cwd: '/bin', args, env: ['PATH=/bin', 'NAME=x'], user }
  writeFileSync(file, JSON.stringify(process))
  const words = ['--process', file, '--detach', '--pid-file', pidFile]
  succeeded(await scene.oci('exec', ...words, scene.id))
  await until(() => Promise.resolve(scene.read('done')), /^x 0:7 \/bin$/m)
  const { stdout } = await scene.oci('ps', scene.id)
  expect(JSON.parse(stdout)).toContain(pidIn(pidFile))
})

test('exec is refused in a container that is paused or has stopped', async () => {
  await start()
  await scene.oci('pause', scene.id)
  expect(await exec('true')).toMatchObject({ code: 2, stderr: /it is paused/ })
  await scene.oci('resume', scene.id)
  succeeded(await exec('true'))
  await scene.oci('kill', scene.id, 'KILL')
  await until(() => scene.status(), /stopped/)
  expect(await exec('true')).toMatchObject({ code: 2, stderr: /it is stopped/ })
})

test('exec enters the user namespace of the container, as somebody of it', async () => {
  const mapping = [{ containerID: 0, hostID: 300_000, size: 1000 }]
  execFileSync('chown', ['-R', '300000:300000', scene.rootfs])
  await start({
    linux: {
      namespaces: ['pid', 'mount', 'network', 'ipc', 'uts', 'cgroup', 'user'].map((type) => ({
        type,
      })),
      uidMappings: mapping,
      gidMappings: mapping,
    },
  })
  const { stdout } = await scene.oci('exec', '-u', '5:6', scene.id, 'sh', '-c', 'id -u; id -g')
  expect(stdout).toBe('5\n6\n')
  const same = await exec('sh', '-c', 'cmp /proc/1/uid_map /proc/self/uid_map && echo same')
  expect(same.stdout).toBe('same\n')
})

test('update changes what is given and nothing else, and the kernel holds to it', async () => {
  await start({ linux: { resources: { pids: { limit: 50 }, cpu: { shares: 512 } } } })
  succeeded(await scene.oci('update', '--pids-limit', '4', scene.id))
  const fork = 'i=0; while [ $i -lt 9 ]; do sleep 5 & i=$((i+1)); done; echo all'
  const { stdout, stderr } = await exec('sh', '-c', fork)
  expect(stdout + stderr).toMatch(/can't fork/)
  const file = join(scene.directory, 'resources.json')
  writeFileSync(file, JSON.stringify({ pids: { limit: 60 }, cpu: {} }))
  succeeded(await scene.oci('update', '-r', file, scene.id))
  expect(fileOf('cpu', 'cpu.shares', 'cpu.weight')).toBe(isV2 ? '20' : '512')
  expect(fileOf('pids', 'pids.max', 'pids.max')).toBe('60')
})

const { mode, hierarchies } = detectCgroups()
const isV2 = mode === 'v2'

/** Content of a file of the container's group. */
function fileOf(controller: string, v1: string, v2: string): string {
  const home = hierarchies.find(({ controllers }) => controllers.includes(controller))
  const path = join(home?.mountPoint ?? '', 'tsstack-oci', scene.id, isV2 ? v2 : v1)
  return readFileSync(path, 'utf8').trim()
}

test('events --stats tells what the container uses', async () => {
  await start()
  const { stdout } = await scene.oci('events', '--stats', scene.id)
  expect(JSON.parse(stdout)).toMatchObject({
    type: 'stats',
    id: scene.id,
    data: { pids: { current: 1 }, memory: { usage: { usage: expect.any(Number) } } },
  })
})

/** Debian's podman with a store of its own, and nobody's network. */
const PODMAN = '/usr/bin/podman'
test.runIf(existsSync(PODMAN) && process.geteuid?.() === 0)(
  'podman runs, executes, updates, pauses and stops by tsstack-oci',
  () => {
    const home = mkdtempSync(join(tmpdir(), 'tsstack-podman-'))
    const runtime = join(home, 'oci')
    const script = join(import.meta.dirname, '../../bin/tsstack-oci.js')
    writeFileSync(runtime, `#!/bin/sh\nexec ${process.execPath} ${script} "$@"\n`, { mode: 0o755 })
    const place = ['--root', join(home, 'store'), '--runroot', join(home, 'run')]
    const how = ['--tmpdir', join(home, 'tmp'), '--storage-driver=vfs', '--events-backend=file']
    const given = [...place, ...how, '--runtime', runtime, '--cgroup-manager=cgroupfs']
    const podman = (...words: readonly string[]): string =>
      execFileSync('unshare', ['-n', PODMAN, ...given, ...words], { encoding: 'utf8' })
    const parent = join(hierarchies[0]?.mountPoint ?? '', 'libpod_parent')
    const hadParent = existsSync(parent)
    const options = [
      '--network=none', '--cgroup-parent=/tsstack-podman', '--ulimit=nofile=100:100',
      '--ulimit=nproc=1000:1000', '--name=one', '--rootfs', scene.rootfs,
    ] // oxfmt-ignore
    try {
      expect(podman('run', '--rm', ...options, 'id', '-u')).toBe('0\n')
      podman('run', '-d', ...options, 'sleep', '1000')
      expect(podman('exec', 'one', 'cat', '/proc/1/comm')).toBe('sleep\n')
      podman('update', '--memory=64m', '--cpus=0.5', 'one')
      expect(podmanFile('memory', 'memory.limit_in_bytes', 'memory.max')).toBe('67108864')
      expect(podmanFile('cpu', 'cpu.cfs_quota_us', 'cpu.max')).toMatch(/^50000/)
      podman('pause', 'one')
      podman('unpause', 'one')
      podman('stop', '-t', '0', 'one')
    } finally {
      podman('rm', '-f', '-t', '0', 'one')
      rmSync(home, { recursive: true, force: true })
      // What podman leaves of its groups.
      for (const { mountPoint } of hierarchies) {
        for (const name of ['tsstack-podman', ...(hadParent ? [] : ['libpod_parent'])]) {
          const group = join(mountPoint, name)
          if (existsSync(group)) execFileSync('find', [group, '-depth', '-type', 'd', '-delete'])
        }
      }
    }
  },
)

/** Content of a file of the one group that podman has asked for. */
function podmanFile(controller: string, v1: string, v2: string): string {
  const home = hierarchies.find(({ controllers }) => controllers.includes(controller))
  const parent = join(home?.mountPoint ?? '', 'tsstack-podman')
  const group = readdirSync(parent).find((name) => name.startsWith('libpod-')) ?? ''
  return readFileSync(join(parent, group, isV2 ? v2 : v1), 'utf8').trim()
}

test.skipIf(existsSync('/run/systemd/system'))(
  'a scope of systemd is refused where there is no systemd, and nothing is made',
  async () => {
    scene.writeConfig('true', { linux: { cgroupsPath: 'a.slice:b:c' } })
    expect(await scene.oci('--systemd-cgroup', 'create', scene.id)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/to systemd: this machine is not run by systemd.*cgroupfs/),
    })
    expect(existsSync(join(scene.root, scene.id))).toBe(false)
  },
)
