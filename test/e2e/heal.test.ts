/** What others break in the kernel is seen, said, and put right, while the container runs on. */
import { globSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { Scene, shell, SLEEP } from './cli-scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.open()
  scene.write({
    web: [
      'command: [python3, -m, http.server, "80"]',
      'init: true',
      'mem_limit: 64m',
      'ports: ["8096:80"]',
      'volumes: ["/data"]',
    ],
    db: SLEEP,
  })
  scene.replace('network_mode: none', 'networks: [default]')
  await scene.ok('up', '-d')
  await scene.sandbox.curl('http://127.0.0.1:8096/')
})
afterEach(() => scene.close())

/** Lines of `events` that say what was found changed, once `pattern` is among them. */
function told(pattern: RegExp): Promise<string> {
  return until(remembered, pattern)
}

async function remembered(): Promise<string> {
  const now = `${Date.now() / 1000}`
  return (await scene.ok('events', '--since', '1h', '--until', now)).stdout
}

async function ip(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await scene.sandbox.inNetns(words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** All is as it was: the same processes, nothing drifted, web answers, db finds it by name. */
async function expectWhole(before: string): Promise<void> {
  await until(async () => (await scene.run('status')).stdout, / 0 drifted/)
  expect(await pids()).toBe(before)
  expect(await scene.sandbox.curl('http://127.0.0.1:8096/')).toContain('Directory listing')
  const found = await scene.ok('exec', 'db', 'getent', 'hosts', 'web')
  expect(found.stdout).toMatch(/^10\.89\.\d+\.\d+ +web/)
  await scene.ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
}

async function pids(): Promise<string> {
  const list = JSON.parse((await scene.ok('ps', '--json')).stdout) as { pid: number }[]
  return list.map(({ pid }) => pid).join()
}

const linkNames = async (kind: string): Promise<readonly string[]> =>
  (await ip('ip', '-o', 'link', 'show', 'type', kind))
    .split('\n')
    .flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? [])

test('a veth that is deleted is laid again', async () => {
  const before = await pids()
  for (const name of await linkNames('veth')) await ip('ip', 'link', 'delete', name)
  await told(
    /drift container "cli-web-1": interface cli_default was gone; it is \S+ in \S+, up again/,
  )
  await expectWhole(before)
})

test('a bridge that is deleted is made again, and everybody connected to it', async () => {
  const before = await pids()
  const [bridge = ''] = await linkNames('bridge')
  await ip('ip', 'link', 'delete', bridge)
  await told(/drift network "cli_default": bridge was gone[^]*cli-web-1": interface/)
  await expectWhole(before)
})

test('a bridge without its address, and one that is down, are put right', async () => {
  const before = await pids()
  const [bridge = ''] = await linkNames('bridge')
  await ip('ip', 'link', 'set', bridge, 'down')
  await told(/bridge was \S+ down; it is \S+ up again/)
  await ip('ip', 'address', 'flush', 'dev', bridge)
  await told(/gateway was gone; it is 10\.89\.\d+\.1 again/)
  await expectWhole(before)
})

test('firewall rules that are flushed are written again', async () => {
  const before = await pids()
  await ip('nft', 'flush', 'ruleset')
  await told(/drift firewall: rules of ours were gone; they are there again/)
  await expectWhole(before)
})

/** Runs `words` in the network namespace of a service's container, as somebody of the host. */
async function inside(service: string, ...words: readonly string[]): Promise<string> {
  const pid = await pidOf(service)
  return ip('nsenter', '-t', `${pid}`, '-n', ...words)
}

async function pidOf(service: string): Promise<number> {
  const list = JSON.parse((await scene.ok('ps', '--json')).stdout) as {
    readonly pid: number
    readonly service: string
  }[]
  const found = list.find((one) => one.service === service)
  // The pid of nobody would be ours, and what is done there would be done to the host.
  if (found === undefined || found.pid <= 1) throw new Error(`"${service}" does not run`)
  return found.pid
}

test('a rule that says something else now is written again', async () => {
  const before = await pids()
  const list = async (): Promise<readonly { readonly rule?: Rule }[]> =>
    JSON.parse(await ip('nft', '-j', '-a', 'list', 'ruleset')).nftables
  interface Rule {
    readonly table: string
    readonly chain: string
    readonly handle: number
  }
  const [first] = (await list()).flatMap(({ rule }) => rule ?? [])
  expect(first).toBeDefined()
  const place = ['ip', first?.table ?? '', first?.chain ?? '', 'handle', `${first?.handle}`]
  await ip('nft', 'replace', 'rule', ...place, 'counter')
  await told(/drift firewall: rules of ours were gone; they are there again/)
  expect(await ip('nft', 'list', 'table', 'ip', first?.table ?? '')).not.toContain('counter')
  await expectWhole(before)
})

test('an address, a default route and an interface inside a container are put back', async () => {
  const before = await pids()
  const where = 'drift container "cli-web-1": inside cli_default was'
  const whole = 'it is eth0 with 10\\.89\\.\\d+\\.\\d+ again'
  await inside('web', 'ip', 'route', 'delete', 'default')
  await told(new RegExp(`${where} no route by \\S+; ${whole}`))
  await inside('web', 'ip', 'address', 'flush', 'dev', 'eth0')
  // A look may come between what the kernel takes away one after the other.
  await told(new RegExp(`${where} no address \\S+(, no route by \\S+)?; ${whole}`))
  await inside('web', 'ip', 'link', 'set', 'eth0', 'down')
  await told(new RegExp(`${where} eth0 down(, no route by \\S+)?; ${whole}`))
  // In one breath: it is up again soon, and then a kernel before 6.2 gives it no other name.
  const renamed = 'ip link set eth0 down && ip link set eth0 name other'
  await inside('web', 'sh', '-c', `until ${renamed}; do :; done 2>/dev/null`)
  await told(new RegExp(`${where} no eth0; ${whole}`))
  expect(await inside('web', 'ip', '-o', 'route', 'show')).toMatch(
    /^default via 10\.89\.\d+\.1 dev eth0/,
  )
  await expectWhole(before)
})

test('names are answered again after their rules were flushed, or their sockets closed', async () => {
  const before = await pids()
  await inside('db', 'nft', 'flush', 'ruleset')
  await told(/"cli-db-1": names was rules gone; it is 127\.0\.0\.11 answers again/)
  expect((await scene.ok('exec', 'db', 'getent', 'hosts', 'web')).stdout).toContain('10.89.')
  await inside('db', 'ss', '--kill', '--udp', '--tcp', '--all')
  await told(/"cli-db-1": names was sockets gone; it is 127\.0\.0\.11 answers again/)
  await expectWhole(before)
})

test('who may change its own network is not corrected, but finds names', async () => {
  scene.write({ web: [...SLEEP, 'cap_add: [NET_ADMIN]'], db: SLEEP })
  scene.replace('network_mode: none', 'networks: [default]')
  await scene.ok('up', '-d')
  await scene.ok('exec', 'web', 'ip', 'route', 'delete', 'default')
  await scene.ok('exec', 'web', 'nft', 'flush', 'ruleset')
  await told(/"cli-web-1": names was rules gone; it is 127\.0\.0\.11 answers again/)
  expect((await scene.ok('exec', 'web', 'ip', 'route')).stdout).not.toContain('default')
  expect(await remembered()).not.toContain('inside')
  await scene.ok('down', '-v', '-t', '0')
})

test('rules against forged addresses are written again', async () => {
  scene.append('networks: {default: {driver_opts: {tsstack.anti_spoofing: "true"}}}')
  await scene.ok('up', '-d')
  const before = await pids()
  // Of several containers that start at once either may be first.
  const guards = async (): Promise<string> =>
    (await ip('nft', 'list', 'ruleset', 'netdev')).split('\n').toSorted().join('\n')
  const whole = await guards()
  expect(whole.match(/in the name of other hardware/g)).toHaveLength(2)
  await ip('nft', 'flush', 'ruleset', 'netdev')
  await told(/"cli-web-1": guard cli_default was gone; it is own addresses only again/)
  await until(guards, /(in the name of other hardware[^]*){2}/)
  expect(await guards()).toBe(whole)
  const [link = ''] = await linkNames('veth')
  const table = /table netdev (\S+)/.exec(whole)?.[1] ?? ''
  await ip('nft', 'flush', 'chain', 'netdev', table, link)
  await until(guards, /(in the name of other hardware[^]*){2}/)
  await expectWhole(before)
})

test('a limit that somebody edits is set back', async () => {
  const before = await pids()
  const files = [
    'memory/tsstack/*/cli/cli-web-1/memory.limit_in_bytes',
    'tsstack/*/cli/cli-web-1/memory.max',
  ]
  const ours = scene.sandbox.scope.marks ?? []
  const [file = ''] = files
    .flatMap((name) => globSync(`/sys/fs/cgroup/${name}`))
    .filter((path) => ours.some((mark) => path.includes(mark)))
  writeFileSync(file, `${32 * 1024 * 1024}`)
  await told(/limit memory\.\S+ was 33554432; it is 67108864 again/)
  expect(readFileSync(file, 'utf8').trim()).toBe(`${64 * 1024 * 1024}`)
  await expectWhole(before)
})

/** Takes a mount of a service away, as somebody of the host who has come into its mounts. */
async function unmount(service: string, place: string): Promise<void> {
  const pid = await pidOf(service)
  await ip('nsenter', '-t', `${pid}`, '-m', 'umount', place)
}

test('a volume that is unmounted inside a container is attached again', async () => {
  const before = await pids()
  await scene.ok('exec', 'web', 'sh', '-c', 'echo kept > /data/it')
  await unmount('web', '/data')
  await told(/"cli-web-1": mount \/data was gone; it is a volume of its own again/)
  expect((await scene.ok('exec', 'web', 'cat', '/data/it')).stdout).toBe('kept\n')
  await expectWhole(before)
})

test('status counts one field of a stack that is not up yet', async () => {
  const { stdout } = await scene.ok('-p', 'fresh', 'status')
  expect(stdout).toBe('fresh: 1 field in sync, 0 drifted\n')
})

test('what cannot be mended while it runs is shown as drifted, field by field', async () => {
  const source = join(scene.folder, 'gone')
  mkdirSync(source)
  const bind = `{type: bind, source: ${source}, target: /mnt, bind: {create_host_path: false}}`
  scene.write({ web: [...SLEEP, `volumes: [${bind}]`] })
  await scene.ok('up', '-d', '-t', '0', '--remove-orphans')
  expect((await scene.ok('status', '-a')).stdout).toMatch(/^cli: \d+ fields in sync, 0 drifted$/m)
  rmdirSync(source)
  await unmount('web', '/mnt')
  await told(
    /"cli-web-1": mount \/mnt was gone, and cannot be made bind of "\S+": [^\n]*tsstack restart/,
  )
  const drifted = await scene.run('status')
  expect(drifted).toMatchObject({ code: 2 })
  expect(drifted.stdout).toMatch(/^cli-web-1 +mount \/mnt +Drifted +bind of "\S+" +gone$/m)
  const json = JSON.parse((await scene.run('status', 'web', '--json')).stdout)
  expect(json).toContainEqual(expect.objectContaining({ field: 'mount /mnt', state: 'Drifted' }))
  expect((await scene.run('status', 'wbe')).stderr).toContain('Did you mean "web"?')
  mkdirSync(source)
  await scene.ok('restart', '-t', '0', 'web')
  await until(async () => (await scene.run('status')).stdout, / 0 drifted/)
  await scene.ok('down', '-v', '-t', '0')
})

test('a monitor that is killed is an end of its container, which the restart policy mends', async () => {
  scene.write({ web: [shell('sleep 1000'), 'restart: always'] })
  await scene.ok('up', '-d', '--remove-orphans')
  const status = JSON.parse((await scene.ok('status', '--json')).stdout)
  const monitor = status.find(({ field }: { field: string }) => field === 'monitor')
  process.kill(Number(monitor.actual.replace('pid ', '')), 'SIGKILL')
  const find = async (): Promise<string> => (await scene.ok('ps', '-a', '--json')).stdout
  await until(find, /"attempt": 2[^]*|"attempt": [3-9]/)
  await told(/container die cli-web-1 \(service=web, exitCode=137\)[^]*start cli-web-1/)
  await scene.ok('down', '-v', '-t', '0')
  expect(await scene.sandbox.leaks()).toBe('')
})
