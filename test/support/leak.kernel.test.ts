/** The leak check finds a planted leak of each kind, and forgives nothing that stays. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { differences, leaks, snapshot, watchForLeaks } from './leak.ts'
import { cgroupMounts } from './leak/files.ts'
import { Sandbox } from './sandbox.ts'
import { until } from './until.ts'

let sandbox: Sandbox
const ended: ChildProcess[] = []
beforeEach(async () => {
  sandbox = await Sandbox.open()
})
afterEach(() => sandbox.close())

/** What the check says after `plant`, without waiting for it to go away by itself. */
async function found(plant: () => unknown): Promise<string> {
  const scope = { ...sandbox.scope, roots: [sandbox.root] }
  const before = snapshot(scope)
  await plant()
  return leaks(before, scope, 0)
}

const inside = (...words: readonly string[]): Promise<unknown> =>
  sandbox.inNetns(words).then((result) => expect(result).toMatchObject({ code: 0, stderr: '' }))

test('leaks() is empty when nothing happened', async () => {
  expect(await found(() => undefined)).toBe('')
})

test('leaks() reports a process that names the root, though it is nobody’s child', async () => {
  const file = join(sandbox.root, 'watched')
  writeFileSync(file, '')
  const text = await found(async () => {
    const { stdout } = spawnSync('sh', ['-c', `tail -f ${file} >/dev/null 2>&1 & echo $!`])
    // What the shell has forked is the shell until it has become another program.
    const command = `/proc/${stdout.toString().trim()}/cmdline`
    await until(() => readFile(command, 'utf8'), /^tail/)
  })
  expect(text).toMatch(/^\+ process \d+ \(start \d+, [A-Z]\): tail -f /m)
})

test('leaks() reports a child of the test', async () => {
  const child = spawn('sleep', ['1000'])
  const report = watchForLeaks({ marks: [sandbox.root] })
  const other = spawn('sleep', ['1001'])
  const text = await report(0)
  child.kill()
  other.kill()
  await Promise.all([once(child, 'exit'), once(other, 'exit')])
  expect(text).toContain('sleep 1001')
  expect(text).not.toContain('sleep 1000')
})

test('leaks() reports a process that has ended and that its parent never asks for', async () => {
  const text = await found(async () => {
    // What sh becomes knows nothing of the child that it has.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 1002'])
    const [pid] = (await once(parent.stdout, 'data')) as [Buffer]
    await until(() => readFile(`/proc/${pid.toString().trim()}/stat`, 'utf8'), /\) Z /)
    ended.push(parent)
  })
  for (const parent of ended.splice(0)) {
    parent.kill()
    await once(parent, 'exit')
  }
  expect(text).toMatch(/^\+ process \d+ \(start \d+, Z\): \[sleep\]$/m)
})

test('leaks() reports a process that lives in the namespace, and a listening socket', async () => {
  const text = await found(async () => {
    const child = sandbox.start(['--version'])
    child.kill('SIGKILL')
    await once(child, 'exit')
    const script = "require('net').createServer().listen(4711,'127.0.0.1',()=>console.log('up'))"
    const server = spawn('nsenter', [`--net=${sandbox.netns}`, process.execPath, '-e', script])
    await once(server.stdout, 'data')
  })
  expect(text).toContain('listen(4711')
  expect(text).toContain('+ socket (netns 1) tcp 127.0.0.1:4711')
})

test('leaks() reports a mount in a namespace of ours', async () => {
  const target = join(sandbox.root, 'mounted')
  mkdirSync(target)
  const text = await found(async () => {
    const script = `mount -t tmpfs none ${target} && echo mounted && exec sleep 1000`
    const child = spawn('unshare', ['--mount', 'sh', '-c', script])
    await once(child.stdout, 'data')
  })
  expect(text).toMatch(new RegExp(`^\\+ mount mnt:\\[\\d+\\] \\d+ tmpfs / on ${target}$`, 'm'))
  expect(text).toMatch(/^\+ namespace mnt:\[\d+\]$/m)
})

test('leaks() reports a control group', async () => {
  const group = join(cgroupMounts()[0] ?? '', `tsstack-leak-${sandbox.root.slice(-6)}`)
  const report = watchForLeaks()
  mkdirSync(group)
  const text = await report(0)
  rmdirSync(group)
  expect(text).toContain(`+ cgroup ${group}`)
})

test('leaks() reports a link, its address and its route', async () => {
  const text = await found(async () => {
    await inside('ip', 'link', 'add', 'planted', 'type', 'bridge')
    await inside('ip', 'addr', 'add', '10.9.8.1/24', 'dev', 'planted')
    await inside('ip', 'link', 'set', 'planted', 'up')
  })
  expect(text).toMatch(/^\+ link \(netns 1\) .*"planted"/m)
  expect(text).toMatch(/^\+ address \(netns 1\) planted 10\.9\.8\.1\/24$/m)
  expect(text).toMatch(/^\+ route \(netns 1\) .*"10\.9\.8\.0\/24"/m)
})

test('leaks() reports a table and its rule', async () => {
  const text = await found(async () => {
    await inside('nft', 'add table inet planted')
    await inside('nft', 'add chain inet planted c')
    await inside('nft', 'add rule inet planted c counter drop')
  })
  expect(text).toMatch(/^\+ rule \(netns 1\) \{"table":\{.*"planted"/m)
  expect(text).toMatch(/^\+ rule \(netns 1\) \{"rule":\{.*"drop"/m)
})

test('leaks() reports forwarding that was switched on', async () => {
  const text = await found(() => inside('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'))
  expect(text).toContain('+ switch (netns 1) ip_forward 1')
  expect(text).toContain('- switch (netns 1) ip_forward 0')
})

test('leaks() reports a file in the root and a namespace that the test holds open', async () => {
  let fd = -1
  const text = await found(() => {
    writeFileSync(join(sandbox.root, 'left-over'), '')
    fd = openSync(sandbox.netns, 'r')
  })
  closeSync(fd)
  expect(text).toContain(`+ file ${join(sandbox.root, 'left-over')}`)
  expect(text).toMatch(/^\+ descriptor \d+ net:\[\d+\]$/m)
})

test('leaks() reports a listening socket of the test itself', async () => {
  const server = createServer()
  const text = await found(() => once(server.listen(0, '127.0.0.1'), 'listening'))
  await new Promise((resolve) => server.close(resolve))
  expect(text).toMatch(/^\+ socket tcp 127\.0\.0\.1:\d+$/m)
})

test('leaks() waits for what is going away', async () => {
  const report = watchForLeaks({ marks: [sandbox.root] })
  const child = spawn('sleep', ['0.2'])
  const ended = once(child, 'exit')
  expect(await report()).toBe('')
  await ended
})

test('differences() names what is missing as well', () => {
  const before = new Map([['route', new Set(['default'])]])
  expect(differences(before, new Map())).toEqual(['- route default'])
})

test('Sandbox.close() ends what was left running in it', async () => {
  const other = await Sandbox.open()
  const report = watchForLeaks({ marks: [other.root], namespaces: [] })
  const words = [`--net=${other.netns}`, 'sh', '-c', 'echo in; exec sleep 1000']
  await once(spawn('nsenter', words, { detached: true }).stdout, 'data')
  other.start(['version'])
  await other.close()
  // The holder was there before, and is gone now.
  const added = async () => (await report(0)).split('\n').filter((line) => line.startsWith('+'))
  await until(async () => (await added()).join('\n'), /^$/)
})
