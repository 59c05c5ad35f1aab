/** Containers in a user namespace: whose ids their users are, and what is theirs. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { MountSpec } from '../../src/planner/index.ts'
import { DOCKER_CAPABILITIES, fields, NONE, probeIn } from './probe.ts'
import { attached, sh, STACK, useWorld, type World, type Service } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

const OWN = { namespaces: { user: { kind: 'own' } } } as const satisfies Service

const probe = (script: string, service: Service = {}): Promise<readonly string[]> =>
  probeIn(world, script, { ...OWN, ...service })

const WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"

/** First id of the host that a running service has, as its /proc/PID/uid_map says. */
async function firstId(service: string): Promise<number> {
  const { pid } = await world.observe(service)
  const [inside, outside, count] = readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/)
  expect([inside, count]).toEqual(['0', '65536'])
  return Number(outside)
}

const bind = (source: string, change: Partial<Extract<MountSpec, { kind: 'bind' }>> = {}) =>
  [
    { kind: 'bind', source, target: '/data', readOnly: false, createHostPath: false, ...change },
  ] as const

test('root inside is nobody’s uid outside, with the 14 capabilities in there and none outside', async () => {
  await world.up({ one: { ...sh(WAIT), ...OWN } })
  await world.line('one', /up/)
  const first = await firstId('one')
  const { pid } = await world.observe('one')
  const status = fields(readFileSync(`/proc/${pid}/status`, 'utf8').trim().split('\n'))
  const ids = Array.from({ length: 4 }, () => first).join('\t')
  expect(status).toMatchObject({
    Uid: ids,
    Gid: ids,
    Groups: `${first} `,
    CapEff: DOCKER_CAPABILITIES,
    CapBnd: DOCKER_CAPABILITIES,
    CapInh: NONE,
    CapAmb: NONE,
    Seccomp: '2',
  })
  const inside = fields(await world.exec('one', 'cat /proc/1/status').then(linesOf))
  expect(inside).toMatchObject({ Uid: '0\t0\t0\t0', Gid: '0\t0\t0\t0', Groups: '0 ' })
})

const linesOf = ({ stdout }: { readonly stdout: string }): readonly string[] =>
  stdout.trim().split('\n')

test('every namespace but that of time is its own, and belongs to its users', async () => {
  const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']
  const lines = await probe(`for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done`)
  const own = kinds.map((kind) => readlinkSync(`/proc/self/ns/${kind}`))
  expect(lines.filter((line, at) => line === own[at])).toEqual([])
  // Rights over a namespace come with the user namespace that it belongs to.
  const change =
    'hostname changed && hostname; ip link set lo down && echo down; mount -t tmpfs t /mnt && echo mounted'
  const capAdd = ['SYS_ADMIN', 'NET_ADMIN']
  expect(await probe(`mkdir /mnt; ${change}`, { capAdd })).toEqual(['changed', 'down', 'mounted'])
})

test('the monitor stays outside', async () => {
  await world.up({ one: { ...sh(WAIT), ...OWN } })
  await world.line('one', /up/)
  const { pid } = await world.observe('one')
  const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  expect(readFileSync(`/proc/${parent}/cmdline`, 'latin1')).toMatch(/^tsstack: monitor/)
  expect(readlinkSync(`/proc/${parent}/ns/user`)).toBe(readlinkSync('/proc/self/ns/user'))
  expect(
    execFileSync('ps', ['--ppid', String(parent), '-o', 'pid=,stat='], { encoding: 'utf8' }),
  ).not.toMatch(/Z/)
})

test('its files are root’s inside, and what it makes is so on disk', async () => {
  const script = `stat -c %u:%g / /bin /bin/busybox /etc/hosts /proc/1 /dev/shm
    touch /made; chown 1000:29 /made; stat -c %u:%g /made
    su jane -c 'touch /tmp/hers'; stat -c %u /tmp/hers
    chmod 4755 /bin/busybox && echo changed`
  await world.up({ one: { ...sh(`exec 2>&1; ${script}; ${WAIT}`), ...OWN } })
  await world.line('one', /^up/)
  const { stdout } = await world.exec('one', 'stat -c %u:%g /made')
  expect(stdout).toBe('1000:29\n')
  const upper = join(world.root, 'state/stacks', STACK, `containers/${STACK}-one-1/upper`)
  const { uid, gid } = statSync(join(upper, 'made'))
  expect([uid, gid, statSync(join(upper, 'tmp/hers')).uid]).toEqual([1000, 29, 1000])
  const lines = await logged('one')
  expect(lines.slice(0, -1)).toEqual([
    ...Array.from({ length: 6 }, () => '0:0'),
    '1000:29',
    '1000',
    'changed',
  ])
})

async function logged(service: string): Promise<readonly string[]> {
  const parts: Buffer[] = []
  const blocks = world.engine.logs(`${STACK}-${service}-1`, { follow: false })
  for await (const { bytes } of blocks) parts.push(Buffer.from(bytes))
  return Buffer.concat(parts).toString().trim().split('\n')
}

