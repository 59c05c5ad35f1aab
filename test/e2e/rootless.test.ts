/** The whole of tsstack as an ordinary user, with ids of /etc/subuid and pasta to the outside. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Sandbox, type Finished, succeeded } from '../support/sandbox.ts'
import { killIfThere } from '../support/supervisor.ts'
import { until } from '../support/until.ts'
import { CLI } from './cli-scene.ts'

const USER = `tsrl${process.pid}`
const HOME = `/tmp/${USER}`
const TUN = '/dev/net/tun'
/** Of the host, and not of the interface whose addresses pasta takes over. */
const OUTSIDE = '10.99.0.1'

let sandbox: Sandbox
let uid: number
/** First of the ids that the user may give out. */
let subuid: number
let tunMode: number

beforeAll(async () => {
  sandbox = await Sandbox.open()
  const range = '300000000-300065535'
  const ids = ['-K', 'SUB_UID_COUNT=0', '-K', 'SUB_GID_COUNT=0']
  execFileSync('useradd', ['-m', '-d', HOME, ...ids, USER])
  execFileSync('usermod', ['--add-subuids', range, '--add-subgids', range, USER])
  uid = statSync(HOME).uid
  const line = readFileSync('/etc/subuid', 'utf8').split('\n')
  subuid = Number(line.find((each) => each.startsWith(`${USER}:`))?.split(':')[1])
  // As on every distribution; some machines for tests have it for root alone.
  tunMode = statSync(TUN).mode & 0o777
  chmodSync(TUN, 0o666)
  const links = `ip link add d0 type veth peer name d1; ip addr add 10.77.0.2/24 dev d0
    ip link set d0 up; ip link set d1 up; ip route add default via 10.77.0.1
    ip addr add ${OUTSIDE}/32 dev lo`
  succeeded(await sandbox.inNetns(['sh', '-ec', links]))
})
afterAll(async () => {
  for (const pid of processes()) killIfThere(pid)
  await until(async () => (processes().length === 0 ? 'none' : 'some'), /none/)
  execFileSync('userdel', [USER])
  rmSync(HOME, { recursive: true, force: true })
  chmodSync(TUN, tunMode)
  await sandbox.close()
})

/** Pids of everything that runs with the user's own id. */
function processes(): readonly number[] {
  const { stdout } = spawnSync('ps', ['-u', String(uid), '-o', 'pid=,stat='], { encoding: 'utf8' })
  const lines = stdout.split('\n').filter((line) => line.trim() !== '' && !/Z/.test(line))
  return lines.map((line) => Number(line.trim().split(/\s+/)[0]))
}

function named(name: RegExp): number | undefined {
  return processes().find((pid) => {
    try {
      return name.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
    } catch {
      return false
    }
  })
}

/** `tsstack WORDS` of the user, in a folder with the stack file `text`. */
function run(text: string, ...words: readonly string[]): Promise<Finished> {
  return runIn([], text, words)
}

/** The same, by `wrapper` as root. */
function runIn(
  wrapper: readonly string[],
  text: string,
  words: readonly string[],
): Promise<Finished> {
  const folder = join(HOME, 'project')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'compose.yaml'), text)
  const path = 'PATH=/usr/bin:/bin:/usr/sbin:/sbin'
  const environment = ['env', '-i', `HOME=${HOME}`, path]
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${USER}`, '--init-groups', '--inh-caps=-all']
  const command = [...wrapper, ...user, ...environment, process.execPath, CLI, ...words]
  return sandbox.inNetns(command, { cwd: folder })
}

async function ok(text: string, ...words: readonly string[]): Promise<string> {
  const result = await run(text, ...words)
  succeeded(result, words.join(' '))
  return result.stdout
}

const STACK = `name: mine
services:
  web:
    image: 'host:'
    command: [socat, 'TCP-LISTEN:8080,fork,reuseaddr', "EXEC:'echo hello from web'"]
    ports: ['18088:8080']
    volumes: ['data:/data', './shared:/shared']
    # It listens: 8080 is 0x1F90.
    healthcheck:
      test: 'id -u && cat /proc/net/tcp* | grep -q ":1F90 .* 0A "'
      interval: 1s
      retries: 100
  client:
    image: 'host:'
    user: '33:33'
    depends_on: {web: {condition: service_healthy}}
    command: [sh, -c, 'socat -t20 -T20 - TCP:web:8080 </dev/null; id -u; exec sleep infinity']
