/** What a program finds when it looks around in its container, from its first instruction on. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FD } from '../../src/engine/container/descriptors.ts'
import { readAttemptStatus } from '../../src/engine/records/attempt.ts'
import {
  capabilityMask,
  detectCgroups,
  effectiveCapabilities,
  getRlimit,
} from '../../src/linux/index.ts'
import { DOCKER_CAPABILITIES, fields, NONE, probeIn } from './probe.ts'
import { useWorld, type World, type Service, sh } from './support.ts'

/** Pure v2: one hierarchy, whose files have names of their own. */
const isUnified = detectCgroups().mode === 'v2'

let world: World
useWorld((opened) => (world = opened))

const probe = (script: string, service?: Service): Promise<readonly string[]> =>
  probeIn(world, script, service)

test('pid 1 begins with clean signals, the 14 capabilities and a filter', async () => {
  // Without a shell, which ignores signals of its own.
  const status = fields(await probe('', { command: ['cat', '/proc/1/status'] }))
  expect(status).toMatchObject({
    SigIgn: NONE,
    SigBlk: NONE,
    CapInh: NONE,
    CapPrm: DOCKER_CAPABILITIES,
    CapEff: DOCKER_CAPABILITIES,
    CapBnd: DOCKER_CAPABILITIES,
    CapAmb: NONE,
    NoNewPrivs: '0',
    Seccomp: '2',
    Seccomp_filters: '1',
    Uid: '0\t0\t0\t0',
    Gid: '0\t0\t0\t0',
    Groups: '0 ',
    NSpid: '1',
    NSsid: '1',
  })
})

test('every namespace but that of users is the container’s own', async () => {
  const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'uts', 'user']
  const lines = await probe(`for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done`)
  const own = kinds.map((kind) => readlinkSync(`/proc/self/ns/${kind}`))
  expect(lines.map((line, index) => line === own[index])).toEqual(
    kinds.map((kind) => kind === 'user'),
  )
})

test('descriptors of pid 1 are 0, 1 and 2 alone: its own /dev/null and two pipes', async () => {
  const script = `for fd in /proc/1/fd/*; do readlink $fd; done; ls /proc/1/fd
    stat -L -c %t:%T:%d /proc/1/fd/0 /dev/null`
  // A shell that is not pid 1 looks: its own script is no descriptor of pid 1.
  await world.up({ one: { command: ['sleep', '1000'] } })
  const lines = (await world.exec('one', script)).stdout.trim().split('\n')
  expect(lines[0]).toBe('/dev/null')
  expect(lines[1]).toMatch(/^pipe:/)
  expect(lines[2]).toMatch(/^pipe:/)
  expect(lines.slice(3, -2)).toEqual(['0', '1', '2'])
  expect(lines.at(-1)).toBe(lines.at(-2))
  expect(lines.at(-1)).toMatch(/^1:3:/)
})

test('monitor and mover hold what they need and nothing else', async () => {
  await world.up({ one: sh('echo up; exec sleep 1000') })
  const { pid = 0 } = await world.observe('one')
  const run = join(world.root, 'run/containers/tst-one-1')
  const { monitor } = JSON.parse(readFileSync(join(run, 'attempt.json'), 'utf8')) as {
    readonly monitor: { readonly pid: number }
  }
  await world.line('one', /up/)
  const mover = readAttemptStatus(join(run, 'status'))?.mover ?? 0
  expect(parentOf(pid)).toBe(monitor.pid)
  expect(parentOf(mover)).toBe(monitor.pid)
  const log = join(world.root, 'state/stacks/tst/containers/tst-one-1/log')
  const reading = {
    7: expect.stringMatching(/^pipe:/),
    8: expect.stringMatching(/^pipe:/),
    9: log,
  }
  const program = expect.stringMatching(/^\/memfd:tsstack-log/)
  const reports = { 3: join(run, 'fifo'), 4: join(run, 'status') }
  const root = { [FD.root]: '/' }
  expect(descriptorsOf(monitor.pid)).toEqual({ ...reports, 6: program, ...reading, ...root })
  expect(descriptorsOf(mover)).toEqual({ 5: join(log, '0.log'), ...reading })
  for (const helper of [monitor.pid, mover]) {
    expect(readFileSync(`/proc/${helper}/environ`, 'utf8')).toBe('')
    const groups = readFileSync(`/proc/${helper}/cgroup`, 'utf8').trim().split('\n')
    const controlled = groups.filter((line) => !line.endsWith(':/'))
    expect(controlled.length).toBeGreaterThan(0)
    for (const line of controlled) expect(line).toMatch(/\/_system$/)
  }
})

