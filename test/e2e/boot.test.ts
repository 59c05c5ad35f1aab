/** After a reboot, `tsstack daemon` brings up what was up; `enable` lets systemd run it. */
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { markedProcesses } from '../support/leak/processes.ts'
import type { Sandbox } from '../support/sandbox.ts'
import { killIfThere } from '../support/supervisor.ts'
import { until } from '../support/until.ts'
import { CLI, Scene } from './cli-scene.ts'

let scene: Scene
let sandbox: Sandbox
let folder: string
beforeEach(async () => {
  scene = await Scene.open()
  ;({ sandbox, folder } = scene)
})
afterEach(() => scene.close())

const STACK = `
name: boot
services:
  db:
    image: 'host:'
    command: [sleep, infinity]
    restart: unless-stopped
  web:
    image: 'host:'
    command: [sh, -c, 'getent hosts db && exec sleep 1000']
    restart: on-failure
    depends_on: [db]
  job:
    image: 'host:'
    command: ['true']
  idle:
    image: 'host:'
    command: [sleep, infinity]
    restart: unless-stopped
  gone:
    image: 'host:'
    command: [sleep, infinity]
    restart: unless-stopped
`

const ours = (): readonly number[] =>
  markedProcesses({ marks: sandbox.scope.marks ?? [], namespaces: [] })
    .filter(({ state }) => state !== 'Z')
    .map(({ pid }) => pid)

/** Everything that a reboot takes away, and nothing else: processes, networks, run directory. */
async function reboot(): Promise<void> {
  // Stopped first: nobody is to see another one die, and to write that down or to act on it.
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    for (const pid of ours()) killIfThere(pid, signal)
  }
  for (let left = ours(); left.length > 0; left = ours()) {
    for (const pid of left) killIfThere(pid)
    await sleep(50)
  }
  const links = 'for l in $(ls /sys/class/net); do ip link del $l 2>/dev/null; done'
  const drop = `${links}; nft flush ruleset; echo 0 > /proc/sys/net/ipv4/ip_forward`
  await sandbox.inNetns(['unshare', '--mount', 'sh', '-c', `mount -t sysfs s /sys; ${drop}; true`])
  rmSync(join(sandbox.root, 'run'), { recursive: true })
}

/** `tsstack daemon` on a machine of another boot. */
function daemon(boot: string): ReturnType<Sandbox['start']> {
  const file = join(folder, boot)
  writeFileSync(file, `${boot}\n`)
  const script = `mount --bind ${file} /proc/sys/kernel/random/boot_id && exec "$@"`
  const words = ['unshare', '--mount', 'sh', '-c', script, 'sh', process.execPath, CLI, 'daemon']
  return sandbox.startInNetns(words, { cwd: '/' })
}

/** Whatever supervisor a command has started before. */
async function supervises({ pid }: ReturnType<typeof daemon>): Promise<void> {
  await until(async () => (await scene.run('info', '--json')).stdout, RegExp(`"pid": ${pid}\\b`))
}

test('tsstack daemon brings up, once for each boot, what was up, in its order', async () => {
  writeFileSync(join(folder, 'compose.yaml'), STACK)
  await scene.ok('up', '-d')
  await until(async () => (await scene.run('ps', '-a')).stdout, /job .*exited \(0\)/)
  await scene.ok('stop', 'idle')
  await scene.ok('down', '-t', '0', 'gone')
  await reboot()
  const first = daemon('11111111-0000-0000-0000-000000000000')
  let said = ''
  first.stderr.on('data', (text: Buffer) => (said += String(text)))
  await until(async () => said, /bringing up stack "boot" after a reboot: db, web/)
  await until(async () => (await scene.run('ps')).stdout, /db .*running[^]*web .*running/)
  const all = (await scene.ok('ps', '-a')).stdout
  expect(all).toMatch(/boot-job-1 .*exited \(0\)/)
  expect(all).toMatch(/boot-idle-1 .*exited/)
  expect((await scene.ok('exec', 'web', 'getent', 'hosts', 'db')).stdout).toContain('db')
  await scene.ok('stop', 'db')
  first.kill('SIGTERM')
  await until(async () => String(first.exitCode), /^0$/)
  const second = daemon('11111111-0000-0000-0000-000000000000')
  await supervises(second)
  await until(async () => (await scene.run('ps', '-a')).stdout, /db .*exited/)
  expect((await scene.ok('ps', '-q')).stdout).toBe('boot-web-1\n')
  await scene.ok('down', '-t', '0')
  second.kill('SIGTERM')
  await until(async () => String(second.exitCode), /^0$/)
  expect(await sandbox.leaks({ kept: /\/state\/boot-id$/ })).toBe('')
})

test('tsstack daemon takes over from a supervisor that a command has started', async () => {
  scene.write({ web: ['command: [sleep, infinity]'] })
  await scene.ok('up', '-d')
  const [{ pid: web }] = JSON.parse((await scene.ok('ps', '--json')).stdout)
  const running = sandbox.start(['daemon'])
  await supervises(running)
  const [{ pid }] = JSON.parse((await scene.ok('ps', '--json')).stdout)
  expect(pid).toBe(web)
  await scene.ok('down', '-t', '0')
  running.kill('SIGTERM')
  await until(async () => String(running.exitCode), /^0$/)
  expect(await sandbox.leaks({ kept: /\/state\/boot-id$/ })).toBe('')
})

test('enable writes a unit and its link, disable removes both, and each can be said twice', async () => {
  const directory = mkdtempSync(join(folder, 'units-'))
  const words = ['--directory', directory]
  await scene.ok('enable', ...words)
  const again = await scene.ok('enable', ...words)
  const name = /wrote (\S+):/.exec(again.stderr)?.[1] ?? ''
  const text = readFileSync(name, 'utf8')
  expect(text).toContain(`ExecStart="${process.execPath}" "${CLI}" daemon`)
  expect(text).toContain(`Environment="TSSTACK_ROOT=${sandbox.root}"`)
  expect(text).toMatch(/KillMode=process\nDelegate=yes/)
  const link = join(directory, 'multi-user.target.wants', name.slice(directory.length + 1))
  expect(readlinkSync(link)).toBe(name)
  expect(again.stderr).toContain('systemctl daemon-reload')
  await scene.ok('disable', ...words)
  expect(existsSync(name)).toBe(false)
  expect(lstatSync(link, { throwIfNoEntry: false })).toBeUndefined()
  expect((await scene.ok('disable', ...words)).stderr).toContain('nothing to change')
})
