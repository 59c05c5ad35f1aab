/** Devices by CDI files, and a procfs that tells of limits. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { sh, World } from './support.ts'

let world: World
beforeAll(async () => {
  world = await World.open()
})
afterEach(() => world.down())
afterAll(() => world.close())

/** A vendor whom no machine has. */
const FILES = ['/etc/cdi/tsstack-test.yaml', '/var/run/cdi/tsstack-test.json'] as const

function describeDevices(): void {
  const share = join(world.root, 'share')
  mkdirSync(share, { recursive: true })
  writeFileSync(join(share, 'driver'), 'driver of the host\n')
  mkdirSync('/etc/cdi', { recursive: true })
  mkdirSync('/var/run/cdi', { recursive: true })
  writeFileSync(
    FILES[0],
    `cdiVersion: "0.6.0"
kind: tsstack.test/gpu
containerEdits:
  env: [COMMON=yes]
  mounts: [{hostPath: ${share}, containerPath: /opt/driver, options: [ro, nosuid]}]
devices:
  - name: "0"
    containerEdits:
      env: [DEVICE=first]
      additionalGids: [4321]
      deviceNodes: [{path: /dev/test0, hostPath: /dev/null, fileMode: 432}]
  - name: late
    containerEdits: {hooks: [{hookName: poststart, path: /bin/true}]}
`,
  )
  const overruled = { name: 'late', containerEdits: { env: ['LATE=from json'] } }
  writeFileSync(
    FILES[1],
    JSON.stringify({ cdiVersion: '0.6.0', kind: 'tsstack.test/other', devices: [overruled] }),
  )
}
afterAll(() => {
  for (const path of FILES) rmSync(path, { force: true })
})

test('a device by its name brings its nodes, mounts, variables and groups', async () => {
  describeDevices()
  const script =
    'echo $COMMON $DEVICE $LATE; id -G; cat /opt/driver/driver; touch /opt/driver/x 2>&1;' +
    'ls -l /dev/test0 | cut -c1-10; echo fine > /dev/test0 && echo written'
  const cdi = ['*/gpu=0', 'tsstack.test/other=late']
  const lines = linesOf(await world.run({ ...sh(script), cdi }))
  expect(lines[0]).toBe('yes first from json')
  expect(lines[1]).toContain('4321')
  expect(lines.slice(2)).toEqual([
    'driver of the host',
    'touch: /opt/driver/x: Read-only file system',
    'crw-rw----',
    'written',
  ])
})

test.each([
  ['tsstack.test/gpu=9', /no CDI file describes it; there are .*tsstack\.test\/gpu=0/],
  ['nobody.test/gpu=all', /no CDI file describes it/],
  ['tsstack.test/gpu=late', /poststart hook/],
])('"%s" is refused with its reason', async (name, why) => {
  describeDevices()
  const outcome = await world.apply({ web: { ...sh('true'), cdi: [name] } })
  expect(JSON.stringify(outcome)).toMatch(why)
})

test('procfs tells of the limits where lxcfs runs, and is refused where it does not', async () => {
  const spec = {
    ...sh(
      'grep MemTotal /proc/meminfo; cat /sys/devices/system/cpu/online; grep -c ^proc /proc/cpuinfo',
    ),
    procfsOfLimits: true,
    resources: { memoryBytesMax: 67_108_864, cpuset: '0' },
  }
  const refused = await world.apply({ web: spec })
  expect(JSON.stringify(refused)).toContain('lxcfs does not run')
  const lxcfs = await startLxcfs()
  try {
    const lines = linesOf(await world.run(spec))
    expect(lines[0]).toMatch(/^MemTotal: +65536 kB$/)
    expect(lines[1]).toBe('0')
    expect(lines[2]).toBe('1')
  } finally {
    await stopLxcfs(lxcfs)
  }
})

const FUSE_SUPER_MAGIC = 0x65735546

function mounted(): boolean {
  try {
    return statfsSync('/var/lib/lxcfs').type === FUSE_SUPER_MAGIC
  } catch {
    // It is about to go.
    return true
  }
}

async function startLxcfs(): Promise<ChildProcess> {
  mkdirSync('/var/lib/lxcfs', { recursive: true })
  const child = spawn('lxcfs', ['/var/lib/lxcfs'], { stdio: 'ignore' })
  await until(() => Promise.resolve(String(mounted())), /true/)
  return child
}

async function stopLxcfs(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  await until(() => Promise.resolve(String(mounted())), /false/)
}

function linesOf({ output }: { readonly output: string }): readonly string[] {
  return output.trim().split('\n')
}