test('the environment is what the stack says, with PATH, HOSTNAME and HOME', async () => {
  const service = { command: ['env'], environment: { A: 'b=c', EMPTY: '' }, hostname: 'h1' }
  const { output } = await world.run(service)
  expect(output.trim().split('\n').toSorted()).toEqual([
    'A=b=c',
    'EMPTY=',
    'HOME=/root',
    'HOSTNAME=h1',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ])
})

test('umask is 022, the working directory is /, and oom_score_adj 0', async () => {
  expect(await probe('umask; pwd; cat /proc/1/oom_score_adj')).toEqual(['0022', '/', '0'])
})

test('resource limits are set in words, whatever the supervisor’s own are', async () => {
  const lines = await probe('cat /proc/1/limits')
  const limits = Object.fromEntries(
    lines.slice(1).map((line) => {
      const [name = '', soft, hard] = line.trim().split(/ {2,}/)
      return [name, [soft, hard]]
    }),
  )
  const hard = getRlimit('nofile').hard
  const mayRaise = (effectiveCapabilities() & capabilityMask(['SYS_RESOURCE'])) !== 0n
  const nofile = hard < 524_288n && !mayRaise ? hard : 524_288n
  expect(limits['Max open files']).toEqual(['1024', String(nofile)])
  expect(limits['Max core file size']?.[0]).toBe('0')
  expect(limits['Max stack size']?.[0]).toBe('8388608')
  expect(limits['Max file size']).toEqual(['unlimited', 'unlimited'])
  expect(limits['Max msgqueue size']).toEqual(['819200', '819200'])
  expect(limits['Max realtime priority']).toEqual(['0', '0'])
})

test('ulimits are what the stack says', async () => {
  const ulimits = { nofile: { soft: 100, hard: 200 }, nproc: { soft: 50, hard: 60 } }
  const lines = await probe("grep -E 'open files|processes' /proc/1/limits", { ulimits })
  expect(lines.map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
    ['Max processes', '50', '60'],
    ['Max open files', '100', '200'],
  ])
})

test('a limit above what may be set is refused with the call that says so', async () => {
  const ulimits = { nofile: { soft: 1, hard: 2_000_000_000 } }
  const [create, start] = await world.apply({ one: { command: ['true'], ulimits } })
  expect(create?.kind).toBe('done')
  expect(start).toMatchObject({ kind: 'failed', error: { code: 'LAUNCH' } })
  expect(JSON.stringify(start)).toMatch(/prlimit64\(.*\) failed: EPERM/)
})

test('mounts are the container’s own, with the flags that Docker gives them', async () => {
  const lines = await probe('cat /proc/self/mountinfo')
  const mounts = lines.map((line) => {
    const [, , , root, target, options, ...rest] = line.split(' ')
    const dash = rest.indexOf('-')
    return { root, target, options, tags: rest.slice(0, dash), type: rest[dash + 1] }
  })
  const flags = (target: string): string =>
    mounts
      .filter((one) => one.target === target)
      .map((one) => `${one.type} ${one.options}`)
      .join()
  expect(flags('/')).toBe('overlay rw,relatime')
  expect(flags('/proc')).toBe('proc rw,nosuid,nodev,noexec,relatime')
  expect(flags('/sys')).toBe('sysfs ro,nosuid,nodev,noexec,relatime')
  expect(flags('/dev')).toBe('tmpfs rw,nosuid')
  expect(flags('/dev/pts')).toBe('devpts rw,nosuid,noexec,relatime')
  expect(flags('/dev/mqueue')).toBe('mqueue rw,nosuid,nodev,noexec,relatime')
  expect(flags('/dev/shm')).toBe('tmpfs rw,nosuid,nodev,noexec,relatime')
  const cgroups = isUnified ? 'cgroup2' : 'tmpfs'
  expect(flags('/sys/fs/cgroup')).toBe(`${cgroups} ro,nosuid,nodev,noexec,relatime`)
  const groups = mounts.filter(({ type }) => type === 'cgroup' || type === 'cgroup2')
  expect(groups.length).toBeGreaterThan(0)
  for (const one of groups) {
    expect(one).toMatchObject({ root: '/', options: 'ro,nosuid,nodev,noexec,relatime' })
  }
  // Nothing is tied to the host's mounts, and no file system of the host shows.
  expect(mounts.flatMap(({ tags }) => tags)).toEqual([])
  const types = new Set(mounts.map(({ type }) => type))
  types.delete('cgroup2')
  types.delete('cgroup')
  expect(types).toEqual(new Set(['devpts', 'mqueue', 'overlay', 'proc', 'sysfs', 'tmpfs']))
})