test('a bind has the host’s owners inside, and what is made there is the same user’s outside', async () => {
  const source = join(world.root, 'shared')
  mkdirSync(source, { mode: 0o700 })
  writeFileSync(join(source, 'roots'), 'secret\n', { mode: 0o600 })
  const script = `stat -c %u:%g /data /data/roots; cat /data/roots
    echo x > /data/new; chown 1000 /data/new`
  expect(await probe(script, { mounts: bind(source) })).toEqual(['0:0', '0:0', 'secret'])
  const { uid, gid } = statSync(join(source, 'new'))
  expect([uid, gid]).toEqual([1000, 0])
  const readOnly = await probe('touch /data/other', { mounts: bind(source, { readOnly: true }) })
  expect(readOnly[0]).toMatch(/Read-only file system/)
  execFileSync('rm', ['-r', source])
})

test('a volume has its owners whoever mounts it, and is filled with those of the image', async () => {
  const mounts = [
    {
      kind: 'volume',
      volume: 'tst_data',
      target: '/home',
      readOnly: false,
      nocopy: false,
      anonymous: false,
    },
  ] as const
  const resources = { volumes: ['tst_data'] }
  execFileSync('chown', ['1000:1000', join(world.root, 'rootfs/home/jane')])
  const one = {
    ...sh('stat -c %u:%g /home /home/jane; touch /home/jane/file; chown jane /home/jane/file'),
    mounts,
  }
  await world.up({ one: { ...one, ...OWN } }, resources)
  await world.exited('one')
  expect(await logged('one')).toEqual(['0:0', '1000:1000'])
  await world.up({ one: { ...sh('stat -c %u /home/jane/file'), mounts } }, resources)
  await world.exited('one')
  expect((await logged('one')).at(-1)).toBe('1000')
})

test('devices, terminals, memory, queues and hidden files are as in every container', async () => {
  const script = `cd /dev; for d in null zero full random urandom tty; do stat -c %F $d; done | uniq
    echo gone > null; head -c 2 zero | od -An -tx1; ls -l ptmx | grep -o 'pts/ptmx'
    for d in shm mqueue pts; do stat -c %a $d; done
    echo x > /dev/shm/file; cat /proc/interrupts /proc/keys | wc -c; ls /sys/firmware | wc -l
    echo 1 > /proc/sys/kernel/panic; mount | grep -c ' / type overlay'
    ls /sys/class/net; cat /etc/hostname`
  const lines = await probe(script)
  expect(lines).toEqual([
    'character special file',
    ' 00 00',
    'pts/ptmx',
    '1777',
    '1777',
    '755',
    '0',
    '0',
    expect.stringMatching(/Read-only file system/),
    '1',
    'lo',
    'box',
  ])
})

test('mknod makes no device, and what a setuid program gains is inside', async () => {
  const script = `mknod /null c 1 3; cat /proc/self/uid_map`
  const lines = await probe(script)
  expect(lines[0]).toMatch(/Operation not permitted/)
  expect(lines[1]).toMatch(/^\s+0\s+\d{6,}\s+65536$/)
})

test('streams and a terminal may be opened anew, by root and by another user', async () => {
  for (const user of ['root', 'jane']) {
    const script = 'echo out > /dev/stdout; echo err > /dev/stderr; stat -Lc %u /proc/self/fd/1'
    const id = user === 'root' ? '0' : '1000'
    expect((await probe(script, { user })).toSorted()).toEqual([id, 'err', 'out'])
    const terminal = 'echo there > /dev/stdout; echo here > /dev/pts/0; stat -c %u:%g /dev/pts/0'
    const lines = await probe(terminal, { user, tty: true })
    expect(lines.map((line) => line.trimEnd())).toEqual(['there', 'here', `${id}:5`])
  }
})

test('exec is in the same user namespace, as root and as another user, with its terminal', async () => {
  await world.up({ one: { ...sh(WAIT), ...OWN, init: true } })
  await world.line('one', /up/)
  const first = await firstId('one')
  const { pid } = await world.observe('one')
  const look =
    'readlink /proc/self/ns/user; id -u; grep -E "^(CapEff|Seccomp):" /proc/self/status; echo x > /dev/stdout'
  for (const user of ['root', 'jane']) {
    const { stdout, exitCode } = await world.exec('one', look, { user })
    const capabilities = user === 'root' ? DOCKER_CAPABILITIES : NONE
    expect([exitCode, ...stdout.trim().split('\n')]).toEqual([
      0,
      readlinkSync(`/proc/${pid}/ns/user`),
      user === 'root' ? '0' : '1000',
      `CapEff:\t${capabilities}`,
      'Seccomp:\t2',
      'x',
    ])
  }
  const tty = await world.exec('one', 'stat -c %u $(tty); echo y > $(tty)', {
    tty: true,
    user: 'jane',
  })
  expect(tty.stdout.split('\r\n').slice(0, 2)).toEqual(['1000', 'y'])
  expect(first).toBeGreaterThan(65_535)
})