volumes: {data: {}}
`

test('a stack runs: networks, names, volumes, health, exec, logs, a port; and nothing stays', async () => {
  mkdirSync(join(HOME, 'project/shared'), { recursive: true })
  execFileSync('chown', ['-R', `${USER}:`, HOME])
  const server = sandbox.startInNetns([
    'socat', `TCP-LISTEN:7777,bind=${OUTSIDE},fork,reuseaddr`, 'EXEC:echo outside',
  ]) // oxfmt-ignore
  await until(async () => (await sandbox.inNetns(['ss', '-ltnH'])).stdout, /10\.99\.0\.1:7777/)
  await ok(STACK, 'up', '-d', '--wait')
  const logs = () => ok(STACK, 'logs', '--no-log-prefix', 'client')
  expect(await until(logs, /33\n/)).toBe('hello from web\n33\n')
  const port = ['socat', '-t20', '-T20', '-', 'TCP:127.0.0.1:18088']
  expect((await sandbox.inNetns(port)).stdout).toBe('hello from web\n')

  // Who they are outside: the user, and ids that are the user's to give.
  const [web, client] = JSON.parse(await ok(STACK, 'ps', '--json')).toSorted(
    (one: { service: string }, other: { service: string }) =>
      one.service < other.service ? 1 : -1,
  ) as { pid: number }[]
  expect(statSync(`/proc/${web?.pid}`).uid).toBe(uid)
  expect(statSync(`/proc/${client?.pid}`).uid).toBe(subuid + 32)
  const exec = 'touch /data/file /shared/file; chown 5 /shared/file; id -u; cat /proc/self/uid_map'
  const [id, ...map] = (await ok(STACK, 'exec', '-T', 'web', 'sh', '-c', exec)).trim().split('\n')
  expect([id, map.map((line) => line.trim().split(/\s+/))]).toEqual([
    '0',
    [
      ['0', `${uid}`, '1'],
      ['1', `${subuid}`, '65536'],
    ],
  ])
  expect(statSync(join(HOME, 'project/shared/file')).uid).toBe(subuid + 4)
  const outside = `socat -u -T20 TCP:${OUTSIDE}:7777 -`
  expect(await ok(STACK, 'exec', '-T', 'web', 'sh', '-c', outside)).toBe('outside\n')
  server.kill('SIGKILL')

  await ok(STACK, 'down', '-v')
  // Supervisor, pasta, and what had stayed outside.
  await until(async () => (processes().length === 0 ? 'none' : 'some'), /none/)
})

const service = (lines: string): string =>
  `name: not\nservices: {web: {image: 'host:', command: [sleep, infinity], ${lines}}}\n`

test('what takes root is refused with the cure: limits, low ports, users of users', async () => {
  for (const [lines, message] of [
    ['mem_limit: 64m, network_mode: none', /controller "memory".*\n.*Delegate=yes/],
    ["ports: ['81:80']", /port 81 .* for root[^]*ip_unprivileged_port_start=81/],
    ['userns_mode: auto, network_mode: none', /ids that there are are in use/],
  ] as const) {
    const { code, stderr } = await run(service(lines), 'up', '-d')
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)])
    await ok(service(lines), 'down')
  }
  expect(await ok(STACK, 'info')).toMatch(/without root:\n(.*\n)*\s+users: +65537, from/)
})

test('images are kept with the ids of the user, and run', async () => {
  const rootfs = join(HOME, 'rootfs')
  mkdirSync(join(rootfs, 'bin'), { recursive: true })
  execFileSync('cp', ['/bin/busybox', join(rootfs, 'bin/sh')])
  mkdirSync(join(rootfs, 'hers'))
  chownSync(join(rootfs, 'hers'), 1000, 1000)
  execFileSync('tar', ['-C', rootfs, '-cf', join(HOME, 'rootfs.tar'), '.'])
  const stack = `name: img
services:
  web: {image: 'local/one:1', network_mode: none, command: [sh, -c, 'stat -c %u /hers /bin/sh']}