test('masked paths are empty and read-only ones refuse to be written', async () => {
  const masked = ['acpi', 'interrupts', 'kcore', 'keys', 'latency_stats', 'timer_list', 'scsi']
  const kernel = ['sys/kernel/hostname', 'sys/vm/overcommit_memory', 'sysrq-trigger']
  const readOnly = [...kernel, 'irq/default_smp_affinity']
  const lines = await probe(
    `for f in ${masked.join(' ')}; do
       [ -e /proc/$f ] || continue
       if [ -d /proc/$f ]; then echo $f $(ls -A /proc/$f | wc -l)
       else echo $f $(head -c 1 /proc/$f | wc -c); fi
     done
     ls -A /sys/firmware
     for f in ${readOnly.join(' ')}; do
       (: >> /proc/$f) 2>&1 | grep -o 'Read-only file system'
     done
     (: >> /sys/kernel/profiling) 2>&1 | grep -o 'Read-only file system'
     cat /proc/self/mountinfo | grep -c ' /sys/devices/system/cpu/cpu[0-9]*/thermal_throttle '`,
  )
  const present = masked.filter((name) => exists(`/proc/${name}`))
  expect(present).toContain('keys')
  expect(present).toContain('interrupts')
  const refused = readOnly.filter((name) => exists(`/proc/${name}`))
  const throttled = Array.from({ length: availableParallelism() }, (_, cpu) =>
    exists(`/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`),
  ).filter(Boolean).length
  expect(lines).toEqual([
    ...present.map((name) => `${name} 0`),
    ...[...refused, '/sys/kernel/profiling'].map(() => 'Read-only file system'),
    String(throttled),
  ])
})

test('/dev has the usual nodes and links and nothing else', async () => {
  const lines = await probe(
    "cd /dev; for f in *; do echo $f $(stat -c '%F %a %t:%T' $f) $(readlink $f); done",
  )
  expect(lines).toEqual([
    'core symbolic link 777 0:0 /proc/kcore',
    'fd symbolic link 777 0:0 /proc/self/fd',
    'full character special file 666 1:7',
    'mqueue directory 1777 0:0',
    'null character special file 666 1:3',
    'ptmx symbolic link 777 0:0 pts/ptmx',
    'pts directory 755 0:0',
    'random character special file 666 1:8',
    'shm directory 1777 0:0',
    'stderr symbolic link 777 0:0 /proc/self/fd/2',
    'stdin symbolic link 777 0:0 /proc/self/fd/0',
    'stdout symbolic link 777 0:0 /proc/self/fd/1',
    'tty character special file 666 5:0',
    'urandom character special file 666 1:9',
    'zero character special file 666 1:5',
  ])
})

test('mounting, unsharing, pivoting and naming are refused, mknod is not but opening is', async () => {
  const lines = await probe(`
    mount -t tmpfs none /tmp; unshare -m true; mkdir /a; pivot_root / /a; hostname other
    mknod /disk b 254 0 && head -c 1 /disk; mknod /null c 1 3 && echo x > /null && echo wrote
    mknod /tun c 10 200 && : > /tun`)
  const refusals = lines.map((line) => line.replace(/^.*: /, ''))
  expect(refusals).toEqual([
    expect.stringMatching(/permission denied|Operation not permitted/i),
    'Operation not permitted',
    'Operation not permitted',
    'Operation not permitted',
    'Operation not permitted',
    'wrote',
    'Operation not permitted',
  ])
})