test('networks, names and sysctls work, and so do raw sockets of its own', async () => {
  const network = attached('tst_net')
  const resources = { networks: [{ name: 'tst_net' }] }
  const sysctls = { 'net.ipv4.ip_unprivileged_port_start': '80' }
  const two = {
    ...sh(
      `cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ping -c 1 one | grep -c '1 packets received'`,
    ),
    ...network,
    ...OWN,
    sysctls,
  }
  await world.up({ one: { ...sh(WAIT), ...network, ...OWN } }, resources)
  await world.line('one', /up/)
  await world.up({ one: { ...sh(WAIT), ...network, ...OWN }, two }, resources)
  await world.exited('two')
  expect(await logged('two')).toEqual(['80', '1'])
})

test('two containers have different ids, and service:NAME has the other’s, its namespaces with it', async () => {
  const one = { ...sh(WAIT), ...OWN, ...attached('tst_net') }
  const two = { ...sh(WAIT), ...OWN }
  const resources = { networks: [{ name: 'tst_net' }] }
  await world.up({ one, two }, resources)
  await world.line('one', /up/)
  await world.line('two', /up/)
  expect(await firstId('one')).not.toBe(await firstId('two'))
  const service = { kind: 'service', service: 'one' } as const
  const three = {
    ...sh(`ip -o addr show eth0 | wc -l; ls -d /proc/2 /proc/1; kill -TERM 1; ${WAIT}`),
    namespaces: { user: service, pid: service, ipc: service },
    network: service,
    dependsOn: [{ service: 'one', condition: 'service_started', required: true, restart: true }],
  } as const
  const four = { ...sh('ls /sys/class/net'), namespaces: { user: service } }
  await world.up({ one, two, four }, resources)
  expect((await world.exited('four')).exitCode).toBe(0)
  expect(await logged('four')).toEqual(['lo'])
  await world.up({ one, two, three, four }, resources)
  expect((await world.exited('one')).exitCode).toBe(0)
  await world.exited('three')
  expect((await logged('three'))[0]).toMatch(/^[12]$/)
})

test('what belongs to other users cannot be shared, and is refused with the cure', async () => {
  const service = { kind: 'service', service: 'one' } as const
  const one = sh(WAIT)
  const refused = async (change: Service, message: RegExp): Promise<void> => {
    const outcomes = await world.apply({ one, two: { command: ['true'], ...change } })
    const last = outcomes.at(-1)
    expect(last?.kind === 'failed' ? last.error.message : '').toMatch(message)
  }
  await world.up({ one })
  const user = { kind: 'own' } as const
  await refused(
    { ...OWN, network: service },
    /network namespace is that of "tst-one-1", with other users/,
  )
  await refused({ namespaces: { user, pid: { kind: 'host' } } }, /pid namespace is the host's/)
  await refused({ ...OWN, network: { kind: 'host' } }, /network namespace is the host's/)
  await refused({ ...OWN, user: '70000' }, /with the id 70000: its user namespace has no such id/)
  await refused(
    { ...OWN, mounts: bind('/sys/kernel') },
    /Cannot map the owners of "\/data".*\(sysfs\)/,
  )
})

test('a container keeps its ids when it starts again, also under the next supervisor', async () => {
  await world.up({ one: { ...sh(WAIT), ...OWN } })
  await world.line('one', /up/)
  const first = await firstId('one')
  const { attempt } = await world.observe('one')
  await world.restart()
  expect((await world.exec('one', 'id -u')).stdout).toBe('0\n')
  const { outcomes } = await world.engine.change(STACK, 'restart', {})
  expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'done'))
  expect((await world.observe('one')).attempt).toBe(attempt + 1)
  expect(await firstId('one')).toBe(first)
})

test('secrets, read-only roots, privileged, limits and no_new_privs hold', async () => {
  const script = `touch /x; grep -E '^NoNewPrivs' /proc/self/status; cat /proc/self/oom_score_adj
    grep -E 'open files' /proc/self/limits | tr -s ' '`
  const ulimits = { nofile: { soft: 2000, hard: 3000 } }
  const lines = await probe(script, {
    readOnly: true,
    noNewPrivileges: true,
    oomScoreAdj: 500,
    ulimits,
  })
  expect(lines[0]).toMatch(/Read-only file system/)
  expect(lines.slice(1)).toEqual(['NoNewPrivs:\t1', '500', 'Max open files 2000 3000 files '])
  // The level of the console is root's of the host on every kernel; reading may be anybody's.
  const privileged = await probe('ls /dev | grep -c .; dmesg -n 7 && echo set; reboot -f', {
    privileged: true,
  })
  expect(Number(privileged[0])).toBeGreaterThan(20)
  expect(privileged.slice(1).join()).toMatch(/not permitted/)
})
