/** The same promises on whatever this machine offers: v1, v2, hybrid and each half of a hybrid. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deviceProgramTags } from '../../../src/linux/cgroup/bpf.ts'
import {
  cgroupHost,
  closeCgroupJoin,
  detectCgroups,
  type Cgroup,
  type CgroupHost,
  type CgroupSettings,
} from '../../../src/linux/cgroup/index.ts'

const MIB = 1024 * 1024
const detected = detectCgroups()
const only = (version: 1 | 2) =>
  cgroupHost(detected.hierarchies.filter((one) => one.version === version))
const hosts: readonly (readonly [name: string, host: CgroupHost])[] =
  detected.mode === 'hybrid'
    ? [
        ['hybrid', detected],
        ['v1 half', only(1)],
        ['v2 half', only(2)],
      ]
    : [[detected.mode, detected]]

let counter = 0
let prefix = ''
const children: ChildProcess[] = []
beforeEach(() => {
  counter += 1
  prefix = `tsstack/test-${process.pid}-${counter}`
})
afterEach(async () => {
  // What a failed test left: its processes first, then its groups.
  for (const path of detected.list(prefix)) await detected.open(path).killAll()
  for (const path of detected.list(prefix)) detected.open(path).remove()
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Runs `script` in a shell that has entered `group` as a container's first process does. */
function start(group: Cgroup, script: string): ChildProcess {
  const join = group.join()
  const enter = join.tasks.map((path) => `echo 0 > ${path}`)
  // A shell cannot clone3 into the directory; a write through its descriptor ends in the same
  // group.
  const fds = join.cloneInto === undefined ? [] : [join.cloneInto]
  if (fds.length > 0) enter.push('echo 0 > /proc/self/fd/3/cgroup.procs', 'exec 3>&-')
  const child = spawn('sh', ['-c', [...enter, script].join('\n')], {
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
  })
  closeCgroupJoin(join)
  children.push(child)
  return child
}

async function run(group: Cgroup, script: string) {
  const child = start(group, script)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (data) => (stdout += String(data)))
  child.stderr?.on('data', (data) => (stderr += String(data)))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { code, signal, stdout: stdout.trim(), stderr: stderr.trim() }
}

/** Starts a script that prints "ready" and waits for the line. */
async function startReady(group: Cgroup, script: string): Promise<ChildProcess> {
  const child = start(group, script)
  const ended = once(child, 'exit').then(() => 'ended')
  const [word] = await Promise.race([once(child.stdout as Readable, 'data'), ended])
  expect(String(word)).toMatch(/^ready\n/)
  return child
}