test('limits hold in every hierarchy before the first instruction', async () => {
  const resources = {
    memoryBytesMax: 32 * 1024 * 1024,
    pidsMax: 10,
    cpus: 0.5,
    cpuShares: 512,
  }
  const files = isUnified
    ? 'memory.max pids.max cpu.max cgroup.procs'
    : 'memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us cpu/cpu.shares'
  const script = `cat /proc/1/cgroup; cd /sys/fs/cgroup; head -qn1 ${files}`
  const lines = await probe(script, { resources })
  const groups = lines.filter((line) => /^\d+:/.test(line))
  // Seen from its own cgroup namespace the container is at the root of every hierarchy.
  expect(groups.length).toBe(readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n').length)
  for (const line of groups) expect(line).toMatch(/:\/$/)
  const limits = isUnified
    ? ['33554432', '10', '50000 100000', '1']
    : ['33554432', '10', '50000', '512']
  expect(lines.slice(groups.length)).toEqual(limits)
})

test('its processes are in the container’s group of every hierarchy, seen from the host', async () => {
  await world.up({ one: { command: ['sleep', '1000'] } })
  const { pid } = await world.observe('one')
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  const own = groups.filter((line) => line.includes('tsstack'))
  const supervisor = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
  expect(own.length).toBe(supervisor.filter((line) => line.includes('tsstack')).length)
  expect(own.length).toBeGreaterThan(0)
  for (const line of own) expect(line).toMatch(/^\d+:.*:\/.*tsstack\/[0-9a-f]{8}\/tst\/tst-one-1$/)
})

test('a pids limit stops a fork bomb', async () => {
  const script = 'i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; echo done'
  const lines = await probe(script, { resources: { pidsMax: 10 } })
  expect(lines.join('\n')).toMatch(/can't fork: Resource temporarily unavailable/)
})

test('the session keyring is new, and its processes are in a session of their own', async () => {
  await world.up({ keyed: { command: ['sleep', '1000'] } })
  const { pid = 0 } = await world.observe('keyed')
  expect(statOf(pid)[SESSION]).toBe(String(pid))
  expect(readFileSync('/proc/keys', 'utf8')).toContain('_ses.tst-keyed-1')
})

test('read_only leaves nothing to write to but what is mounted', async () => {
  const lines = await probe(
    'touch /x; touch /etc/x; touch /dev/shm/x && echo shm; echo > /dev/null',
    {
      readOnly: true,
    },
  )
  expect(lines.map((line) => line.replace(/^.*: /, ''))).toEqual([
    'Read-only file system',
    'Read-only file system',
    'shm',
  ])
})

test('hostname, /etc/hostname and domainname are those of the stack', async () => {
  const lines = await probe('hostname; cat /etc/hostname; cat /proc/sys/kernel/domainname', {
    hostname: 'shop',
    domainname: 'example.test',
  })
  expect(lines).toEqual(['shop', 'shop', 'example.test'])
})

test('a working directory that is missing is made, in the root and in what is mounted', async () => {
  expect(await probe('pwd; touch here && echo ok', { workingDir: '/new/place' })).toEqual([
    '/new/place',
    'ok',
  ])
  const tmpfs = { kind: 'tmpfs', target: '/data', options: [] } as const
  expect(
    await probe('pwd; ls -d /data/deep', { workingDir: '/data/deep', mounts: [tmpfs] }),
  ).toEqual(['/data/deep', '/data/deep'])
})

function descriptorsOf(pid: number): Record<string, string> {
  const directory = `/proc/${pid}/fd`
  return Object.fromEntries(
    readdirSync(directory).map((fd) => [fd, readlinkSync(`${directory}/${fd}`)]),
  )
}

/** Field 6 of proc_pid_stat(5), where the first one here is the third there. */
const SESSION = 6 - 3

function statOf(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

function exists(path: string): boolean {
  try {
    readdirSync(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}