`
  await ok(stack, 'import', join(HOME, 'rootfs.tar'), 'local/one:1')
  await ok(stack, 'up', '-d')
  await ok(stack, 'wait', 'web')
  expect(await ok(stack, 'logs', '--no-log-prefix')).toBe('1000\n0\n')
  await ok(stack, 'down')
})

test('containers outlive supervisor and guardian, and the next command takes them over', async () => {
  await ok(STACK, 'up', '-d', '--wait')
  const before = JSON.parse(await ok(STACK, 'ps', '--json', 'web')) as { pid: number }[]
  const supervisor = named(/^tsstack supervisor/) ?? 0
  // Else it would start another guardian before it is killed itself.
  process.kill(supervisor, 'SIGSTOP')
  process.kill(named(/^tsstack: guardian/) ?? 0, 'SIGKILL')
  process.kill(supervisor, 'SIGKILL')
  const after = JSON.parse(await ok(STACK, 'ps', '--json', 'web')) as { pid: number }[]
  expect(after[0]?.pid).toBe(before[0]?.pid)
  const port = ['socat', '-t20', '-T20', '-', 'TCP:127.0.0.1:18088']
  await until(async () => (await sandbox.inNetns(port)).stdout, /hello from web/)
  expect(await ok(STACK, 'exec', '-T', 'client', 'id', '-u')).toBe('33\n')
  await ok(STACK, 'down', '-v')
  // The next test's supervisor is to be another, with groups of its own.
  await until(async () => (processes().length === 0 ? 'none' : 'some'), /none/)
})

const PROBE = `{
  grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status
  for name in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$name; done
  cat /proc/self/uid_map; pwd; umask; ulimit -n; ulimit -c; cat /proc/self/oom_score_adj
  for try in 'mount -t tmpfs none /tmp' 'unshare -U true' 'unshare -m true' 'chroot / true' \
    'mknod /tmp/node c 1 3' 'dmesg' 'hostname other' 'touch /proc/sys/kernel/hostname' \
    'grep -q . /proc/kcore' 'grep -q . /proc/keys' 'ls /sys/firmware' 'touch /sys/new' \\
    'nsenter -t 1 -m true' \\
    'sh -c "echo 1 > /proc/sysrq-trigger"' 'sh -c "echo x > /proc/sys/kernel/core_pattern"'
  do (eval "$try") > /dev/null 2>&1; echo "$try: $?"; done
} > /probe/$1.new 2>&1
# Whole, or not at all: the next health check may be ended in the middle.
mv /probe/$1.new /probe/$1
`
const probed = (name: string, more: string): string => `
  ${name}:
    image: 'host:'
    network_mode: none
    volumes: ['./${name}:/probe']
    command: [sh, -c, 'sh /probe/run main; exec sleep infinity']
    healthcheck: {test: [CMD, sh, /probe/run, health], interval: 1s, retries: 100}
    post_start: [{command: [sh, /probe/run, started]}]
    pre_stop: [{command: [sh, /probe/run, stopping]}]
    ${more}`
const HARD = `user: '33:34'
    group_add: ['35']
    cap_drop: [ALL]
    read_only: true
    security_opt: [no-new-privileges]
    ulimits: {nofile: 77}`
const CONFINED = `name: confined
services:
${probed('plain', 'working_dir: /tmp')}
${probed('hard', HARD)}
${probed('more', 'cap_add: [SYS_PTRACE, NET_ADMIN]')}
`

test('health checks, hooks and exec may do what their container may, and no more', async () => {
  const names = ['plain', 'hard', 'more']
  for (const name of names) {
    const folder = join(HOME, 'project', name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'run'), PROBE)
    chmodSync(folder, 0o777)
  }
  await ok(CONFINED, 'up', '-d', '--wait')
  for (const name of names) await ok(CONFINED, 'exec', '-T', name, 'sh', '/probe/run', 'exec')
  const isThere = () => names.every((name) => existsSync(join(HOME, 'project', name, 'main')))
  await until(async () => String(isThere()), /true/)
  await ok(CONFINED, 'down', '-t', '1')
  // The next test's supervisor is to be another, with groups of its own.
  await until(async () => (processes().length === 0 ? 'none' : 'some'), /none/)
  for (const name of names) {
    for (const by of ['health', 'started', 'exec', 'stopping']) {
      expect(seen(name, by), `${name} ${by}`).toBe(seen(name, 'main'))
    }
  }
  expect(seen('plain', 'main')).toMatch(/CapEff:\t00000000a80425fb\n[^]*Seccomp:\t2\n/)
  expect(seen('plain', 'main')).not.toMatch(
    /(mount|unshare|dmesg|hostname|grep|nsenter|sh -c).*: 0\n/,
  )
  expect(seen('hard', 'main')).toMatch(
    /^Uid:\t33\t.*\nGid:\t34\t.*\nGroups:\t34 35 \nCap[^]*CapEff:\t0{16}\nCapBnd:\t0{16}\n[^]*NoNewPrivs:\t1\nSeccomp:\t2\n/,
  )
  expect(seen('more', 'main')).toMatch(/CapEff:\t00000000a80c35fb\n/)
})

function seen(service: string, by: string): string {
  return readFileSync(join(HOME, 'project', service, by), 'utf8')
}

const UNIFIED = '/sys/fs/cgroup'
const LIMITS = `name: limited
services:
  forks:
    image: 'host:'
    network_mode: none
    pids_limit: 8
    command: [sh, -c, 'i=0; while [ $$i -lt 12 ]; do sleep 1 & i=$$((i+1)); done; echo all']
  eats:
    image: 'host:'
    network_mode: none
    mem_limit: 24m
    memswap_limit: 24m
    command: [tail, /dev/zero]
  spins:
    image: 'host:'
    network_mode: none
    cpus: 0.1
    command: [sh, -c, 'while :; do :; done']