describe.each(hosts)('%s', (_, host) => {
  const make = async (settings: CgroupSettings = {}, name = 'shop/web-1') =>
    host.create(`${prefix}/${name}`, settings)
  /** What file `name` says, in whichever hierarchy it is. */
  const file = (group: Cgroup, name: string) =>
    host.hierarchies
      .map(({ mountPoint }) => join(mountPoint, group.path, name))
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, 'utf8').trim())[0]

  test('create() makes the group in every hierarchy, remove() leaves nothing of it', async () => {
    const group = await make()
    const places = host.hierarchies.map(({ mountPoint }) => join(mountPoint, group.path))
    expect(places.filter((place) => !existsSync(place))).toEqual([])
    expect(host.list(prefix)).toEqual([`${prefix}/shop/web-1`, `${prefix}/shop`])
    group.remove()
    const tops = host.hierarchies.map(({ mountPoint }) => join(mountPoint, prefix))
    expect(tops.filter((top) => existsSync(top))).toEqual([])
  })

  test('remove() of a group that is gone succeeds, and removes the groups below', async () => {
    const group = await make()
    await make({}, 'shop/web-1/nested/deeper')
    group.remove()
    group.remove()
    expect(host.list(prefix)).toEqual([])
  })

  test('remove() keeps parents that hold another group', async () => {
    const one = await make({}, 'shop/one')
    const two = await make({}, 'shop/two')
    one.remove()
    expect(host.list(prefix)).toEqual([`${prefix}/shop/two`, `${prefix}/shop`])
    two.remove()
  })

  test('remove() of a group with a process names EBUSY', async () => {
    const group = await make()
    await startReady(group, 'echo ready; exec sleep 1000')
    expect(() => group.remove()).toThrow(/^rmdir\(".*"\) failed: EBUSY/)
    await group.killAll()
    group.remove()
  })

  test('create() replaces an empty group and refuses a populated one', async () => {
    await make()
    const group = await make()
    await startReady(group, 'echo ready; exec sleep 1000')
    const [pid] = group.processes()
    await expect(make()).rejects.toThrow(
      `Cannot create cgroup "${group.path}": processes ${pid} live in it; end them first`,
    )
    await group.killAll()
    group.remove()
  })

  test('join() puts a child into every hierarchy before its program, and leaks no descriptor', async () => {
    const group = await make()
    const { stdout } = await run(group, 'cat /proc/self/cgroup')
    const lines = stdout.split('\n')
    // The half of a hybrid leaves the other half's groups alone.
    const inside = lines.filter((line) => line.endsWith(`:/${group.path}`))
    expect(inside).toHaveLength(host.hierarchies.length)
    expect(
      spawnSync('ls', ['-l', `/proc/${process.pid}/fd`], { encoding: 'utf8' }).stdout,
    ).not.toContain(group.path)
    group.remove()
  })

  test('join() opens descriptors that a program started meanwhile does not inherit', async () => {
    const group = await make()
    const join = group.join()
    const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' })
    closeCgroupJoin(join)
    expect(stdout).toContain(' 0 -> ')
    expect(stdout).not.toContain(group.path)
    group.remove()
  })

  test('processes() and read() tell who is in, and that nobody is', async () => {
    const group = await make()
    expect(group.read().populated).toBe(false)
    const child = await startReady(group, 'echo ready; exec sleep 1000')
    expect(group.processes()).toEqual([child.pid])
    expect(group.read()).toMatchObject({ populated: true })
    await group.killAll()
    expect(group.read().populated).toBe(false)
    expect(group.processes()).toEqual([])
    group.remove()
    expect(group.read().populated).toBe(false)
  })

  test('killAll() ends a crowd that forks, also while it is frozen', async () => {
    const group = await make()
    await startReady(
      group,
      'n=0; while [ $n -lt 50 ]; do sleep 1000 & n=$((n+1)); done; echo ready; wait',
    )
    expect(group.processes().length).toBeGreaterThan(50)
    if (host.can('freezer')) await group.freeze()
    await group.killAll()
    expect(group.processes()).toEqual([])
    group.remove()
  })

  test('killAll() reaches a process that one hierarchy alone holds', async () => {
    const group = await make()
    const [first] = host.hierarchies
    const single = cgroupHost(host.hierarchies.filter((one) => one === first))
    await startReady(single.open(group.path), 'echo ready; exec sleep 1000')
    await group.killAll()
    group.remove()
  })

  test('freeze() stops a counting process, thaw() lets it go on', async () => {
    if (!host.can('freezer')) return
    const group = await make()
    const child = await startReady(group, 'echo ready; while :; do echo tick; done')
    child.stdout?.resume()
    await group.freeze()
    const pid = child.pid ?? 0
    const ticks = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 15).join()
    const still = ticks()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(ticks()).toBe(still)
    group.thaw()
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await group.waitEmpty({ timeoutMs: 10_000 })).toBe(true)
    group.remove()
  })

  test('waitEmpty() resolves with true after the last process, with false before', async () => {
    const group = await make()
    const child = await startReady(group, 'echo ready; exec sleep 1000')
    expect(await group.waitEmpty({ timeoutMs: 20 })).toBe(false)
    const empty = group.waitEmpty({ timeoutMs: 20_000 })
    child.kill('SIGKILL')
    expect(await empty).toBe(true)
    group.remove()
    expect(await group.waitEmpty({ timeoutMs: 0 })).toBe(true)
  })

  test('enter() moves a process that lives already', async () => {
    const group = await make()
    const child = spawn('sleep', ['1000'])
    children.push(child)
    await once(child, 'spawn')
    group.enter(child.pid ?? 0)
    expect(group.processes()).toEqual([child.pid])
    await group.killAll()
    group.remove()
  })

  test('enterSystem() moves its own process, and the way back leaves nothing', async () => {
    const index = join(import.meta.dirname, '../../../src/linux/cgroup/index.ts')
    const script = `
      const { cgroupHost } = await import(${JSON.stringify(index)})
      const { readFileSync } = await import('node:fs')
      const host = cgroupHost(${JSON.stringify(host.hierarchies)})
      const here = () => readFileSync('/proc/self/cgroup', 'utf8')
      const before = here()
      const { entered, leave } = host.enterSystem('${prefix}/_system')
      await entered
      const inside = here().split('\\n').filter((line) => line.endsWith(':/${prefix}/_system'))
      leave()
      console.log(JSON.stringify({ inside: inside.length, same: before === here() }))`
    const args = ['--input-type=module', '-e', script]
    const result = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(result.stderr).toBe('')
    expect(JSON.parse(result.stdout)).toEqual({ inside: host.hierarchies.length, same: true })
    expect(host.list(prefix)).toEqual([])
  })

  test('enterSystem() has a way back also when its process was born in a group that is gone', async () => {
    const born = await make()
    const index = join(import.meta.dirname, '../../../src/linux/cgroup/index.ts')
    const script = `
      const { cgroupHost } = await import(${JSON.stringify(index)})
      const { readFileSync } = await import('node:fs')
      const host = cgroupHost(${JSON.stringify(host.hierarchies)})
      const { entered, leave } = host.enterSystem('${prefix}/_system')
      await entered
      host.open(${JSON.stringify(born.path)}).remove()
      leave()
      console.log(readFileSync('/proc/self/cgroup', 'utf8').includes('${prefix}'))`
    const quoted = script.replaceAll("'", `'\\''`)
    const words = `'${process.execPath}' --input-type=module -e '${quoted}'`
    expect(await run(born, `exec ${words}`)).toEqual({
      code: 0,
      signal: null,
      stdout: 'false',
      stderr: '',
    })
    expect(host.list(prefix)).toEqual([])
  })

  test('pidsMax bites: the fourth process cannot be forked', async () => {
    if (!host.can('pids')) return
    const group = await make({ pidsMax: 3 })
    // dash, because bash tries again for 15 s.
    const sleep = 'sleep 1000 >/dev/null 2>&1 &'
    const { stdout, stderr } = await run(group, `exec sh -c '${sleep} ${sleep} ${sleep} echo all'`)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/fork/i)
    await group.killAll()
    expect(group.read().pids).toBeLessThanOrEqual(3)
    group.remove()
  })

  test('memoryMax bites: the kernel kills what asks for more, and counts it', async () => {
    if (!host.can('memory')) return
    const swap = host.canLimitSwap ? { memorySwapMax: 16 * MIB } : {}
    const group = await make({ memoryMax: 16 * MIB, ...swap })
    // tail keeps a line that never ends.
    expect(await run(group, 'exec tail /dev/zero')).toMatchObject({ signal: 'SIGKILL' })
    const { oomKills, memoryBytesPeak } = group.read()
    expect(oomKills).toBe(1)
    expect(memoryBytesPeak).toBeGreaterThan(8 * MIB)
    expect(memoryBytesPeak).toBeLessThanOrEqual(16 * MIB)
    group.remove()
  })

  test('cpuQuotaUs bites: the kernel throttles a busy loop', async () => {
    if (!host.can('cpu')) return
    const group = await make({ cpuQuotaUs: 5_000, cpuPeriodUs: 50_000 })
    await startReady(group, 'echo ready; while :; do :; done')
    const throttled = () => Number(/nr_throttled (\d+)/.exec(file(group, 'cpu.stat') ?? '')?.[1])
    while (throttled() < 3) await new Promise((resolve) => setTimeout(resolve, 10))
    await group.killAll()
    expect(group.read().cpuUsageUs).toBeGreaterThan(0)
    group.remove()
  })

  test('update() raises, lowers and takes back limits', async () => {
    if (!host.can('memory') || !host.can('pids')) return
    const swap = (bytes: number) => (host.canLimitSwap ? { memorySwapMax: bytes } : {})
    const group = await make({ memoryMax: 8 * MIB, ...swap(16 * MIB), pidsMax: 10, cpuShares: 2 })
    const memory = () => file(group, 'memory.max') ?? file(group, 'memory.limit_in_bytes')
    for (const mib of [64, 8, 32]) {
      group.update({ memoryMax: mib * MIB, ...swap(2 * mib * MIB), pidsMax: mib })
      expect(memory()).toBe(String(mib * MIB))
      expect(file(group, 'pids.max')).toBe(String(mib))
    }
    group.update({})
    expect(memory()).toMatch(/^(max|9223372036854771712)$/)
    expect(file(group, 'pids.max')).toBe('max')
    expect(file(group, 'cpu.weight') ?? file(group, 'cpu.shares')).toMatch(/^(100|1024)$/)
    group.remove()
  })

  test('cpuset holds a process to the processors named', async () => {
    if (!host.can('cpuset')) return
    const group = await make({ cpuset: '0' })
    const { stdout } = await run(group, 'grep Cpus_allowed_list /proc/self/status')
    expect(stdout).toMatch(/\s0$/)
    group.remove()
  })

  test('a limit without its controller is refused, with the cure', async () => {
    if (host.can('cpuset')) return
    await expect(make({ cpuset: '0' })).rejects.toThrow(
      'Cannot set "cpuset.cpus" to 0: this kernel offers no "cpuset" cgroup controller',
    )
    expect(host.list(prefix)).toEqual([])
  })

  test('devices bite: what is not listed cannot be opened, and update() changes it in place', async () => {
    if (!host.can('devices')) return
    const mknod = [
      { type: 'char', access: 'm' },
      { type: 'block', access: 'm' },
    ] as const
    const nullDevice = { type: 'char', major: 1, minor: 3, access: 'rwm' } as const
    const zero = { type: 'char', major: 1, minor: 5, access: 'r' } as const
    const group = await make({ devices: [...mknod, nullDevice] })
    // Not in /tmp, which may be mounted without devices.
    const node = `/dev/tsstack-test-${process.pid}`
    const probe = `
      try() {
        if "$@" 2>/tmp/${process.pid}.err; then echo yes
        else grep -o 'not permitted' /tmp/${process.pid}.err; fi
      }
      try sh -c 'echo x > /dev/null'; try head -c1 /dev/null
      try head -c1 /dev/zero; try sh -c 'echo x > /dev/zero'
      try mknod ${node} c 200 7; try cat ${node}
      rm -f ${node} /tmp/${process.pid}.err`
    const answers = async () =>
      (await run(group, probe)).stdout.replaceAll('\0', 'z').split('\n').join(' ')
    const no = 'not permitted'
    expect(await answers()).toBe(`yes yes ${no} ${no} yes ${no}`)
    group.update({ devices: [...mknod, nullDevice, zero] })
    expect(await answers()).toBe(`yes yes zyes ${no} yes ${no}`)
    // The same rules again, as after any update of limits.
    group.update({ pidsMax: undefined, devices: [...mknod, nullDevice, zero] })
    group.update({})
    expect(await answers()).toBe(`yes yes zyes ${no} yes ${no}`)
    group.remove()
  })

  test('update() keeps the device program of equal rules, and replaces that of others', async () => {
    if (host.hierarchies.some(({ controllers }) => controllers.includes('devices'))) return
    const rule = { type: 'char', major: 1, access: 'rwm' } as const
    const group = await make({ devices: [rule] })
    const v2 = host.hierarchies.find(({ version }) => version === 2)
    const directory = openSync(join(v2?.mountPoint ?? '', group.path), 'r')
    const [first, ...more] = deviceProgramTags(directory)
    expect(more).toEqual([])
    group.update({ devices: [rule] })
    expect(deviceProgramTags(directory)).toEqual([first])
    group.update({ devices: [{ ...rule, minor: 3 }] })
    const after = deviceProgramTags(directory)
    closeSync(directory)
    expect(after).toHaveLength(1)
    expect(after).not.toEqual([first])
    group.remove()
  })
})