`

// Only v2 is given over to users (cgroup-v2.rst, "Delegation"): a machine with v1 has no such
// group.
test.runIf(existsSync(`${UNIFIED}/cgroup.controllers`))(
  'limits hold in a group that was given over, as systemd does by Delegate=yes',
  async () => {
    const group = join(UNIFIED, `${USER}.scope`)
    mkdirSync(group)
    for (const name of ['', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control']) {
      chownSync(join(group, name), uid, uid)
    }
    const inGroup = ['sh', '-ec', `echo $$ > ${group}/cgroup.procs; exec "$@"`, 'sh']
    expect((await runIn(inGroup, LIMITS, ['up', '-d'])).stderr).not.toContain('error')
    const states = async () =>
      JSON.parse(await ok(LIMITS, 'ps', '--all', '--json')) as {
        service: string
        pid?: number
        state: string
      }[]
    const of = async (service: string) => (await states()).find((one) => one.service === service)
    await until(async () => (await of('eats'))?.state ?? '', /exited/)
    expect(await of('eats')).toMatchObject({ exitCode: 137, oomKilled: true })
    await until(() => ok(LIMITS, 'logs', '--no-log-prefix', 'forks'), /can't fork|Cannot fork/)
    const path = readFileSync(`/proc/${(await of('spins'))?.pid}/cgroup`, 'utf8')
      .slice(3)
      .trim()
    expect(path.startsWith(`/${USER}.scope/tsstack/`)).toBe(true)
    const throttled = async () =>
      /^nr_throttled (\d+)$/m.exec(readFileSync(join(UNIFIED, path, 'cpu.stat'), 'utf8'))?.[1] ?? ''
    await until(throttled, /^([3-9]|\d\d+)$/)
    await ok(LIMITS, 'down', '-t', '0')
    await until(async () => (processes().length === 0 ? 'none' : 'some'), /none/)
    // Where the commands had to go, so that the group could pass its controllers down.
    for (const path of ['tsstack/_callers', 'tsstack', '']) rmdirSync(join(group, path))
  },
)

test('tsstack daemon stays for a service manager, and takes over what a command has started', async () => {
  mkdirSync(join(HOME, 'project/shared'), { recursive: true })
  execFileSync('chown', ['-R', `${USER}:`, HOME])
  await ok(STACK, 'up', '-d', '--wait')
  const [before] = JSON.parse(await ok(STACK, 'ps', '--json', 'web')) as { pid: number }[]
  const path = 'PATH=/usr/bin:/bin:/usr/sbin:/sbin'
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${USER}`, '--init-groups', '--inh-caps=-all']
  const daemon = [...user, 'env', '-i', `HOME=${HOME}`, path, process.execPath, CLI, 'daemon']
  const first = named(/^tsstack supervisor/)
  const running = sandbox.startInNetns(daemon, { cwd: HOME })
  // One that stays needs no guardian: it is the service manager's to start it again.
  const isTaken = () => {
    const now = named(/^tsstack supervisor/)
    return now !== undefined && now !== first && named(/^tsstack: guardian/) === undefined
  }
  await until(async () => String(isTaken()), /true/)
  const [after] = JSON.parse(await ok(STACK, 'ps', '--json', 'web')) as { pid: number }[]
  expect(after?.pid).toBe(before?.pid)
  await ok(STACK, 'down', '-v')
  // Nothing is left to be supervised, and it stays all the same.
  expect(running.exitCode).toBe(null)
  running.kill('SIGTERM')
  await until(async () => String(running.exitCode), /^0$/)
  await until(async () => (processes().length === 0 ? 'none' : 'some'), /none/)
})

test('tsstack enable writes a unit of the user’s own systemd, and says what linger is for', async () => {
  const { stderr } = await run(STACK, 'enable')
  const file = join(HOME, '.config/systemd/user/tsstack.service')
  expect(stderr).toContain(`wrote ${file}`)
  expect(stderr).toContain('systemctl --user daemon-reload && systemctl --user start')
  expect(stderr).toContain(`loginctl enable-linger ${USER}`)
  const text = readFileSync(file, 'utf8')
  expect(text).toMatch(/WantedBy=default\.target/)
  expect(text).toMatch(/Delegate=yes/)
  expect(text).not.toContain('network-online')
  expect(existsSync(join(HOME, '.config/systemd/user/default.target.wants/tsstack.service'))).toBe(
    true,
  )
  expect((await run(STACK, 'disable')).stderr).toContain(`removed ${file}`)
  expect(existsSync(file)).toBe(false)
})
